"""What LSTM and RNN share: the state between forwards, shapes that change, parameters that stay."""

import numpy as np
import pytest
from recurrent_cases import inputs

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer

FILLERS = {"weight_filler": {"type": "gaussian", "std": 0.5}, "bias_filler": {"type": "gaussian", "std": 0.5}}
both = pytest.mark.parametrize("kind", ["LSTM", "RNN"])


def build(kind, bottom, **param):
    return build_layer(kind, bottom, recurrent_param={"num_output": 4, **FILLERS, **param})


def feed(layer, blobs, top, values):
    for blob, value in zip(blobs, values):
        blob.reshape(*value.shape)
        blob.data[...] = value
    layer.reshape(blobs, top)
    layer.forward(blobs, top)
    return top[0].data.copy()


def whole_sequence():
    x, cont = inputs(6, 2)
    cont[...] = 1
    cont[3, 1] = 0
    return x, cont


@both
def test_state_carries_over_as_if_it_were_one_long_sequence(kind):
    x, cont = whole_sequence()
    whole = feed(*build(kind, [x, cont]), [x, cont])
    layer = build(kind, [x[:4], cont[:4]])
    parts = [feed(*layer, [x[a:b], cont[a:b]]) for a, b in ((0, 4), (4, 6))]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=0, atol=1e-15)


@both
def test_no_gradient_into_the_forward_before(kind):
    """The gradient of the second half is that of a layer which is given the state as a constant."""
    x, cont = whole_sequence()
    layer, blobs, top = build(kind, [x, cont])
    feed(layer, blobs, top, [x, cont])
    state = [s.data.copy() for s in layer.state]
    feed(layer, blobs, top, [x, cont])
    top[0].diff[...] = 1
    layer.backward(top, [True, False], blobs)
    param = {"num_output": 4, **FILLERS, "expose_hidden": True}
    other, b, t = build_layer(kind, [x, cont, *(s[None] for s in state)], tops=1 + len(state), recurrent_param=param)
    other.forward(b, t)
    t[0].diff[...] = 1
    other.backward(t, [True, False, False, False], b)
    np.testing.assert_array_equal(b[0].diff, blobs[0].diff)
    for ours, theirs in zip(layer.blobs, other.blobs):
        np.testing.assert_array_equal(ours.diff, theirs.diff)


@both
def test_state_begins_at_zero_again_when_the_number_of_streams_changes(kind):
    x, cont = whole_sequence()
    layer = build(kind, [x, cont])
    feed(*layer, [x, cont])
    one = feed(*layer, [x[:, :1], cont[:, :1]])
    np.testing.assert_array_equal(one, feed(*build(kind, [x[:, :1], cont[:, :1]]), [x[:, :1], cont[:, :1]]))


@both
def test_reshape_keeps_the_state_when_nothing_changes(kind):
    x, cont = whole_sequence()
    layer, blobs, top = build(kind, [x, cont])
    first, second = (feed(layer, blobs, top, [x, cont]) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3


@both
def test_parameters_that_do_not_learn_get_no_gradient(kind):
    layer, blobs, top = build(kind, inputs(static=(2,)))
    layer.param_propagate_down = [False] * len(layer.blobs)
    layer.forward(blobs, top)
    top[0].diff[...] = 1
    layer.backward(top, [True, False, False], blobs)
    assert blobs[0].diff.any() and not blobs[2].diff.any()
    assert not any(b.diff.any() for b in layer.blobs)


@both
def test_num_output_is_needed(kind):
    with pytest.raises(SpecError, match=r"recurrent_param.num_output is 0, expected at least 1"):
        build(kind, inputs(), num_output=0)


@both
def test_cont_of_the_wrong_shape(kind):
    x, cont = inputs()
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(3, 5\), expected \(5, 3\)"):
        build(kind, [x, cont.T])


@both
def test_inputs_that_change_their_size(kind):
    layer, blobs, top = build(kind, inputs())
    blobs[0].reshape(5, 3, 7)
    with pytest.raises(ShapeError, match=r"is \(5, 3, 7\), which gives 7 inputs at each step, expected 6 as 'layer\[0\]' has"):
        layer.reshape(blobs, top)
