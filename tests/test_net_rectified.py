"""A ReLU in place right after a layer that can do its work is left out of a forward of both."""

import numpy as np
import pytest

from pycaffe_geo.gradient_check import build_layer
from pycaffe_geo.layers.convolution import Convolution
from pycaffe_geo.layers.eltwise import Eltwise
from pycaffe_geo.layers.relu import ReLU
from pycaffe_geo.layers.scale import Scale
from pycaffe_geo.net import Net
from pycaffe_geo.spec import load_net

NET = """
layers:
- {name: x, type: Input, input_param: {shape: {dim: [2, 3, 9, 8]}}}
- {name: a, type: Convolution, bottom: x, convolution_param: {num_output: 5, kernel_size: 3, weight_filler: xavier}}
- {name: relu_a, type: ReLU, bottom: a, top: a}
- {name: b, type: Convolution, bottom: a, convolution_param: {num_output: 4, kernel_size: 3, weight_filler: xavier}}
- {name: drop, type: Dropout, bottom: b, top: b}
- {name: relu_b, type: ReLU, bottom: b, top: b}
- {name: c, type: Convolution, bottom: b, convolution_param: {num_output: 4, kernel_size: 3, weight_filler: xavier}}
- {name: leak, type: ReLU, bottom: c, top: c, relu_param: {negative_slope: 0.1}}
- {name: d, type: Convolution, bottom: c, convolution_param: {num_output: 4, kernel_size: 1, weight_filler: xavier}}
- {name: relu_d, type: ReLU, bottom: d}
- {name: loss, type: EuclideanLoss, bottom: [relu_d, d]}
"""


@pytest.fixture
def rectified(monkeypatch):
    """(net, the names of the layers that rectified what they made, those of the ReLU layers that ran), without an engine."""
    made, ran, relu = [], [], ReLU.forward

    def forward_rectified(layer, bottom, top):
        made.append(layer.name)
        layer.forward(bottom, top)
        np.maximum(top[0].data, 0, out=top[0].data)

    monkeypatch.setattr(Convolution, "rectifies", True)
    monkeypatch.setattr(Convolution, "forward_rectified", forward_rectified)
    monkeypatch.setattr(ReLU, "forward", lambda layer, *blobs: (ran.append(layer.name), relu(layer, *blobs)))
    net = Net(load_net("net.yaml", text=NET), "TRAIN")
    net.blobs["x"].data[...] = np.random.default_rng(0).normal(size=net.blobs["x"].shape)
    return net, made, ran


def test_a_relu_in_place_right_after_a_layer_that_can_do_it_is_left_out(rectified):
    net, made, ran = rectified
    net.forward()
    assert made == ["a"] and ran == ["relu_b", "leak", "relu_d"]
    assert net.blobs["a"].data.min() == 0


def test_a_run_that_ends_between_the_two_shows_what_is_between(rectified):
    net, made, ran = rectified
    before = net.forward(end="a")["a"].copy()
    assert before.min() < 0 and not made
    after = net.forward(start="relu_a", end="relu_a")["a"]
    assert not made and ran == ["relu_a"]
    np.testing.assert_array_equal(after, np.maximum(before, 0))


def test_layers_run_one_by_one_stay_two(rectified):
    net, made, ran = rectified
    net.forward_layer(0)
    net.forward_layer(1)
    assert net.blobs["a"].data.min() < 0 and not made


def test_a_relu_that_was_left_out_follows_a_new_shape_and_goes_backward(rectified):
    net, made, _ = rectified
    expected = []
    for run in (net.forward, lambda: [net.forward_layer(i) for i in range(len(net.layers))]):
        net.blobs["x"].reshape(1, 3, 12, 9)
        net.blobs["x"].data[...] = np.random.default_rng(1).normal(size=(1, 3, 12, 9))
        net.clear_param_diffs()
        run()
        net.backward()
        expected.append([net.blobs["c"].data.copy(), *(b.diff.copy() for b in net.learnable)])
    assert made == ["a"]
    for found, one_by_one in zip(*expected):
        np.testing.assert_array_equal(found, one_by_one)


@pytest.mark.parametrize("kind, bottom, param, in_place", [
    ("Scale", [(2, 3, 4)], {"scale_param": {"bias_term": True, "filler": {"type": "gaussian"}}}, True),
    ("Scale", [(2, 3, 4), (3,)], {}, False),
    ("Eltwise", [(2, 3), (2, 3), (2, 3)], {"eltwise_param": {"coeff": [1, -2, 0.5]}}, False),
    ("Eltwise", [(2, 3), (2, 3)], {}, False),
])
def test_what_a_layer_rectifies_is_the_maximum_of_its_forward_and_0(kind, bottom, param, in_place):
    found = []
    for name in ("forward", "forward_rectified"):
        layer, blobs, top = build_layer(kind, bottom, in_place=in_place, **param)
        assert layer.rectifies
        blobs[0].data.reshape(-1)[0] = np.nan
        getattr(layer, name)(blobs, top)
        found.append(top[0].data)
    assert found[0].min(initial=0, where=~np.isnan(found[0])) < 0 and np.isnan(found[0]).any()
    np.testing.assert_array_equal(found[1], np.maximum(found[0], 0))


def test_only_a_sum_without_a_use_for_its_top_rectifies():
    for param in ({"operation": "MAX"}, {"operation": "PROD"}, {"stable_prod_grad": False}):
        assert not build_layer("Eltwise", [(2, 3), (2, 3)], eltwise_param=param)[0].rectifies


@pytest.mark.parametrize("base", [Convolution, Eltwise, Scale])
def test_a_subclass_with_a_forward_of_its_own_leaves_the_relu_alone(base):
    class Own(base):
        def forward(self, bottom, top):
            pass

    class Later(Own):
        pass

    class Other(base):
        pass

    assert Own.rectifies is Later.rectifies is False and Other.rectifies is not False
