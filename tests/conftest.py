import sys

import cuda_emulator
import pytest
from standin import DeviceArray, StandInDevice

from pycaffe_geo import backend
from pycaffe_geo.errors import DeviceError


@pytest.fixture
def standin_device(monkeypatch):
    """A device whose arrays refuse to become NumPy arrays by themselves (see standin.py)."""
    monkeypatch.setitem(backend._MODULES, DeviceArray, StandInDevice.xp)
    return StandInDevice()


@pytest.fixture(scope="session")
def kernel_folder(tmp_path_factory):
    """Where the CUDA kernels that the host's compiler made are kept during the tests."""
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture
def emulated_gpu(monkeypatch, kernel_folder):
    """A device that runs CUDA kernels without a GPU (see cuda_emulator.py)."""
    if cuda_emulator.COMPILER is None:
        pytest.skip("no C++ compiler to run CUDA kernels with")
    monkeypatch.delenv("PYCAFFE_GEO_ENGINES", raising=False)
    monkeypatch.setitem(sys.modules, "cudnn", None)  # a real one would take the addresses for a device's
    device = cuda_emulator.EmulatedGpu(kernel_folder)
    monkeypatch.setitem(backend._MODULES, DeviceArray, device.xp)
    return device


@pytest.fixture
def gpu():
    """The first CUDA device."""
    try:
        return backend.Gpu(0)
    except DeviceError as e:
        pytest.skip(str(e))


@pytest.fixture(params=["emulated_gpu", pytest.param("gpu", marks=pytest.mark.gpu)])
def kernel_gpu(request):
    """A device that runs CUDA kernels: the emulated one, and a real one where there is one."""
    return request.getfixturevalue(request.param)
