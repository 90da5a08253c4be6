import sys
import traceback
from dataclasses import replace

import numpy as np
import pytest

from golden import Case, compare
from pycaffe_geo.backend import asnumpy
from pycaffe_geo.blob import Blob
from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer
from pycaffe_geo.layer import layer_class
from pycaffe_geo.layers.python import Python
from pycaffe_geo.spec import Place

EXAMPLE = dict(
    bottom=[np.linspace(0, 1, 30).reshape(1, 2, 3, 5)],
    python_param={"module": "user_layers", "layer": "Scaled", "param_str": "2"},
)


def python_param(layer, module="user_layers", param_str=""):
    return {"module": module, "layer": layer, "param_str": param_str}


@pytest.mark.parametrize("layer", ["Scaled", "Native"])
def test_gradient(layer):
    report = check_layer("Python", [(1, 3, 5, 7)], python_param=python_param(layer, param_str="-0.5"))
    assert report.ok, report


def test_gradients_of_parameters_are_checked_too():
    assert "layer[0]" in str(check_layer("Python", [(1, 3, 5)], python_param=python_param("Scaled")))


def test_values_and_parameter():
    layer, bottom, top = build_layer("Python", [np.array([1.0, 2])], python_param=python_param("Scaled", param_str="10"))
    assert [b.shape for b in layer.blobs] == [(1,)] and layer.param_propagate_down == [True]
    layer.forward(bottom, top)
    np.testing.assert_array_equal(top[0].data, [30, 60])


def test_a_subclass_of_layer_is_the_layer_itself():
    layer, bottom, top = build_layer("Python", [np.array([1.0, 2])], python_param=python_param("Native", param_str="x: 1"))
    assert type(layer).__name__ == "Native" and layer.param_str == "x: 1"
    layer.forward(bottom, top)
    np.testing.assert_array_equal(top[0].data, [-1, -2])


def test_a_user_sees_pycaffes_names():
    layer, bottom, top = build_layer("Python", [(2, 3)], phase="TEST", python_param=python_param("Looks"))
    layer.forward(bottom, top)
    assert layer.user.seen == ("TEST", 2, 3, 1, 1, 6, (2, 3))


def test_numpy_copies_on_a_device(standin_device):
    layer, bottom, top = build_layer("Python", [np.array([1.0, 2])], device=standin_device, python_param=python_param("Scaled"))
    layer.forward(bottom, top)
    np.testing.assert_array_equal(asnumpy(top[0].data), [3, 6])


def test_blobs_may_be_assigned(standin_device):
    from pycaffe_geo.families.user_layers import HostBlob

    blob = Blob((2,), device=standin_device)
    host = HostBlob(blob)
    host.data = 4
    host.diff += 5
    host.write_back()
    np.testing.assert_array_equal(asnumpy(blob.data), [4, 4])
    np.testing.assert_array_equal(asnumpy(blob.diff), [5, 5])
    host.reshape(3)
    assert host.data.shape == (3,)


@pytest.mark.parametrize("layer", ["Fails", "NativeFails"])
def test_a_users_exception_keeps_type_and_traceback_and_names_the_layer(layer):
    layer, bottom, top = build_layer("Python", [(2, 3)], name="mine", python_param=python_param(layer))
    with pytest.raises(ZeroDivisionError) as caught:
        layer.forward(bottom, top)
    text = "".join(traceback.format_exception(caught.value))
    assert "layer 'mine' (Python): in forward, phase TRAIN" in text
    assert "user_layers.py" in text and "the user's own mistake" in text


MODULE = """
import neighbour
class Times:
    def setup(self, bottom, top): pass
    def reshape(self, bottom, top): top[0].reshape(*bottom[0].shape)
    def forward(self, bottom, top): top[0].data[...] = bottom[0].data * neighbour.FACTOR
    def backward(self, top, propagate_down, bottom): pass
"""


