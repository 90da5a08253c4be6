import pytest
from standin import DeviceArray, StandInDevice

from pycaffe_geo import backend


@pytest.fixture
def standin_device(monkeypatch):
    """A device whose arrays refuse to become NumPy arrays by themselves (see standin.py)."""
    monkeypatch.setitem(backend._MODULES, DeviceArray, StandInDevice.xp)
    return StandInDevice()
