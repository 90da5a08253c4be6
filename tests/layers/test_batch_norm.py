import json

import numpy as np
import pytest

from golden import Case, check_case, compare
from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[(4, 3, 2, 5)])


@pytest.mark.parametrize("shape", [(4, 3, 2, 5), (5, 3), (1, 2, 3, 3), (3, 1, 7), (6,)])
@pytest.mark.parametrize("in_place", [False, True])
def test_gradient(shape, in_place):
    report = check_layer("BatchNorm", [shape], in_place=in_place, batch_norm_param={"eps": 1e-3})
    assert report.ok, report


def run(x, phase="TRAIN", times=1, frozen=False, statistics=None, **parameters):
    layer, bottom, top = build_layer("BatchNorm", [x], phase=phase, batch_norm_param=parameters)
    layer.frozen = frozen
    for blob, value in zip(layer.blobs, statistics or ()):
        blob.data[...] = value
    for _ in range(times):
        layer.forward(bottom, top)
    return layer, bottom, top


X = np.random.default_rng(0).normal(2, 3, (4, 3, 2, 5))


def test_batch_statistics_against_a_loop():
    _, _, top = run(X, eps=1e-4)
    for c in range(3):
        values = X[:, c].ravel()
        mean = sum(values) / 40
        variance = sum((v - mean) ** 2 for v in values) / 40
        np.testing.assert_allclose(top[0].data[:, c], (X[:, c] - mean) / (variance + 1e-4) ** 0.5, rtol=1e-12)


def test_running_sums():
    layer, _, _ = run(X, times=2, moving_average_fraction=0.9)
    mean, variance = X.mean(axis=(0, 2, 3)), X.var(axis=(0, 2, 3), ddof=1)
    for blob, expected in zip(layer.blobs, (1.9 * mean, 1.9 * variance, [1.9])):
        np.testing.assert_allclose(blob.data, expected, rtol=1e-12)


@pytest.mark.parametrize("how", [dict(phase="TEST"), dict(use_global_stats=True), dict(frozen=True),
                                 dict(frozen=True, use_global_stats=False)])
def test_running_statistics_are_used_and_kept(how):
    statistics = [[2.0, 4, 6], [8.0, 2, 4], [2.0]]
    layer, bottom, top = run(X, statistics=statistics, eps=0.5, **how)
    mean, std = np.array([1, 2, 3])[:, None, None], np.sqrt(np.array([4.5, 1.5, 2.5]))[:, None, None]
    np.testing.assert_allclose(top[0].data, (X - mean) / std, rtol=1e-12)
    top[0].diff[...] = X
    layer.backward(top, [True], bottom)
    np.testing.assert_allclose(bottom[0].diff, X / std, rtol=1e-12)
    for blob, value in zip(layer.blobs, statistics):
        np.testing.assert_array_equal(blob.data, value)


def test_in_test_the_gradient_is_that_of_constants():
    report = check_layer("BatchNorm", [X], phase="TEST", batch_norm_param={"eps": 1.0})
    assert report.ok, report


def test_other_channels_are_refused():
    layer, bottom, top = build_layer("BatchNorm", [(2, 3, 4)])
    bottom[0].reshape(2, 4, 4)
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 4, 4\), expected \(N, 3, \.\.\.\)"):
        layer.reshape(bottom, top)


@pytest.mark.parametrize("case", ["bn_inplace_train", "bn_test", "bn_train_global"])
def test_as_caffe(case):
    check_case(case)


def test_as_caffe_with_one_value_per_channel():
    check_case("bn_train_n1_m1", tolerance=1e-7)  # the default 0.999 is a float32 in Caffe


@pytest.mark.parametrize("name", ["bn_train_from_state", "bn_test_noglobal"])
def test_as_caffe_over_several_forwards(name):
    h5py = pytest.importorskip("h5py")
    case = Case(name)
    layers, blobs = case.build()
    with h5py.File(case.path) as f:
        forwards = sorted(int(key.rsplit("_", 1)[1]) for key in f if key.startswith("outputs_forward_"))
        for k in forwards:
            case.forward(layers, blobs)
            compare(f"{name}: output {k}", blobs["y"].data, f[f"outputs_forward_{k}/y"][()])
            for j, blob in enumerate(layers[0].blobs):
                compare(f"{name}: {blob.name} after forward {k}", blob.data, f[f"params_after_forward_{k}/lay/{j}"][()], 1e-7)
    assert len(forwards) >= 2, json.dumps(forwards)
    case.backward(layers, blobs)
    compare(f"{name}: x.diff", blobs["x"].diff, case.diff["x"])
