import numpy as np
import pytest

from golden import Case, compare
from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(-1, 1, 30).reshape(1, 2, 3, 5)], dropout_param={"dropout_ratio": 0.3})


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_gradient(phase, in_place):
    report = check_layer("Dropout", [(1, 3, 5, 7)], phase=phase, in_place=in_place, dropout_param={"dropout_ratio": 0.3})
    assert report.ok, report


def run(x, seed=0, name="layer", iteration=0, step=0, ratio=0.3):
    layer, bottom, top = build_layer("Dropout", [x], seed=seed, name=name, dropout_param={"dropout_ratio": ratio})
    layer.clock.iteration, layer.clock.step = iteration, step
    layer.forward(bottom, top)
    return top[0].data


@pytest.mark.parametrize("ratio", [0, 0.1, 0.5, 0.9])
def test_kept_values_are_scaled_and_the_others_zero(ratio):
    y = run(np.full(20000, 3.0), ratio=ratio)
    kept = y != 0
    np.testing.assert_allclose(y[kept], 3 / (1 - ratio))
    assert abs(kept.mean() - (1 - ratio)) < 4 * np.sqrt(ratio * (1 - ratio) / y.size) + 1e-12


def test_the_mask_follows_seed_name_iteration_and_step():
    x = np.ones(100)
    first = run(x)
    np.testing.assert_array_equal(run(x), first)
    for other in ({"seed": 1}, {"name": "b"}, {"iteration": 1}, {"step": 1}):
        assert not np.array_equal(run(x, **other), first), other


def test_test_phase_is_the_identity():
    x = np.random.default_rng(0).normal(size=(3, 4))
    layer, bottom, top = build_layer("Dropout", [x], phase="TEST")
    layer.forward(bottom, top)
    np.testing.assert_array_equal(top[0].data, x)


def test_as_caffe_with_its_mask():
    case = Case("dropout_train")
    layers, blobs = case.build()
    case.forward(layers, blobs)
    ratio = layers[0].dropout_param.dropout_ratio
    recorded = case.data["y"]
    layers[0]._draw = lambda: None
    layers[0].mask.data[...] = (recorded != 0) / (1 - ratio)
    case.forward(layers, blobs)
    case.backward(layers, blobs)
    compare("y.data", blobs["y"].data, recorded)
    compare("x.diff", blobs["x"].diff, case.diff["x"])


def test_ratio_must_be_below_one():
    with pytest.raises(SpecError, match=r"\(Dropout\): dropout_param: dropout_ratio is 1.0, expected at least 0 and below 1"):
        build_layer("Dropout", [(2, 3)], dropout_param={"dropout_ratio": 1})
