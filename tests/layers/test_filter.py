import numpy as np
import pytest

from golden import check_case
from pycaffe_geo import Net
from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer
from pycaffe_geo.spec import load_net

SELECTOR = np.array([1.0, 0, 1, 1, 0]).reshape(5, 1, 1, 1)
EXAMPLE = dict(bottom=[np.linspace(0, 1, 30).reshape(5, 2, 3), np.linspace(0, 1, 5), SELECTOR], tops=2)
NET = """
layers:
- {name: x, type: Input, input_param: {shape: {dim: [5, 2, 6, 6]}}}
- {name: label, type: Input, input_param: {shape: {dim: 5}}}
- {name: which, type: Input, input_param: {shape: {dim: [5, 1]}}}
- {name: conv, type: Convolution, bottom: x, convolution_param: {num_output: 3, kernel_size: 3, weight_filler: xavier}}
- {name: some, type: Filter, bottom: [conv, label, which], top: [some, some_label]}
- {name: conv2, type: Convolution, bottom: some, convolution_param: {num_output: 4, kernel_size: 2, weight_filler: xavier}}
- {name: norm2, type: BatchNorm, bottom: conv2, top: conv2}
- {name: scale2, type: Scale, bottom: conv2, top: conv2}
- {name: relu, type: ReLU, bottom: conv2, top: conv2}
- {name: conv3, type: Convolution, bottom: conv2, convolution_param: {num_output: 4, kernel_size: 1, weight_filler: xavier}}
- {name: pool, type: Pooling, bottom: conv3, pooling_param: {kernel_size: 2, stride: 2}}
- {name: norm, type: LRN, bottom: pool}
- {name: score, type: InnerProduct, bottom: norm, inner_product_param: {num_output: 3, weight_filler: xavier}}
- {name: loss, type: SoftmaxWithLoss, bottom: [score, some_label]}
- {name: accuracy, type: Accuracy, bottom: [score, some_label]}
"""


@pytest.fixture
def net():
    net = Net(load_net("net.yaml", NET), "TRAIN", dtype="float64")
    net.blobs["x"].data[...] = np.random.default_rng(0).normal(size=(5, 2, 6, 6))
    net.blobs["label"].data[...] = [0, 1, 2, 1, 0]
    return net


def test_gradient():
    draws = np.random.default_rng(0)
    report = check_layer("Filter", [draws.normal(size=(5, 2, 3)), draws.normal(size=(5,)), SELECTOR], tops=2)
    assert report.ok, report


def test_forward_picks_samples():
    layer, bottom, top = build_layer("Filter", [np.arange(10.0).reshape(5, 2), SELECTOR])
    layer.forward(bottom, top)
    assert top[0].data.tolist() == [[0, 1], [4, 5], [6, 7]]


def test_as_caffe():
    check_case("filter", skip=["zy.diff"])  # nothing needs a gradient there: real Caffe left new memory


def test_the_net_below_follows_the_number_of_samples(net):
    """Three samples alone, and three of five, give the same loss and gradients."""
    results = []
    for chosen in ([1, 0, 1, 1, 0], [1, 1, 1, 1, 1], [1, 0, 1, 1, 0]):
        net.blobs["which"].data[:, 0] = chosen
        net.clear_param_diffs()
        net.forward()
        net.backward()
        assert net.blobs["score"].shape == (sum(chosen), 3)
        results.append((net.loss, *(b.diff.copy() for b in net.learnable)))
    for first, last in zip(results[0], results[2]):
        np.testing.assert_array_equal(first, last)
    assert results[0][0] != results[1][0]
    alone = Net(load_net("net.yaml", NET.replace("dim: [5", "dim: [3").replace("dim: 5", "dim: 3")), "TRAIN", dtype="float64")
    alone.forward(x=net.blobs["x"].data[[0, 2, 3]], label=[0, 2, 1], which=np.ones((3, 1)))
    assert alone.loss == pytest.approx(results[0][0], rel=1e-12)


def test_no_sample_gives_loss_and_gradients_of_zero_and_the_next_batch_its_own(net):
    net.blobs["which"].data[...] = 1
    net.forward()
    before = net.loss
    statistics = [b.data.tolist() for b in net.params["norm2"]]
    net.blobs["which"].data[...] = 0
    net.clear_param_diffs()
    net.forward()
    net.backward()
    assert net.blobs["some"].shape == (0, 3, 4, 4)
    assert net.loss == 0
    assert not any(b.diff.any() for b in net.learnable)
    assert [b.data.tolist() for b in net.params["norm2"]] == statistics
    net.blobs["which"].data[...] = 1
    net.forward()
    assert net.loss == before


def test_one_top_for_each_bottom():
    with pytest.raises(SpecError, match=r"has 1 top\(s\), expected 2: one for each bottom but the last, the selector"):
        build_layer("Filter", [(5, 2), (5,), (5,)])


def test_shapes_must_fit():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(5, 2\), expected one number for each sample"):
        build_layer("Filter", [(5, 2), (5, 2)])
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(4, 2\), expected \(5, \.\.\.\)"):
        build_layer("Filter", [(4, 2), (5,)])
