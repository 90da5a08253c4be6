import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer
from pycaffe_geo.ops import threads

EXAMPLE = dict(bottom=[(3, 2, 4)], inner_product_param={"num_output": 5, "weight_filler": "xavier"})


def parameters(**more):
    filler = {"type": "gaussian", "std": 0.5}
    return {"inner_product_param": {"num_output": 5, "weight_filler": filler, "bias_filler": filler, **more}}


@pytest.mark.parametrize("shape", [(3, 2, 4), (1, 7), (2, 3, 1, 1)])
@pytest.mark.parametrize("more", [{}, {"transpose": True}, {"bias_term": False}, {"axis": 0}, {"axis": -1}])
def test_gradient(shape, more):
    report = check_layer("InnerProduct", [shape], **parameters(**more))
    assert report.ok, report


def test_weight_gradient_made_in_blocks(monkeypatch):
    monkeypatch.setattr(threads, "BLOCK", 17)
    report = check_layer("InnerProduct", [(3, 2, 4)], **parameters())
    assert report.ok, report


@pytest.mark.parametrize("transpose", [False, True])
def test_forward_is_a_sum_of_products(transpose):
    layer, bottom, top = build_layer("InnerProduct", [(3, 2, 2)], **parameters(transpose=transpose))
    layer.forward(bottom, top)
    w = layer.blobs[0].data.T if transpose else layer.blobs[0].data
    assert layer.blobs[0].shape == ((4, 5) if transpose else (5, 4))
    for n, x in enumerate(bottom[0].data.reshape(3, 4)):
        for o in range(5):
            expected = sum(w[o, i] * x[i] for i in range(4)) + layer.blobs[1].data[o]
            assert top[0].data[n, o] == pytest.approx(expected, abs=1e-12)


def test_a_parameter_that_does_not_learn_keeps_its_diff():
    layer, bottom, top = build_layer("InnerProduct", [(3, 4)], **parameters())
    layer.param_propagate_down = [False, False]
    top[0].diff[...] = 1
    layer.backward(top, [False], bottom)
    assert not any(b.diff.any() for b in (*layer.blobs, *bottom))


def test_batch_size_may_change_but_not_the_inputs():
    layer, bottom, top = build_layer("InnerProduct", [(3, 2, 4)], **parameters())
    bottom[0].reshape(5, 2, 4)
    layer.reshape(bottom, top)
    assert top[0].shape == (5, 5)
    bottom[0].reshape(3, 2, 5)
    with pytest.raises(ShapeError, match=r"is \(3, 2, 5\), which gives 10 inputs, expected 8 as 'layer\[0\]' has"):
        layer.reshape(bottom, top)


def test_num_output_must_be_given():
    with pytest.raises(SpecError, match="inner_product_param.num_output is 0, expected at least 1"):
        build_layer("InnerProduct", [(3, 4)])


@pytest.mark.parametrize("case", ["ip_1x1", "ip_axis0", "ip_basic", "ip_transpose"])
def test_as_caffe(case):
    check_case(case)
