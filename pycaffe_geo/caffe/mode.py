"""Where pycaffe's nets and solvers run, and their random seed: settings of the whole process, as in pycaffe."""

from pycaffe_geo.backend import choose_device
from pycaffe_geo.families.user_layers import Phase

TRAIN = Phase("TRAIN")
TEST = Phase("TEST")
_state = {"mode": "CPU", "device_id": 0, "seed": None}
_devices = {}


def set_mode_cpu():
    """Let nets and solvers made from now on run on the CPU (the default)."""
    _state["mode"] = "CPU"


def set_mode_gpu():
    """Let nets and solvers made from now on run on the GPU; on the CPU, with one warning, where there is none."""
    _state["mode"] = "GPU"


def set_device(device_id):
    """Choose the GPU."""
    _state["device_id"] = int(device_id)


def set_random_seed(seed):
    """Key the random draws of nets made from now on, and of solvers that have no random_seed of their own."""
    _state["seed"] = int(seed)


def device():
    """Return the Device that the mode asks for."""
    key = (_state["mode"], _state["device_id"])
    if key not in _devices:
        _devices[key] = choose_device(solver_mode=key[0], device_id=key[1])
    return _devices[key]


def seed(default):
    """Return the seed that was set, else `default`."""
    return default if _state["seed"] is None else _state["seed"]
