"""Caffe's rules for whole networks, in cases small enough to work out by hand: every number here was."""

import numpy as np
import pytest

from pycaffe_geo import Net
from pycaffe_geo.errors import SpecError
from pycaffe_geo.spec import load_net

X = np.array([[1.0, 2.0], [3.0, -1.0]])
INPUT = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 2 } } } '
W = np.array([[2.0, 0.0], [1.0, -1.0]])


def layer(name, type_name, bottom, top, more=""):
    words = "".join(f'bottom: "{b}" ' for b in bottom.split()) + "".join(f'top: "{t}" ' for t in top.split())
    return f'layer {{ name: "{name}" type: "{type_name}" {words}{more} }} '


def fc(name, bottom, top, param="", more="bias_term: false"):
    return layer(name, "InnerProduct", bottom, top, f"{param} inner_product_param {{ num_output: 2 {more} }}")


def total(bottom, weight=1, name="sum"):
    """A loss: weight times the sum of all elements, whose gradient is `weight` everywhere."""
    return layer(name, "Reduction", bottom, name, f"loss_weight: {weight}")


def run(text, phase="TRAIN"):
    net = Net(load_net("net.prototxt", text=INPUT + text), phase, dtype="float64")
    net.blobs["x"].data[...] = X
    for blob in net.learnable:
        if blob.count == W.size:
            blob.data[...] = W.reshape(blob.shape)
    net.forward()
    net.backward()
    return net


def test_gradients_of_shared_weights_add_up():
    """y = (x W^T) W^T and the sum of y: dW = 1^T (x W^T) + (1 W)^T x, with 1 = ones (2, 2)."""
    share = 'param { name: "w" lr_mult: 3 }'
    net = run(fc("a", "x", "h", share) + fc("b", "h", "y", 'param { name: "w" }') + total("y"))
    assert net.loss == 2 * 2 + 2 - (-1) + 2 * 6 + 6 - 4  # h = [[2, -1], [6, 4]], y = [[4, 3], [12, 2]]
    np.testing.assert_array_equal(net.params["a"][0].diff, [[8, 3], [8, 3]] + np.outer([3, -1], [4, 1]))
    assert net.lr_mults == [3] and net.params["b"][0].shares_data(net.params["a"][0])


def test_a_sharer_gives_the_rate_that_the_owner_left_out():
    net = run(fc("a", "x", "h", 'param { name: "w" }') + fc("b", "h", "y", 'param { name: "w" lr_mult: 2 }') + total("y"))
    assert net.lr_mults == [2]
    with pytest.raises(SpecError, match="lr_mult"):
        run(fc("a", "x", "h", 'param { name: "w" lr_mult: 1 }') + fc("b", "h", "y", 'param { name: "w" lr_mult: 2 }'))


def test_permissive_sharing_needs_the_same_count_only():
    net = run(fc("a", "x", "y", 'param { name: "w" }') + layer("f", "Flatten", "y", "f", "flatten_param { axis: 0 }")
              + layer("r", "Reshape", "f", "r", "reshape_param { shape { dim: 1 dim: 4 } }")
              + layer("b", "InnerProduct", "r", "z", 'param { name: "w" share_mode: PERMISSIVE } '
                      "inner_product_param { num_output: 1 bias_term: false }") + total("z"))
    assert net.loss == np.array([2, -1, 6, 4]) @ W.ravel()  # the same four numbers, as (1, 4)


def test_loss_weights_on_several_tops():
    """A Slice's tops both count: x's columns with weights 2 and -1, and sum(x^2) with 0.5."""
    net = run("force_backward: true " + layer("s", "Slice", "x", "a b", "loss_weight: 2 loss_weight: -1")
              + layer("q", "Reduction", "x", "q", "reduction_param { operation: SUMSQ } loss_weight: 0.5"))
    assert net.loss == 2 * 4 - 1 * 1 + 0.5 * 15
    np.testing.assert_array_equal(net.blobs["x"].diff, X + [2, -1])


def test_nothing_runs_backward_without_a_loss():
    net = run(fc("a", "x", "y"))
    assert net.backward_layers == [False, False] and not net.params["a"][0].diff.any()


