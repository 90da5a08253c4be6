"""Layers written for pycaffe in its own style run and are checked unchanged; the mistake of the classic example is caught."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import pycaffe_geo.caffe as caffe
from pycaffe_geo.caffe import mode
from pycaffe_geo.cli import main
from pycaffe_geo.families.user_layers import widen_buffers
from pycaffe_geo.gradient_check import check_layer

NET = """
layer {{ name: "data" type: "Python" top: "a" top: "b" python_param {{ module: "pycaffe_layers" layer: "Batches" }} }}
layer {{ name: "rows" type: "Python" bottom: "a" top: "rows"
        python_param {{ module: "pycaffe_layers" layer: "WeightedRows" param_str: "0.5" }} }}
layer {{ name: "loss" type: "Python" bottom: "rows" bottom: "b" top: "loss" loss_weight: 3
        python_param {{ module: "pycaffe_layers" layer: "{loss}" param_str: "1.5" }} }}
"""


@pytest.fixture(autouse=True)
def user_folder(monkeypatch):
    """The user's module is on the path; what it imports is forgotten afterwards."""
    before = dict(sys.modules)
    monkeypatch.syspath_prepend(Path(__file__).parent)
    yield
    for name in set(sys.modules) - set(before):
        if name.split(".")[0] in ("caffe", "pycaffe_layers"):
            del sys.modules[name]


def write_net(folder, loss="HuberLoss"):
    path = folder / "net.prototxt"
    path.write_text(NET.format(loss=loss))
    return str(path)


def param(layer, text="1.5"):
    return {"module": "pycaffe_layers", "layer": layer, "param_str": text}


def test_the_module_is_given_our_caffe(tmp_path):
    net = caffe.Net(write_net(tmp_path), caffe.TRAIN)
    assert isinstance(net.engine.layers[1].user, caffe.Layer)
    assert sys.modules["caffe"] is caffe


def test_values_and_gradients_in_a_net(tmp_path):
    net = caffe.Net(write_net(tmp_path), caffe.TRAIN)
    out = net.forward()
    a, b = net.blobs["a"].data, net.blobs["b"].data
    rows = a * np.array([1, 2, 3])[:, None] + 0.5
    error = rows - b
    huber = np.where(abs(error) <= 1.5, error**2 / 2, 1.5 * (abs(error) - 0.75)).sum() / 2
    np.testing.assert_allclose(out["loss"], [huber], rtol=1e-5)
    net.backward()
    slope = 3 * np.clip(error, -1.5, 1.5) / 2
    np.testing.assert_allclose(net.blobs["rows"].diff, slope, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(net.params["rows"][0].diff, (slope * a).sum(axis=(0, 2)), rtol=1e-4)
    assert caffe.Net(write_net(tmp_path), caffe.TEST).forward(blobs=["rows"])["rows"].min() > rows.min()  # phase is seen


PASS = [("WeightedRows", [(2, 3, 5)]), ("HuberLoss", [(2, 7), (2, 7)]), ("SinglePrecision", [(2, 7), (2, 7)])]


@pytest.mark.parametrize("layer, bottoms", PASS)
def test_layers_pass_the_check_unchanged(layer, bottoms):
    report = check_layer("Python", bottoms, python_param=param(layer))
    assert report.ok, report


def test_the_tool_passes_them_in_their_net(tmp_path, capsys):
    for layer in ("rows", "loss"):
        code = main(["check_gradients", "--net", write_net(tmp_path), "--layer", layer])
        assert code == 0, capsys.readouterr().out


@pytest.mark.parametrize("layer", ["ForgetsItsWeight", "SinglePrecisionForgets"])
def test_a_loss_that_ignores_its_weight_is_caught_and_told_so(layer, tmp_path, capsys):
    report = check_layer("Python", [(2, 7), (2, 7)], python_param=param(layer))
    assert not report.ok
    assert re.search(r"top\[0\].diff, the loss weight \(here -?[0-9.]+\), is ignored: multiply by it", str(report))
    assert main(["check_gradients", "--net", write_net(tmp_path, layer), "--layer", "loss"]) == 1
    assert "top[0].diff, the loss weight" in capsys.readouterr().out
    assert main(["check_gradients", "--net", write_net(tmp_path, layer)]) == 1


def test_rounding_that_spoils_the_check_is_told():
    report = check_layer("Python", [(2, 7), (2, 7)], python_param=param("Rounds"))
    assert not report.ok and "forward rounds to single precision" in str(report)


def test_buffers_that_share_memory_keep_it():
    user = type("User", (), {})()
    user.whole = np.zeros(4, np.float32)
    user.part, user.alone, user.count = user.whole[1:], np.ones((2, 1), np.float32).reshape(2), np.arange(3)
    widen_buffers(user)
    assert user.part.base is user.whole and user.whole.dtype == np.float32
    assert (user.alone.dtype, user.count.dtype.kind) == (np.float64, "i")


def test_layers_run_on_a_device_as_on_the_cpu(tmp_path, standin_device, monkeypatch):
    file = write_net(tmp_path)
    cpu = caffe.Net(file, caffe.TRAIN)
    monkeypatch.setattr(mode, "device", lambda: standin_device)
    net = caffe.Net(file, caffe.TRAIN)
    for n in (cpu, net):
        n.forward()
        n.backward()
    np.testing.assert_allclose(net.blobs["loss"].data, cpu.blobs["loss"].data, rtol=1e-6)
    np.testing.assert_allclose(net.params["rows"][0].diff, cpu.params["rows"][0].diff, rtol=1e-6)


def test_arrays_are_copied_only_when_touched_and_back_only_when_changed(standin_device):
    from pycaffe_geo.blob import Blob
    from pycaffe_geo.families.user_layers import HostBlob

    class Counting(Blob):
        copies = 0

        @property
        def data(self):
            Counting.copies += 1
            return super().data

    blob = Counting((3,), device=standin_device)
    host = HostBlob(blob)
    host.write_back()
    assert (host.shape, host.count, Counting.copies) == ((3,), 3, 0)
    assert (host.data == 0).all() and Counting.copies == 1
    host.write_back()
    assert Counting.copies == 1  # read, not changed: not written back
    host.data[1] = np.nan
    host.write_back()
    assert Counting.copies == 3 and np.isnan(Blob.data.fget(blob).get()[1])
