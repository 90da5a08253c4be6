"""Every registered layer, forward and backward, on the stand-in device: only code that keeps to its array module passes.

Layers are found by the registry. What each is run on stands in its own test file, tests/layers/test_<file>.py, as the module
constant `EXAMPLE`: a dict of `build_layer`'s arguments, such as `dict(bottom=[(2, 3, 4, 4)], power_param={"power": 2})`; a layer
that reads a file offers a function `EXAMPLE(folder)` which writes the file and returns the dict. A function under "prepare" gets
the layer before it runs.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from standin import DeviceArray

from pycaffe_geo.backend import CPU, array_module, asnumpy
from pycaffe_geo.gradient_check import build_layer
from pycaffe_geo.layer import layer_types

LAYER_TESTS = Path(__file__).parent / "layers"
TYPES = sorted({cls.__name__ for cls in layer_types().values() if cls.__module__.startswith("pycaffe_geo.layers.")})


def example(type_name, folder):
    """Return build_layer's arguments for the layer type, from its test file."""
    stem = layer_types()[type_name].__module__.rpartition(".")[2]
    path = LAYER_TESTS / f"test_{stem}.py"
    assert path.exists(), f"layer {type_name} has no test file tests/layers/test_{stem}.py"
    spec = importlib.util.spec_from_file_location(f"example_{stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert hasattr(module, "EXAMPLE"), f"layer {type_name}: tests/layers/test_{stem}.py has no EXAMPLE (see {__file__})"
    return module.EXAMPLE(folder) if callable(module.EXAMPLE) else module.EXAMPLE


def run(type_name, arguments, device):
    """Return {name: array} of all that one forward and backward write."""
    prepare = arguments.get("prepare", lambda layer: None)
    layer, bottom, top = build_layer(type_name, device=device, **{k: v for k, v in arguments.items() if k != "prepare"})
    prepare(layer)
    draws = np.random.default_rng(0)
    layer.forward(bottom, top)
    for i, t in enumerate(top):
        weight = draws.normal(size=t.shape) * (not layer.is_loss or i == 0)
        t.diff[...] = device.asarray(weight.astype(t.dtype))
    fixed = {i % len(bottom) for i in layer.no_gradient if -len(bottom) <= i < len(bottom)}
    propagate_down = [i not in fixed for i in range(len(bottom))]
    for blob in (*bottom, *layer.blobs):
        blob.diff[...] = 0
    layer.backward(top, propagate_down, bottom)
    results = {f"top[{i}].data": t.data for i, t in enumerate(top)}
    results |= {f"bottom[{i}].diff": b.diff for i, b in enumerate(bottom)}
    results |= {f"blobs[{j}].diff": b.diff for j, b in enumerate(layer.blobs)}
    return results


@pytest.mark.parametrize("type_name", TYPES)
def test_layer_runs_on_a_device(type_name, standin_device, tmp_path):
    arguments = example(type_name, tmp_path)
    expected = run(type_name, arguments, CPU)
    found = run(type_name, arguments, standin_device)
    for name, array in found.items():
        assert isinstance(array, DeviceArray)
        np.testing.assert_allclose(asnumpy(array), expected[name], rtol=1e-9, atol=1e-12, err_msg=f"{type_name} {name}")


class TestStandIn:
    """The stand-in refuses what CuPy refuses."""

    @pytest.fixture
    def x(self, standin_device):
        return standin_device.asarray(np.arange(6.0).reshape(2, 3))

    def test_knows_its_module(self, x, standin_device):
        assert array_module(x) is standin_device.xp
        np.testing.assert_array_equal(asnumpy(x), np.arange(6.0).reshape(2, 3))

    def test_arithmetic(self, x, standin_device):
        xp = standin_device.xp
        y = xp.zeros_like(x)
        assert xp.multiply(x, 2, out=y) is y
        y += x[:, ::-1] @ xp.ones((3, 3)) - np.float64(1)
        xp.add.at(y, (xp.asarray([0, 0]), xp.asarray([1, 1])), 1.0)
        expected = 2 * x.get() + x.get()[:, ::-1].sum(1, keepdims=True) - 1 + [[0, 2, 0], [0, 0, 0]]
        np.testing.assert_array_equal(y.get(), expected)

    @pytest.mark.parametrize(
        "act",
        [
            lambda x, xp: np.asarray(x),
            lambda x, xp: np.sum(x),
            lambda x, xp: np.exp(x),
            lambda x, xp: x + np.ones(3),
            lambda x, xp: np.ones(3) + x,
            lambda x, xp: np.ones(3).__setitem__(..., x[0]),
            lambda x, xp: x.__setitem__(..., np.ones(3)),
            lambda x, xp: x[np.array([0, 1])],
            lambda x, xp: xp.maximum(x, np.ones(3)),
            lambda x, xp: xp.sum(x, where=x > 1),
        ],
    )
    def test_refuses(self, act, x, standin_device):
        with pytest.raises(TypeError):
            act(x, standin_device.xp)
