import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)
A, B = RNG.uniform(0, 255, (2, 2, 3, 5, 4))
WEIGHTS = RNG.uniform(0.5, 2, (2, 1, 5, 4)) * RNG.integers(0, 2, (2, 1, 5, 4))

EXAMPLE = dict(bottom=[A, B, WEIGHTS])


@pytest.mark.parametrize("bottom", [[A, B], [A, B, WEIGHTS], [A[:1, :, :, :1], B[:1, :, :, :1]]])
@pytest.mark.parametrize("parameters, normalization", [({}, "FULL"), ({"alpha": 0.85, "range": 300}, "VALID")])
def test_gradient(bottom, parameters, normalization):
    report = check_layer("SSIMLoss", bottom, ssim_loss_param=parameters, loss_param={"normalization": normalization})
    assert report.ok, report


def run(bottom, **parameters):
    layer, bottom, top = build_layer("SSIMLoss", bottom, **parameters)
    layer.forward(bottom, top)
    layer.backward(top, [True, True, False], bottom)
    return float(top[0].data), bottom[0].diff, bottom[1].diff


def ssim(a, b):
    """SSIM by definition, each plane by itself, on windows cut from a mirrored image."""
    a, b = (np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="reflect") for x in (a, b))
    p, q = (np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3)) for x in (a, b))
    mp, mq = p.mean(axis=(4, 5)), q.mean(axis=(4, 5))
    covariance = (p * q).mean(axis=(4, 5)) - mp * mq
    spread = p.var(axis=(4, 5)) + q.var(axis=(4, 5))
    return (2 * mp * mq + 2.55**2) * (2 * covariance + 7.65**2) / ((mp**2 + mq**2 + 2.55**2) * (spread + 7.65**2))


@pytest.mark.parametrize("loss_param, divisor", [({}, 40), ({"normalization": "VALID"}, WEIGHTS.sum()),
                                                 ({"normalization": "NONE"}, 1)])
def test_forward(loss_param, divisor):
    loss, _, _ = run([A, B, WEIGHTS], loss_param=loss_param)
    cost = ((1 - ssim(A, B)) / 2).mean(axis=1, keepdims=True)
    assert loss == pytest.approx((WEIGHTS * cost).sum() / divisor, rel=1e-10)


def test_the_mix_of_godard():
    loss, _, _ = run([A, B], ssim_loss_param={"alpha": 0.85})
    assert loss == pytest.approx(0.85 * (1 - ssim(A, B).mean()) / 2 + 0.15 * abs(A - B).mean() / 255, rel=1e-10)


def test_empty_mask(caplog):
    loss, da, db = run([A, B, np.zeros_like(WEIGHTS)])
    assert loss == 0 and not da.any() and not db.any()
    assert "layer 'layer' (SSIMLoss): bottom 'bottom2' leaves no element: the loss is 0 and teaches nothing" in caplog.text


def test_weights_have_one_channel():
    with pytest.raises(ShapeError, match=r"bottom 'bottom2' is \(2, 3, 5, 4\), expected \(2, 1, 5, 4\)"):
        build_layer("SSIMLoss", [A, B, A])


def test_ignore_label_is_refused():
    with pytest.raises(SpecError, match="ignore_label has no meaning here: give a third bottom"):
        build_layer("SSIMLoss", [A, B], loss_param={"ignore_label": 0})
