import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer

EXAMPLE = dict(bottom=[np.sin(np.arange(30.0)).reshape(2, 3, 5)], argmax_param={"top_k": 2, "axis": 1, "out_max_val": True})


def largest(values, k):
    """Return the k largest (value, place) pairs of a list, larger places first among equals."""
    return sorted(((v, i) for i, v in enumerate(values)), reverse=True)[:k]


def run(x, **param):
    layer, bottom, top = build_layer("ArgMax", [x], argmax_param=param)
    layer.forward(bottom, top)
    return top[0].data


@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("out_max_val", [False, True])
def test_along_an_axis_is_a_sort_of_pairs(k, out_max_val):
    x = np.random.default_rng(0).integers(0, 3, (3, 4, 5)) / 2.0  # many ties
    y = run(x, axis=-2, top_k=k, out_max_val=out_max_val)
    assert y.shape == (3, k, 5)
    for n, i in np.ndindex(3, 5):
        assert y[n, :, i].tolist() == [v if out_max_val else place for v, place in largest(x[n, :, i], k)]


@pytest.mark.parametrize("shape, rest", [((3, 7), ()), ((3, 4, 5), ()), ((3, 2, 2, 3), (1,)), ((3,), ())])
@pytest.mark.parametrize("k", [1, 3])
def test_of_whole_samples_gives_places_and_values(shape, rest, k):
    x = np.random.default_rng(0).integers(0, 3, shape) / 2.0
    if x.size // 3 < k:
        return
    y = run(x, top_k=k, out_max_val=True)
    assert y.shape == (3, 2, k, *rest)
    for n in range(3):
        pairs = largest(x[n].ravel(), k)
        assert y[n, 0].ravel().tolist() == [place for _, place in pairs]
        assert y[n, 1].ravel().tolist() == [v for v, _ in pairs]


@pytest.mark.parametrize("case", ["argmax", "argmax_2d", "argmax_axis", "argmax_axis_topk_val"])
def test_as_caffe(case):
    check_case(case)


@pytest.mark.parametrize("param, error, message", [
    ({"top_k": 0}, SpecError, "top_k is 0, expected at least 1"),
    ({"top_k": 5, "axis": 1}, SpecError, r"layer 'layer' \(ArgMax\): top_k is 5, expected at most 4, the number of values"),
    ({"top_k": 21}, SpecError, "top_k is 21, expected at most 20"),
    ({"axis": 3}, ShapeError, "axis 3 does not exist in bottom 'bottom0'"),
])
def test_errors(param, error, message):
    with pytest.raises(error, match=message):
        build_layer("ArgMax", [(3, 4, 5)], argmax_param=param)
