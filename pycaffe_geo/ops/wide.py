"""float16 arrays in functions that compute in float32: widened on the way in, rounded on the way out."""

import numpy as np


def is_half(dtype):
    """True for float16."""
    return np.dtype(dtype) == np.float16


def widened(function, *writes):
    """Return `function` for float16 arrays, made of one for float32. writes: which of its arguments it writes or adds to."""

    def run(*arguments, **options):
        wide = [a.astype("float32") if getattr(a, "dtype", None) == np.float16 else a for a in arguments]
        result = function(*wide, **options)
        with np.errstate(over="ignore"):  # what does not fit is infinite: the solver looks for that
            for i in writes:
                if wide[i] is not arguments[i]:
                    arguments[i][...] = wide[i]
        return result

    return run


class WidePlan:
    """A plan for float16 arrays by `plan`, one for float32. writes: for each of its functions what `widened` takes."""

    def __init__(self, plan, **writes):
        self.out_shape = getattr(plan, "out_shape", None)
        for name, places in writes.items():
            setattr(self, name, widened(getattr(plan, name), *places))
