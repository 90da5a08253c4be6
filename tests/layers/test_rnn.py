import math

import numpy as np
import pytest
from recurrent_cases import check_recorded, inputs

from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

FILLERS = {"weight_filler": {"type": "gaussian", "std": 0.5}, "bias_filler": {"type": "gaussian", "std": 0.5}}
PARAM = {"num_output": 4, **FILLERS}
EXPOSED = {**PARAM, "expose_hidden": True}

EXAMPLE = dict(bottom=inputs(states=1, static=(2, 1)), tops=2, recurrent_param=EXPOSED)


@pytest.mark.parametrize("streams", [1, 3])
@pytest.mark.parametrize("static", [None, (7,)])
def test_gradient(streams, static):
    report = check_layer("RNN", inputs(6, streams, features=(2, 3), static=static), recurrent_param=PARAM)
    assert report.ok, report


@pytest.mark.parametrize("streams", [1, 3])
@pytest.mark.parametrize("static", [None, (2, 3)])
def test_gradient_through_first_and_last_state(streams, static):
    report = check_layer("RNN", inputs(5, streams, states=1, static=static), tops=2, recurrent_param=EXPOSED)
    assert report.ok, report


def loop_rnn(bottom, w_x, b, w_s, w_h, w_o, b_o):
    """The formula of the docstring, one number at a time; returns (outputs, h after the last step)."""
    x, cont, x_static, h = *bottom[:3], bottom[3][0].copy()
    y = np.empty((len(x), *h.shape))
    for t, n in np.ndindex(y.shape[:2]):
        before = cont[t, n] * h[n]
        for d in range(h.shape[1]):
            h[n, d] = math.tanh(w_x[d] @ x[t, n] + b[d] + w_s[d] @ x_static[n] + w_h[d] @ before)
        for d in range(h.shape[1]):
            y[t, n, d] = math.tanh(w_o[d] @ h[n] + b_o[d])
    return y, h


def test_forward_against_a_loop():
    bottom = inputs(states=1, static=(2,))
    layer, blobs, top = build_layer("RNN", bottom, tops=2, recurrent_param=EXPOSED)
    layer.forward(blobs, top)
    y, h = loop_rnn(bottom, *(b.data for b in layer.blobs))
    np.testing.assert_allclose(top[0].data, y, rtol=0, atol=1e-14)
    np.testing.assert_allclose(top[1].data[0], h, rtol=0, atol=1e-14)


def test_too_many_tops():
    message = r"2 bottoms and 2 tops, expected bottoms \(x, cont, \[x_static\]\) and tops \(output\) with expose_hidden: false"
    with pytest.raises(SpecError, match=message):
        build_layer("RNN", inputs(), tops=2, recurrent_param=PARAM)


def test_as_caffe():
    check_recorded("rnn_x4d")


def test_as_caffe_over_two_forwards():
    first, second = check_recorded("rnn_two_forwards")
    assert np.abs(first - second).max() > 1e-3


@pytest.mark.parametrize("case", ["expose", "expose_cont1", "expose_static"])
def test_as_caffe_with_hidden_states_exposed(case):
    check_recorded(f"rnn_{case}")
