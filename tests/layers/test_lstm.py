import math

import numpy as np
import pytest
from recurrent_cases import check_recorded, inputs

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

FILLERS = {"weight_filler": {"type": "gaussian", "std": 0.5}, "bias_filler": {"type": "gaussian", "std": 0.5}}
PARAM = {"num_output": 4, **FILLERS}
EXPOSED = {**PARAM, "expose_hidden": True}

EXAMPLE = dict(bottom=inputs(states=2, static=(2, 1)), tops=3, recurrent_param=EXPOSED)


@pytest.mark.parametrize("streams", [1, 3])
@pytest.mark.parametrize("static", [None, (7,)])
def test_gradient(streams, static):
    report = check_layer("LSTM", inputs(6, streams, features=(2, 3), static=static), recurrent_param=PARAM)
    assert report.ok, report


@pytest.mark.parametrize("streams", [1, 3])
@pytest.mark.parametrize("static", [None, (2, 3)])
def test_gradient_through_first_and_last_state(streams, static):
    report = check_layer("LSTM", inputs(5, streams, states=2, static=static), tops=3, recurrent_param=EXPOSED)
    assert report.ok, report


def test_gradient_of_one_step():
    report = check_layer("LSTM", inputs(1, 2, states=2), tops=3, recurrent_param=EXPOSED)
    assert report.ok, report


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def loop_lstm(bottom, w_x, b, w_s, w_h):
    """The formula of the docstring, one number at a time; returns (h of all steps, c after the last)."""
    x, cont, x_static, h, c = *bottom[:3], bottom[3][0].copy(), bottom[4][0].copy()
    steps, streams, size = len(x), len(h), h.shape[1]
    y = np.empty((steps, streams, size))
    for t in range(steps):
        for n in range(streams):
            before = cont[t, n] * h[n]
            a = [w_x[r] @ x[t, n] + b[r] + w_s[r] @ x_static[n] + w_h[r] @ before for r in range(4 * size)]
            for d in range(size):
                i, f, o = (sigmoid(a[k * size + d]) for k in range(3))
                c[n, d] = f * cont[t, n] * c[n, d] + i * math.tanh(a[3 * size + d])
                h[n, d] = y[t, n, d] = o * math.tanh(c[n, d])
    return y, c


def test_forward_against_a_loop():
    bottom = inputs(states=2, static=(2,))
    layer, blobs, top = build_layer("LSTM", bottom, tops=3, recurrent_param=EXPOSED)
    layer.forward(blobs, top)
    y, c = loop_lstm(bottom, *(b.data for b in layer.blobs))
    np.testing.assert_allclose(top[0].data, y, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(top[1].data[0], top[0].data[-1])
    np.testing.assert_allclose(top[2].data[0], c, rtol=0, atol=1e-14)


@pytest.mark.parametrize("streams", [1, 3])
def test_against_torch(streams):
    """torch orders the gates i, f, g, o and has no cont; gradients of everything, through h_T and c_T too."""
    torch = pytest.importorskip("torch")
    x, _, h0, c0 = bottom = inputs(5, streams, states=2)
    bottom[1] = np.ones((5, streams))
    layer, blobs, top = build_layer("LSTM", bottom, tops=3, recurrent_param=EXPOSED)
    order = np.r_[0:8, 12:16, 8:12]
    theirs = torch.nn.LSTM(6, 4, dtype=torch.float64)
    w_x, b, w_h = (p.data for p in layer.blobs)
    with torch.no_grad():
        for target, source in ((theirs.weight_ih_l0, w_x), (theirs.bias_ih_l0, b), (theirs.weight_hh_l0, w_h)):
            target.copy_(torch.tensor(source[order]))
        theirs.bias_hh_l0.zero_()
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, h0, c0)]
    y, last = theirs(leaves[0], tuple(leaves[1:]))
    layer.forward(blobs, top)
    weights = [np.random.default_rng(k).normal(size=t.shape) for k, t in enumerate(top)]
    for t, w, expected in zip(top, weights, (y, *last)):
        np.testing.assert_allclose(t.data, expected.detach().numpy(), rtol=0, atol=1e-14)
        t.diff[...] = w
    sum((e * torch.tensor(w)).sum() for e, w in zip((y, *last), weights)).backward()
    layer.backward(top, [True, False, True, True], blobs)
    for i, leaf in zip((0, 2, 3), leaves):
        np.testing.assert_allclose(blobs[i].diff, leaf.grad.numpy(), rtol=0, atol=1e-13)
    for ours, expected in zip(layer.blobs, (theirs.weight_ih_l0, theirs.bias_ih_l0, theirs.weight_hh_l0)):
        np.testing.assert_allclose(ours.diff[order], expected.grad.numpy(), rtol=0, atol=1e-13)


def test_huge_inputs_saturate():
    bottom = inputs(3, 2)
    bottom[0] *= 1e6
    layer, blobs, top = build_layer("LSTM", bottom, recurrent_param=PARAM)
    layer.forward(blobs, top)
    top[0].diff[...] = 1
    layer.backward(top, [True, False], blobs)
    assert np.isfinite(top[0].data).all() and np.isfinite(blobs[0].diff).all()


def test_expose_hidden_needs_the_first_state():
    message = r"2 bottoms and 1 tops, expected bottoms \(x, cont, \[x_static\], h_0, c_0\) and tops \(output, h_T, c_T\) with"
    with pytest.raises(SpecError, match=message):
        build_layer("LSTM", inputs(), recurrent_param=EXPOSED)


def test_a_first_state_of_the_wrong_shape():
    bottom = inputs(states=2)
    bottom[3] = np.zeros((1, 3, 5))
    with pytest.raises(ShapeError, match=r"bottom 'bottom3' is \(1, 3, 5\), expected \(1, 3, 4\)"):
        build_layer("LSTM", bottom, tops=3, recurrent_param=EXPOSED)


@pytest.mark.parametrize("case", ["basic", "static", "x4d"])
def test_as_caffe(case):
    check_recorded(f"lstm_{case}")


def test_as_caffe_over_two_forwards():
    first, second = check_recorded("lstm_two_forwards")
    assert np.abs(first - second).max() > 1e-3


def test_as_caffe_with_hidden_states_exposed():
    check_recorded("lstm_expose")
