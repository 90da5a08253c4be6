import numpy as np
import pytest
from golden import check_case, compare

from pycaffe_geo.errors import DataError, ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 5))
LABELS = np.array([0, 4, 2, 2])
WEIGHTS = np.array([1, 0, 0.5, 2])
IMAGES = RNG.normal(size=(2, 3, 1, 2))

EXAMPLE = dict(bottom=[X, LABELS, WEIGHTS], hinge_loss_param={"norm": "L2"})

norms = pytest.mark.parametrize("norm", ["L1", "L2"])


@norms
@pytest.mark.parametrize("bottom", [[X, LABELS], [X, LABELS, WEIGHTS], [X[:1], LABELS[:1]], [IMAGES, [3, 1]]])
@pytest.mark.parametrize("loss_param", [{}, {"ignore_label": 2, "normalization": "VALID"}])
def test_gradient(bottom, loss_param, norm):
    report = check_layer("HingeLoss", bottom, loss_param=loss_param, hinge_loss_param={"norm": norm})
    assert report.ok, report


@norms
def test_forward_against_a_loop(norm):
    layer, bottom, top = build_layer("HingeLoss", [X, LABELS, WEIGHTS], hinge_loss_param={"norm": norm})
    layer.forward(bottom, top)
    total = 0
    for n, k in np.ndindex(4, 5):
        hinge = max(0, 1 - X[n, k] if k == LABELS[n] else 1 + X[n, k])
        total += WEIGHTS[n] * (hinge if norm == "L1" else hinge**2)
    assert top[0].data == pytest.approx(total / 4, rel=1e-14)


def test_on_the_hinge_the_gradient_is_0():
    layer, bottom, top = build_layer("HingeLoss", [np.array([[1.0, -1.0, 0.0]]), np.array([0])])
    layer.forward(bottom, top)
    layer.backward(top, [True, False], bottom)
    assert top[0].data == 1
    np.testing.assert_array_equal(bottom[0].diff, [[0, 0, 1]])


def test_label_that_is_no_class():
    layer, bottom, top = build_layer("HingeLoss", [X, LABELS - 1])
    with pytest.raises(DataError, match="a label is -1, expected 0 to 4, or `ignore_label`"):
        layer.forward(bottom, top)


def test_too_many_labels():
    message = r"bottom 'bottom1' is \(2, 2\), expected \(2,\): .* of 'bottom0' \(2, 3, 4\) without axis 1, 2"
    with pytest.raises(ShapeError, match=message):
        build_layer("HingeLoss", [(2, 3, 4), (2, 2)])


@pytest.mark.parametrize("case", ["4d", "l1"])
def test_as_caffe(case):
    """Caffe keeps its hinges in the bottom's diff between forward and backward. The recorder overwrote them by positive numbers,
    so the recorded gradients are as if all hinges were above 0: they are compared where they are."""
    recorded, layers, blobs = check_case(f"hinge_{case}", skip=["x.diff"])
    above = layers[0].hinge.data.reshape(blobs["x"].shape) > 0
    assert above.any() and not blobs["x"].diff[~above].any()
    compare("x.diff", blobs["x"].diff[above], recorded.diff["x"][above])
