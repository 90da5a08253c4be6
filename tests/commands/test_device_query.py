import pytest

from pycaffe_geo import backend
from pycaffe_geo.errors import DeviceError


def test_without_a_gpu_it_says_why_and_takes_the_cpu(tool, monkeypatch):
    def absent():
        raise DeviceError("no GPU can be used: CuPy is not installed")

    monkeypatch.setattr(backend, "_load_cupy", absent)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    code, out, _ = tool("device_query")
    assert code == 0
    assert "NumPy" in out and "OMP_NUM_THREADS=3" in out
    assert "GPU: no GPU can be used: CuPy is not installed" in out
    assert out.endswith("would run on: CPU (no GPU can be used)\n")
    code, _, err = tool("device_query", "--gpu", "0")
    assert code == 1 and "CuPy is not installed" in err


def test_cpu_can_be_asked_for(tool):
    assert tool("device_query", "--cpu")[1].endswith("would run on: CPU (asked for by --cpu)\n")


@pytest.mark.gpu
def test_with_a_gpu_it_shows_memory(tool):
    try:
        backend.gpu_report()
    except DeviceError as e:
        pytest.skip(str(e))
    code, out, _ = tool("device_query")
    assert code == 0 and "--gpu 0: " in out and "GiB free of" in out
    assert out.endswith("would run on: GPU 0 (solver_mode: GPU takes device_id 0)\n")
