import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(0, 1, 30).reshape(1, 2, 3, 5)], reshape_param={"shape": {"dim": [0, 6, -1]}})
CASES = [
    ({"shape": {"dim": [0, -1, 4]}}, (2, 6, 4)),
    ({"shape": {"dim": -1}}, (48,)),
    ({"shape": {"dim": [0, 0, 0, 1, 1]}}, (2, 3, 8, 1, 1)),
    ({"shape": {"dim": [3, -1]}, "axis": 1, "num_axes": 1}, (2, 3, 1, 8)),
    ({"shape": {"dim": [4, -1]}, "axis": -2}, (2, 3, 4, 2)),
    ({"shape": {"dim": [1, 1]}, "axis": -1, "num_axes": 0}, (2, 3, 8, 1, 1)),
    ({"shape": {"dim": []}, "axis": 1, "num_axes": 0}, (2, 3, 8)),
]


@pytest.mark.parametrize("p, shape", CASES)
def test_shape_and_order(p, shape):
    x = np.random.default_rng(0).normal(size=(2, 3, 8))
    layer, bottom, top = build_layer("Reshape", [x], reshape_param=p)
    layer.forward(bottom, top)
    assert top[0].shape == shape
    assert top[0].data.ravel().tolist() == [v for rows in x.tolist() for row in rows for v in row]


@pytest.mark.parametrize("p, shape", CASES)
def test_gradient(p, shape):
    report = check_layer("Reshape", [(2, 3, 8)], reshape_param=p)
    assert report.ok, report


@pytest.mark.parametrize("case", ["reshape_0_neg1", "reshape_axis", "reshape_axis_neg"])
def test_as_caffe(case):
    check_case(case, skip=["y.diff"])  # Caffe shares the diffs, which wiped the recorded one


@pytest.mark.parametrize("dims", [[5, -1], [2, 3, 7], [0, 0]])
def test_counts_must_agree(dims):
    text = r"\(Reshape\): bottom 'bottom0' is \(2, 3, 8\) \(48 values\), which cannot take the shape \[.*\] from axis 0 on"
    with pytest.raises(ShapeError, match=text):
        build_layer("Reshape", [(2, 3, 8)], reshape_param={"shape": {"dim": dims}})


def test_two_unknown_sizes():
    with pytest.raises(SpecError, match=r"shape is \[-1, -1\], expected sizes of at least 0 and at most one -1"):
        build_layer("Reshape", [(2, 3)], reshape_param={"shape": {"dim": [-1, -1]}})


def test_zero_beyond_the_last_axis():
    with pytest.raises(SpecError, match=r"shape \[0, 0, 0\] has a 0 for axis 2, but the bottom is \(2, 3\)"):
        build_layer("Reshape", [(2, 3)], reshape_param={"shape": {"dim": [0, 0, 0]}})


def test_axes_must_exist():
    with pytest.raises(SpecError, match=r"axis 1 with num_axes 2 does not fit bottom 'bottom0' \(2, 3\)"):
        build_layer("Reshape", [(2, 3)], reshape_param={"shape": {"dim": 3}, "axis": 1, "num_axes": 2})