@pytest.fixture
def clean_modules():
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_module_beside_the_network_file(tmp_path, clean_modules):
    results = []
    for factor in (2, 5):  # two networks, each with a module of that name
        folder = tmp_path / str(factor)
        folder.mkdir()
        (folder / "my_layers.py").write_text(MODULE)
        (folder / "neighbour.py").write_text(f"FACTOR = {factor}")
        sys.modules.pop("neighbour", None)
        definition = build_layer("Python", [(2,)], python_param=python_param("Scaled"))[0].definition
        param = replace(definition.parameters["python_param"], module="my_layers", layer="Times")
        definition = replace(definition, place=Place(str(folder / "net.yaml")), parameters={"python_param": param})
        layer = Python(definition)
        bottom, top = Blob((1,)), Blob()
        bottom.data[...] = 1
        layer.reshape([bottom], [top])
        layer.forward([bottom], [top])
        results.append(float(top.data[0]))
    assert results == [2, 5]
    assert not [p for p in sys.path if p.startswith(str(tmp_path))]


def test_published_se3_generator_falls_back_to_ours(caplog):
    param = python_param("SE3_Generator_KITTI", module="pygeometry")
    layer, bottom, top = build_layer("Python", [(2, 6, 1, 1)], python_param=param)
    assert type(layer) is layer_class("SE3Generator") and layer.se3_generator_param.translation == "rotated"
    assert "layer 'layer' (Python): pygeometry cannot be imported" in caplog.text and "translation: rotated" in caplog.text


def test_published_se3_generator_of_the_user_comes_first(tmp_path, monkeypatch, clean_modules):
    (tmp_path / "pygeometry.py").write_text("from user_layers import Scaled\nclass SE3_Generator_KITTI(Scaled): pass")
    monkeypatch.syspath_prepend(tmp_path)
    layer, bottom, top = build_layer("Python", [(2, 6)], python_param=python_param("SE3_Generator_KITTI", module="pygeometry"))
    assert type(layer) is Python


def test_se3_as_caffe():
    case = Case("se3_kitti")
    layers, blobs = case.build()
    case.forward(layers, blobs)
    case.backward(layers, blobs)
    ordinary = slice(0, 3)  # rows 3 and 4 are near zero rotation, where the published layer has the wrong sign
    compare("T.data", blobs["T"].data[ordinary], case.data["T"][ordinary])
    compare("x.diff", blobs["x"].diff[ordinary], case.diff["x"][ordinary])


@pytest.mark.parametrize(
    "layer, module, text",
    [
        ("", "user_layers", r"expected a module and a layer"),
        ("Scaled", "user_layer_s", r"no module 'user_layer_s' beside the network file or on Python's path"),
        ("Scaled", "../user_layers", r"got the module '../user_layers', expected a name such as my_layers"),
        ("Scaled", "sys", r"module 'sys' \(built in\) has no class 'Scaled'"),
        ("Scald", "user_layers", r"has no class 'Scald', did you mean 'Scaled'\?"),
        ("NoBackward", "user_layers", r"'user_layers.NoBackward' has no backward; a layer has setup, reshape, forward, backward"),
    ],
)
def test_what_cannot_be_found(layer, module, text):
    with pytest.raises(SpecError, match=r"^layer 'layer' \(Python\): python_param: .*" + text):
        build_layer("Python", [(2, 3)], python_param=python_param(layer, module))


def test_a_module_that_fails_to_import_keeps_its_error(tmp_path, monkeypatch, clean_modules):
    (tmp_path / "broken_layers.py").write_text("import no_such_thing")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_thing") as caught:
        build_layer("Python", [(2, 3)], python_param=python_param("A", "broken_layers"))
    assert "importing module 'broken_layers'" in "".join(traceback.format_exception(caught.value))


REAL_CAFFE = """
class Layer:
    blobs = property(lambda self: "Caffe's own")
    def __new__(cls, *args):
        return object.__new__(cls)
Layer.__init__ = len  # as Boost.Python's: no function of Python's, and not to be called without Caffe's own layer
"""


def test_a_layer_of_a_real_caffe(tmp_path, monkeypatch, clean_modules):
    (tmp_path / "caffe.py").write_text(REAL_CAFFE)
    (tmp_path / "real_layers.py").write_text("import caffe\nimport user_layers\nclass A(user_layers.Scaled, caffe.Layer): pass")
    monkeypatch.syspath_prepend(tmp_path)
    layer, bottom, top = build_layer("Python", [np.array([1.0, 2])], python_param=python_param("A", "real_layers", "10"))
    layer.forward(bottom, top)
    np.testing.assert_array_equal(top[0].data, [30, 60])
    assert type(layer.user).__name__ == "A" and isinstance(layer.user, sys.modules["caffe"].Layer)
