import subprocess
import sys

import numpy as np
import pytest
from fake_cublas import FakeCublas

from pycaffe_geo import backend
from pycaffe_geo.cublas import Cublas
from pycaffe_geo.errors import DeviceError


def has_gpu():
    try:
        backend.Gpu(0)
        return True
    except DeviceError:
        return False


def test_draws_depend_on_the_key_alone():
    a, b = (backend.CPU.generator(3, "fc1", 7).random(4) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    for other in ((4, "fc1", 7), (3, "fc2", 7), (3, "fc1", 8), (3, "fc1", 7, 0)):
        assert not np.array_equal(a, backend.CPU.generator(*other).random(4))


def test_cpu_beats_solver_mode():
    assert backend.choose_device(cpu=True, solver_mode="GPU") is backend.CPU


@pytest.mark.skipif(has_gpu(), reason="this machine has a GPU")
def test_without_a_gpu_solver_mode_warns_and_the_option_is_an_error(caplog):
    assert backend.choose_device(solver_mode="GPU") is backend.CPU
    assert "running on the CPU" in caplog.text
    with pytest.raises(DeviceError, match="no GPU can be used: CuPy"):
        backend.choose_device(gpu=0)


@pytest.mark.gpu
@pytest.mark.skipif(not has_gpu(), reason="no CUDA device")
def test_a_gpu_that_is_not_there():
    with pytest.raises(DeviceError, match="--gpu 99: this machine has"):
        backend.choose_device(gpu=99)


@pytest.mark.parametrize("mode, convolutions, compute", [("DEFAULT", True, 68), ("TF32", True, 77), ("FLOAT32", False, 68)])
def test_math_mode_on_a_gpu(mode, convolutions, compute):
    gpu, library = object.__new__(backend.Gpu), FakeCublas()
    gpu.xp, gpu.stream, gpu.address = np, lambda: 0, lambda array: array.ctypes.data
    gpu._cublas = Cublas(library, gpu)
    gpu.set_math(mode, True)
    left, right, out = (np.ones(shape, "float32") for shape in ((2, 3), (3, 2), (2, 2)))
    gpu.matmul(left, right, out)
    assert library.calls == [compute] and (out == 3).all()
    assert gpu.tf32 == convolutions and gpu.deterministic


def test_math_mode_means_nothing_on_the_cpu():
    backend.CPU.set_math("TF32", True)
    assert not backend.CPU.tf32 and not backend.CPU.deterministic


def test_array_module_and_asnumpy():
    x = np.ones(3)
    assert backend.array_module(x) is np and backend.asnumpy(x) is x


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, pycaffe_geo; print([m for m in ('matplotlib', 'h5py', 'cupy', 'PIL', 'yaml') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_unknown_public_name():
    import pycaffe_geo

    with pytest.raises(AttributeError, match="no attribute 'Nett'"):
        pycaffe_geo.Nett
