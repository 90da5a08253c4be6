"""Which engine is chosen. The engines' numbers are compared with the reference's in tests/ops/fast."""

import subprocess
import sys

import pytest

from pycaffe_geo.backend import CPU
from pycaffe_geo.geometry import camera
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
