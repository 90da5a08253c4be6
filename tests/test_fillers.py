import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from pycaffe_geo.backend import CPU
from pycaffe_geo.fillers import FILLERS, Filler, fill

GOLDEN = Path(__file__).parents[2] / "shared/golden/fillers"


def draw(shape, **filler):
    return fill(Filler(**filler), shape, CPU.generator(0, "test"))


def filler_of(text, Kind=Filler):
    """A Filler from the prototxt fields recorded beside a golden case."""
    fields = dict(re.findall(r'(\w+):\s*"?([\w.+-]+)"?', text))
    kinds = {"type": str, "variance_norm": str, "sparse": int}
    return Kind(**{k: kinds.get(k, float)(v) for k, v in fields.items()})


@pytest.mark.parametrize("name", FILLERS)
def test_shape_and_repeatability(name):
    shape = (2, 4, 3, 3)
    assert draw(shape, type=name).shape == shape
    np.testing.assert_array_equal(draw(shape, type=name), draw(shape, type=name))


def test_unknown_type_names_the_nearest():
    with pytest.raises(ValueError, match="unknown filler type 'xavir', did you mean 'xavier'"):
        Filler("xavir")


def test_xavier_and_msra_have_the_variance_of_their_papers():
    shape = (200, 50, 3, 3)
    fan_in, fan_out = 450, 1800
    for norm, fan in (("FAN_IN", fan_in), ("FAN_OUT", fan_out), ("AVERAGE", (fan_in + fan_out) / 2)):
        assert draw(shape, type="xavier", variance_norm=norm).var() == pytest.approx(1 / fan, rel=0.02)
        assert draw(shape, type="msra", variance_norm=norm).var() == pytest.approx(2 / fan, rel=0.02)


def test_sparse_gaussian_keeps_few():
    values = draw((100, 400), type="gaussian", sparse=10)
    assert (values != 0).mean() == pytest.approx(0.1, abs=0.01)


def test_positive_unitball_rows_sum_to_one():
    values = draw((5, 4, 3), type="positive_unitball")
    np.testing.assert_allclose(values.reshape(5, -1).sum(axis=1), 1)
    assert (values > 0).all()


@pytest.mark.parametrize("name, shape", [
    ("bilinear", (1, 1, 3, 4)), ("bilinear", (4, 4)), ("bilinear_old", (1, 3, 2, 4)), ("EdgeX", (1, 1, 5, 5)),
    ("LoG", (1, 1, 4, 4)), ("LoG", (1, 1, 3, 5)), ("CentralDiff", (1, 3, 3, 3)), ("ForwardDiff", (1, 8, 3, 1)),
])
def test_kernels_that_do_not_fit(name, shape):
    with pytest.raises(ValueError, match=re.escape(f"got the shape {shape}")):
        draw(shape, type=name)


def test_difference_fillers_hold_one_kernel_as_published():
    """The published code was meant to hold one direction per channel; its networks were trained with these values."""
    kernels = {"CentralDiff": [[0.5, 0, 0], [0, 0, 0], [0, 0, 0.5]], "ForwardDiff": [[0, 0, 1], [0, -1, 0], [0, 0, 0]]}
    for name, kernel in kernels.items():
        for values in draw((2, 4, 3, 3), type=name).reshape(-1, 3, 3):
            np.testing.assert_array_equal(values, kernel)


def test_the_laplacian_of_a_parabola_and_of_a_gaussian():
    y, x = np.mgrid[-1:2, -1:2]
    assert (draw((1, 1, 3, 3), type="Laplacian")[0, 0] * (x**2 + y**2)).sum() == pytest.approx(4)
    gaussian = draw((1, 1, 61, 61), type="LoG", std=4)[0, 0]
    y, x = np.mgrid[-30:31, -30:31]
    assert gaussian.sum() == pytest.approx(0, abs=1e-9)
    assert (gaussian * (x**2 + y**2)).sum() == pytest.approx(4 * math.pi / 3.1415)  # of the published pi


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="../shared/golden is not here")
def test_exact_values_as_caffe():
    import h5py

    cases = {}
    with h5py.File(GOLDEN / "exact.h5") as f:
        f.visititems(lambda name, item: cases.update({name: (item.attrs["filler"], item[()])} if "filler" in item.attrs else {}))
    assert len(cases) >= 27
    for name, (text, recorded) in cases.items():
        values = fill(filler_of(text), recorded.shape, None)
        np.testing.assert_allclose(values, recorded, rtol=0, atol=1e-6 * np.abs(recorded).max(), err_msg=name)


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="../shared/golden is not here")
def test_statistics_as_caffe():
    cases = {k: c for k, c in json.loads((GOLDEN / "statistics.json").read_text()).items() if filler_type(c) in FILLERS}
    assert len(cases) > 20
    for name, case in cases.items():
        values = fill(filler_of(case["filler"]), case["shape"], CPU.generator(1, name))
        spread = case["std"]
        assert values.mean() == pytest.approx(case["mean"], abs=5 * spread / case["count"] ** 0.5 + 1e-7), name
        assert values.std() == pytest.approx(spread, rel=0.12, abs=1e-7), name
        assert (values != 0).mean() == pytest.approx(case["nonzero_frac"], abs=0.03), name


def filler_type(case):
    return filler_of(case["filler"], Kind=dict).get("type", "constant")
