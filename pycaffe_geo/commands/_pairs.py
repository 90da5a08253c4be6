"""What the tools for pair files tell about them: what they hold, measures of single pairs and the table of many."""

MOST_PAIRS = 256  # measured for a table; of larger files, so many that are spread evenly
_AXES = "x", "y", "z"


def has_pairs(file):
    """Are there pairs in a PairFile that can be measured: with depth and poses?"""
    return len(file) > 0 and {"depth", "pose_c2w"} <= set(file.names)


def contents(file):
    """Return what a PairFile holds, as text: "12 frames of 40x32 in 3 sequences, 30 pairs; color, depth, ..."."""
    count = len(set(file.runs()))
    runs = f" in {count} sequence{'s' * (count > 1)}" if "sequence" in file.names else ""
    pairs = f", {len(file)} pairs" if "pairs" in file.names else ""
    datasets = ", ".join(name for name in file.names if name not in ("pairs", "sequence"))
    return f"{file.frames} frames of {file.width}x{file.height}{runs}{pairs}; {datasets}"


def describe_file(file):
    """Return what a PairFile holds and, with pairs, depth and poses, what up to MOST_PAIRS pairs are like."""
    measured = f"\n{describe(measure_file(file))}" if has_pairs(file) else ""
    return contents(file) + measured


def measure_file(file):
    """Return ({measure: array}, of `measure_pairs`) of up to MOST_PAIRS pairs spread over a PairFile."""
    import numpy as np

    from pycaffe_geo.commands._common import progress
    from pycaffe_geo.datasets.measure import measure_pairs

    chosen = np.unique(np.linspace(0, len(file) - 1, min(len(file), MOST_PAIRS)).astype(int))
    at_once = max(1, 2**20 // (file.height * file.width))
    parts = [chosen[i:i + at_once] for i in range(0, len(chosen), at_once)]
    return joined([measure_pairs(file.batch(parts[i])) for i in progress(len(parts), "measuring")])


def joined(measures):
    """Return measures of several batches as one: {name: array} with the pairs along the first axis."""
    import numpy as np

    return {name: np.concatenate([m[name] for m in measures]) for name in measures[0]}


def describe(measures):
    """Return what `measures` say as text: the table of motion and flow, then depth, then the colour errors."""
    import numpy as np

    from pycaffe_geo.commands._common import table

    rows = [["", "least", "mean", "largest", "mean size"]]
    for name, unit, along in (("rotation", "degrees", "about"), ("translation", "m", "along")):
        values = measures[name]
        rows += [_row(f"{name} {along} {axis}, {unit}", values[:, i], signed=True) for i, axis in enumerate(_AXES)]
        rows.append(_row(f"{name}, {unit}", np.linalg.norm(values, axis=1)))
    rows.append(_row("flow, pixels", measures["flow"]))
    least, median, largest = measures["depth"].T
    depth = f"{_of(np.min, least):.2f} to {_of(np.max, largest):.2f} m, median {_of(np.median, median):.2f} m"
    return "\n".join([
        table(rows),
        f"depth of tgt: {depth}; {measures['no_depth'].mean():.2%} of the pixels have none",
        f"mean colour error (0..255) over the pixels seen by both ({measures['seen'].mean():.1%}): {errors_text(measures)}",
    ])


def errors_text(measures):
    """Return "13.17 unwarped -> 2.97 warped (19.14 in the wrong direction)": the means of `measures`."""
    import numpy as np

    unwarped, warped, wrong = (_of(np.mean, measures[name]) for name in ("unwarped", "warped", "wrong"))
    return f"{unwarped:.2f} unwarped -> {warped:.2f} warped ({wrong:.2f} in the wrong direction)"


def _row(name, values, signed=False):
    import numpy as np

    numbers = [_of(f, values) for f in (np.min, np.mean, np.max)] + [_of(np.mean, abs(values))] * signed
    return [name, *(f"{number:.3f}" for number in numbers), *[""] * (4 - len(numbers))]


def _of(function, values):
    """Return function(values) over those that are no NaN, NaN where all are."""
    known = values[values == values]
    return float(function(known)) if known.size else float("nan")
