"""Which engine is chosen, and that every fast engine gives the reference's numbers."""

import importlib.util
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from engine_cases import CASES

from pycaffe_geo.backend import CPU
from pycaffe_geo.geometry import camera
from pycaffe_geo.gradient_check import build_layer
from pycaffe_geo.ops import engines
from pycaffe_geo.ops.camera import camera_functions
from pycaffe_geo.ops.engines import fast, fast_allowed


def test_the_environment_forbids_fast_engines(monkeypatch):
    monkeypatch.delenv("PYCAFFE_GEO_ENGINES", raising=False)
    assert fast_allowed(CPU, "float32")
    monkeypatch.setenv("PYCAFFE_GEO_ENGINES", "numpy")
    assert not fast_allowed(CPU, "float32")
    assert fast("camera", CPU, "float32") is None
    assert camera_functions(CPU, "float32") is camera


def test_devices_and_other_dtypes_keep_the_reference(standin_device, monkeypatch):
    monkeypatch.delenv("PYCAFFE_GEO_ENGINES", raising=False)
    assert fast("camera", standin_device, "float32") is None
    assert fast("camera", CPU, "float16") is None


def test_a_numba_that_cannot_be_imported_is_told_and_done_without(monkeypatch, caplog):
    monkeypatch.delenv("PYCAFFE_GEO_ENGINES", raising=False)
    engines._load.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "pycaffe_geo.ops.fast.camera", raising=False)
    monkeypatch.delitem(sys.modules, "pycaffe_geo.ops.fast.compiler", raising=False)
    assert camera_functions(CPU, "float32") is camera
    assert "numba cannot be used" in caplog.text
    engines._load.cache_clear()


def test_importing_the_package_does_not_load_numba():
    pytest.importorskip("numba")
    code = "import sys, pycaffe_geo, pycaffe_geo.net, pycaffe_geo.cli; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


TOLERANCE = {"float32": 5e-6, "float64": 1e-12}  # of the largest value of an array


@pytest.mark.skipif(not importlib.util.find_spec("numba"), reason="the extra `fast` is not installed")
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", CASES)
def test_fast_engines_are_the_reference(name, dtype, monkeypatch):
    monkeypatch.delenv("PYCAFFE_GEO_ENGINES", raising=False)
    found = CASES[name](dtype)
    monkeypatch.setenv("PYCAFFE_GEO_ENGINES", "numpy")
    expected = CASES[name](dtype)
    assert found.keys() == expected.keys()
    for key, array in expected.items():
        scale = np.abs(array[np.isfinite(array)]).max(initial=1)
        np.testing.assert_allclose(found[key], array, rtol=0, atol=TOLERANCE[dtype] * scale, err_msg=key)


@pytest.mark.skipif(not importlib.util.find_spec("numba"), reason="the extra `fast` is not installed")
def test_every_fast_engine_is_compared(monkeypatch):
    monkeypatch.delenv("PYCAFFE_GEO_ENGINES", raising=False)
    used, load = set(), engines._load
    monkeypatch.setattr(engines, "_load", lambda name: used.add(name) or load(name))
    for run in CASES.values():
        run("float32")
    folder = pathlib.Path(engines.__file__).parent / "fast"
    assert used == {path.stem for path in folder.glob("*.py")} - {"__init__", "compiler"}


@pytest.mark.parametrize("layer, shape, key, parameters", [
    ("Convolution", (1, 2, 5, 6), "convolution_param", dict(num_output=3, kernel_size=3)),
    ("Deconvolution", (1, 2, 5, 6), "convolution_param", dict(num_output=3, kernel_size=3)),
    ("Pooling", (1, 2, 5, 6), "pooling_param", dict(kernel_size=2)),
    ("LRN", (1, 3, 4, 5), "lrn_param", {}),
    ("ReLU", (2, 3), "relu_param", {})])
def test_a_layer_may_ask_for_our_own_engine(layer, shape, key, parameters, monkeypatch, caplog):
    monkeypatch.delenv("PYCAFFE_GEO_ENGINES", raising=False)
    engines._tell_that_cudnn_needs_a_gpu.cache_clear()
    plans = {engine: type(build_layer(layer, [shape], dtype="float32", **{key: {**parameters, "engine": engine}})[0].plan)
             for engine in ("CAFFE", "DEFAULT", "CUDNN", "CUDNN")}
    monkeypatch.setenv("PYCAFFE_GEO_ENGINES", "numpy")
    reference = type(build_layer(layer, [shape], dtype="float32", **{key: parameters})[0].plan)
    assert plans["CAFFE"] is reference and plans["CUDNN"] is plans["DEFAULT"]
    assert (plans["DEFAULT"] is reference) == (not importlib.util.find_spec("numba"))
    assert [r.message for r in caplog.records if "CUDNN" in r.message] == [
        "engine: CUDNN is asked for, which needs a GPU: on the CPU it means DEFAULT"]
