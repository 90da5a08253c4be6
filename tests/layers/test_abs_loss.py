import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 3, 2, 4, 5))
WEIGHTS = RNG.uniform(0.5, 2, (3, 1, 4, 5)) * RNG.integers(0, 2, (3, 1, 4, 5))

EXAMPLE = dict(bottom=[A, B])


@pytest.mark.parametrize("bottom", [[A, B], [A, B, WEIGHTS], [A, B, WEIGHTS * np.ones_like(A)], [A[:1, 0, 0], B[:1, 0, 0]]])
@pytest.mark.parametrize("normalization", ["BATCH_SIZE", "FULL", "VALID", "NONE"])
def test_gradient(bottom, normalization):
    report = check_layer("AbsLoss", bottom, loss_param={"normalization": normalization})
    assert report.ok, report


def run(bottom, **loss_param):
    layer, bottom, top = build_layer("AbsLoss", bottom, loss_param=loss_param)
    layer.forward(bottom, top)
    layer.backward(top, [True, True, False], bottom)
    return layer, bottom, top


@pytest.mark.parametrize("loss_param, divisor", [
    ({}, 3),
    ({"normalization": "FULL"}, 120),
    ({"normalization": "NONE"}, 1),
    ({"normalization": "VALID"}, 2 * WEIGHTS.sum()),
    ({"normalize": True}, 2 * WEIGHTS.sum()),
    ({"normalize": False}, 3),
])
def test_forward_against_a_loop(loss_param, divisor):
    _, _, top = run([A, B, WEIGHTS], **loss_param)
    total = sum(WEIGHTS[n, 0, y, x] * abs(A[n, c, y, x] - B[n, c, y, x]) for n, c, y, x in np.ndindex(A.shape))
    assert top[0].data == pytest.approx(total / divisor, rel=1e-12)


def test_no_gradient_where_both_are_equal():
    _, bottom, top = run([A, A])
    assert top[0].data == 0 and not bottom[0].diff.any() and not bottom[1].diff.any()


def test_values_under_a_zero_weight_do_not_matter():
    hidden = np.where(WEIGHTS == 0, np.nan, A)
    results = [run([a, B, WEIGHTS]) for a in (A, hidden)]
    assert results[0][2][0].data == results[1][2][0].data
    np.testing.assert_array_equal(results[0][1][0].diff, results[1][1][0].diff)


@pytest.mark.parametrize("normalization", ["BATCH_SIZE", "VALID"])
def test_empty_mask(normalization, caplog):
    layer, bottom, top = run([A, B, np.zeros_like(WEIGHTS)], normalization=normalization)
    layer.forward(bottom, top)
    assert top[0].data == 0 and not bottom[0].diff.any() and not bottom[1].diff.any()
    warning = "layer 'layer' (AbsLoss): bottom 'bottom2' leaves no element: the loss is 0 and teaches nothing"
    assert [r.message for r in caplog.records] == [warning]


def test_gradient_follows_the_loss_weight_in_the_tops_diff():
    layer, bottom, top = run([A, B])
    once = bottom[0].diff.copy()
    top[0].diff[...] = -2
    layer.backward(top, [True, False, False], bottom)
    np.testing.assert_allclose(bottom[0].diff, -2 * once)


def test_batch_size_may_change():
    layer, bottom, top = run([A, B, WEIGHTS])
    for blob in bottom:
        blob.reshape(2, *blob.shape[1:])
    layer.reshape(bottom, top)
    for blob, value in zip(bottom, (A, B, WEIGHTS)):
        blob.data[...] = value[:2]
    layer.forward(bottom, top)
    assert top[0].data == pytest.approx((WEIGHTS[:2] * abs(A - B)[:2]).sum() / 2, rel=1e-12)


def test_weights_of_the_wrong_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom2' is \(3, 2, 4\), expected \(3, 1, 4, 5\) or \(3, 2, 4, 5\)"):
        build_layer("AbsLoss", [A, B, (3, 2, 4)])


def test_ignore_label_is_refused():
    with pytest.raises(SpecError, match="loss_param.ignore_label has no meaning here: give a third bottom, 0 where to skip"):
        build_layer("AbsLoss", [A, B], loss_param={"ignore_label": 255})


def test_as_the_original_where_the_bottoms_differ():
    case, _, blobs = check_case("absloss", skip=["a.diff", "b.diff"])
    differ = case.inputs["a"] != case.inputs["b"]
    assert 0 < differ.sum() < differ.size
    for name in "ab":
        np.testing.assert_allclose(blobs[name].diff[differ], case.diff[name][differ], rtol=1e-12)
        assert not blobs[name].diff[~differ].any()