def test_backward_stops_below_the_lowest_layer_that_learns():
    frozen = "param { lr_mult: 0 }"
    net = run(fc("a", "x", "h", frozen) + fc("b", "h", "y") + total("y"))
    assert net.backward_layers == [False, False, True, True]
    np.testing.assert_array_equal(net.params["b"][0].diff, [[8, 3], [8, 3]])
    assert not net.params["a"][0].diff.any()


def test_force_backward_computes_what_learns_nothing_too():
    net = run("force_backward: true " + fc("a", "x", "h", "param { lr_mult: 0 }") + fc("b", "h", "y") + total("y"))
    np.testing.assert_array_equal(net.params["a"][0].diff, np.outer([3, -1], [4, 1]))  # ones W = (3, -1) twice
    np.testing.assert_array_equal(net.blobs["x"].diff, [np.array([3, -1]) @ W] * 2)


def test_propagate_down_cuts_one_path():
    net = run(fc("a", "x", "h") + fc("b", "h", "y", "propagate_down: false") + total("y") + total("h", 0.25, "part"))
    np.testing.assert_array_equal(net.params["a"][0].diff, np.outer([0.25, 0.25], [4, 1]))


def test_a_blob_read_three_times_sums_its_gradients():
    net = run("force_backward: true " + layer("e", "Eltwise", "x x x", "e", "eltwise_param { coeff: 1 coeff: 2 coeff: -5 }")
              + total("e"))
    np.testing.assert_array_equal(net.blobs["x"].diff, np.full((2, 2), -2.0))


def test_in_place_relu_keeps_its_gradient():
    net = run("force_backward: true " + fc("a", "x", "h") + layer("r", "ReLU", "h", "h", "relu_param { negative_slope: 0.5 }")
              + total("h"))
    np.testing.assert_array_equal(net.blobs["h"].data, [[2, -0.5], [6, 4]])
    np.testing.assert_array_equal(net.params["a"][0].diff, [[4, 1], [3.5, 0]])  # slopes [[1, .5], [1, 1]]^T x


def test_outputs_are_sorted_by_name():
    net = run(layer("p", "Power", "x", "zebra") + layer("q", "Power", "x", "ant") + layer("r", "Power", "x", "mole"))
    assert net.outputs == ["ant", "mole", "zebra"]


@pytest.mark.parametrize("phase, stages, level, expected", [
    ("TRAIN", (), 0, {"train", "not_slow"}), ("TEST", (), 0, {"test", "not_slow"}), ("TEST", ("slow",), 0, {"test", "slow"}),
    ("TRAIN", (), 2, {"train", "not_slow", "high"}), ("TEST", ("slow", "deep"), 3, {"test", "slow", "both"}),
])
def test_include_and_exclude_rules(phase, stages, level, expected):
    rules = {
        "train": "include { phase: TRAIN }", "test": "exclude { phase: TRAIN }", "slow": 'include { stage: "slow" }',
        "not_slow": 'include { not_stage: "slow" }', "high": "include { phase: TRAIN min_level: 1 max_level: 2 }",
        "both": 'include { stage: "slow" stage: "deep" min_level: 3 }',
    }
    text = INPUT + "".join(layer(name, "Power", "x", name, rule) for name, rule in rules.items())
    net = Net(load_net("net.prototxt", text=text), phase, level=level, stages=stages)
    assert set(net.layer_names) - {"in"} == expected


def test_batch_norm_keeps_sums_and_normalises_by_the_biased_variance():
    """Two forwards of x = [[1, 2], [3, -1]]: mean (2, 0.5), variance (1, 2.25), which counts as m / (m - 1) = 2 times that."""
    net = run(layer("bn", "BatchNorm", "x", "y", "batch_norm_param { moving_average_fraction: 0.5 eps: 0.75 }"))
    deviation = np.sqrt([1.75, 3.0])
    np.testing.assert_allclose(net.blobs["y"].data, (X - [2, 0.5]) / deviation)
    for blob in net.params["bn"]:
        blob.data[...] = 0
    net.forward()
    net.forward()
    mean, variance, factor = (blob.data for blob in net.params["bn"])
    np.testing.assert_allclose(factor, [1.5])
    np.testing.assert_allclose(mean, [3, 0.75])
    np.testing.assert_allclose(variance, [3, 6.75])
    assert net.lr_mults == [0, 0, 0]
