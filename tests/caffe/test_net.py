"""caffe.Net: pycaffe's calls, batching, and NumPy arrays on a device."""

import numpy as np
import pytest

import pycaffe_geo.caffe as caffe
from pycaffe_geo.caffe import mode
from pycaffe_geo.errors import ShapeError, SpecError

NET = """
name: "small" force_backward: true
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 4 dim: 3 } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
        inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "ip" top: "ip" }
layer { name: "drop" type: "Dropout" bottom: "ip" top: "drop" include { phase: TRAIN } }
layer { name: "double" type: "Power" bottom: "ip" top: "double" power_param { scale: 2 } }
layer { name: "sum" type: "Reduction" bottom: "double" top: "sum" reduction_param { axis: 1 } loss_weight: 0 }
"""
X = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def default_mode(monkeypatch):
    monkeypatch.setattr(mode, "_state", {"mode": "CPU", "device_id": 0, "seed": None})


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(NET)
    return str(path)


def expected(net, x):
    """The outputs of the small net, computed apart."""
    w, b = (blob.data for blob in net.params["ip"])
    ip = np.maximum(x @ w.T + b, 0)
    return ip, (2 * ip).sum(axis=1)


def test_every_way_to_make_a_net(file, tmp_path):
    weights = str(tmp_path / "w.caffemodel")
    caffe.set_random_seed(5)
    first = caffe.Net(file, caffe.TRAIN)
    first.save(weights)
    caffe.set_random_seed(6)
    ways = [caffe.Net(file, weights, caffe.TEST), caffe.Net(file, caffe.TEST, weights=weights)]
    ways += [caffe.Net(file, 1, weights=weights)]
    ways += [caffe.Net(file, caffe.TEST, 0, None, weights), caffe.Net(network_file=file, phase=1, weights=weights)]
    for net in ways:
        assert net.engine.phase == "TEST" and "drop" not in net.blobs
        np.testing.assert_array_equal(net.params["ip"][0].data, first.params["ip"][0].data)
    other = caffe.Net(file, caffe.TEST)
    assert (other.params["ip"][0].data != first.params["ip"][0].data).all()
    other.copy_from(weights)
    np.testing.assert_array_equal(other.params["ip"][0].data, first.params["ip"][0].data)
    with pytest.raises(SpecError, match="got the phase 'Test', expected TRAIN .0. or TEST .1."):
        caffe.Net(file, weights, "Test")
    with pytest.raises(TypeError, match="got 3 arguments after the file"):
        caffe.Net(file, weights, caffe.TEST, 0)


def test_level_and_stages(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(NET + 'layer { name: "deploy" type: "Silence" bottom: "sum" include { stage: "deploy" min_level: 2 } }')
    assert "deploy" in caffe.Net(str(path), caffe.TEST, 2, ["deploy"])._layer_names
    assert "deploy" not in caffe.Net(str(path), caffe.TEST, 2)._layer_names


def test_names_and_blobs(file):
    net = caffe.Net(file, caffe.TRAIN)
    assert (net.inputs, net.outputs, net.name) == (["data"], ["drop", "sum"], "small")
    assert net._layer_names == ["data", "ip", "relu", "drop", "double", "sum"]
    assert list(net.blobs) == net._blob_names == ["data", "ip", "drop", "double", "sum"]
    assert [layer.type for layer in net.layers][:2] == ["Input", "InnerProduct"]
    assert net.layer_dict["ip"].blobs[0] is net.layers[1].blobs[0] is net.params["ip"][0]
    assert net.top_names["relu"] == ["ip"] and net.bottom_names["sum"] == ["double"]
    index = net._layer_names.index("sum")
    assert [net._blob_names[i] for i in net._bottom_ids(index)] == net.bottom_names["sum"]
    assert [net._blob_names[i] for i in net._top_ids(index)] == net.top_names["sum"]
    assert net.blob_loss_weights == dict.fromkeys(net.blobs, 0)
    assert net.blobs["data"].shape == (4, 3) and net.blobs["data"].num == 4
    assert {name: [b.data.shape for b in blobs] for name, blobs in net.params.items()} == {"ip": [(2, 3), (2,)]}


def test_forward_and_backward(file):
    net = caffe.Net(file, caffe.TEST)
    out = net.forward(data=X[:4], blobs=["ip"])
    ip, total = expected(net, X[:4])
    assert set(out) == {"sum", "ip"}
    np.testing.assert_allclose(out["ip"], ip, rtol=1e-6)
    np.testing.assert_allclose(out["sum"], total, rtol=1e-6)
    np.testing.assert_array_equal(net.forward(start="ip", end="relu")["ip"], out["ip"])

    top_diff = np.arange(1, 5, dtype=np.float32)
    net.clear_param_diffs()
    back = net.backward(sum=top_diff, diffs=["double"])
    d_ip = 2 * top_diff[:, None] * (ip > 0)
    np.testing.assert_allclose(back["data"], d_ip @ net.params["ip"][0].data, rtol=1e-5)
    np.testing.assert_allclose(net.params["ip"][0].diff, d_ip.T @ X[:4], rtol=1e-5)
    assert back["double"].shape == (4, 2)


def test_data_are_written_in_place(file):
    net = caffe.Net(file, caffe.TEST)
    net.blobs["data"].data[...] = X[:4]
    net.params["ip"][1].data[...] = 100
    np.testing.assert_allclose(net.forward()["sum"], expected(net, X[:4])[1], rtol=1e-6)
    net.blobs["data"].reshape(7, 3)
    net.reshape()
    assert net.blobs["sum"].data.shape == (7,)
    assert net.forward(data=X[:7])["sum"].shape == (7,)


def test_forward_all_pads_the_last_batch(file):
    net = caffe.Net(file, caffe.TEST)
    out = net.forward_all(data=X, blobs=["ip"])
    ip, total = expected(net, X)
    np.testing.assert_allclose(out["ip"], ip, rtol=1e-6)
    np.testing.assert_allclose(out["sum"], total, rtol=1e-6)
    assert {len(v) for v in out.values()} == {10}


def test_forward_backward_all(file):
    net = caffe.Net(file, caffe.TEST)
    top_diffs = np.arange(1, 11, dtype=np.float32)
    outs, diffs = net.forward_backward_all(data=X, sum=top_diffs, diffs=["ip"])
    d_ip = 2 * top_diffs[:, None] * (expected(net, X)[0] > 0)
    np.testing.assert_allclose(outs["sum"], expected(net, X)[1], rtol=1e-6)
    np.testing.assert_allclose(diffs["data"], d_ip @ net.params["ip"][0].data, rtol=1e-5)
    assert diffs["ip"].shape == (10, 2)
    with pytest.raises(ShapeError, match="got 10 samples of the inputs and another number"):
        net.forward_backward_all(data=X, sum=top_diffs[:3])


def test_a_result_without_a_batch_axis_has_one_row_for_each_batch(tmp_path):
    path = tmp_path / "net.prototxt"
    mean = 'layer { name: "mean" type: "Reduction" bottom: "sum" top: "mean" reduction_param { operation: MEAN } }'
    path.write_text(NET + mean)
    net = caffe.Net(str(path), caffe.TEST)
    batches = net.forward_all(data=X[:8])["mean"]
    np.testing.assert_allclose(batches, expected(net, X[:8])[1].reshape(2, 4).mean(axis=1), rtol=1e-6)


def test_wrong_keywords(file):
    net = caffe.Net(file, caffe.TEST)
    with pytest.raises(SpecError, match="net 'small' has no 'dat' among its inputs, did you mean 'data'?"):
        net.forward(dat=X)
    with pytest.raises(ShapeError, match=r"input 'data' got the shape \(10, 3\), expected \(4, 3\)"):
        net.forward(data=X)
    with pytest.raises(SpecError, match="among its outputs"):
        net.backward(ip=X)
    with pytest.raises(SpecError, match="got none of its inputs, expected 'data' too"):
        net.forward_all()


def test_weights_are_shared_and_saved(file, tmp_path):
    train, test = caffe.Net(file, caffe.TRAIN), caffe.Net(file, caffe.TEST)
    test.share_with(train)
    train.params["ip"][0].data[...] = 3
    assert (test.params["ip"][0].data == 3).all()
    for name in ("w.caffemodel", "w.caffemodel.h5"):
        path = str(tmp_path / name)
        train.save(path)
        assert (caffe.Net(file, path, caffe.TEST).params["ip"][0].data == 3).all()


MEMORY = """
layer { name: "data" type: "MemoryData" top: "data" top: "label"
        memory_data_param { batch_size: 2 channels: 1 height: 2 width: 2 } }
layer { name: "silence" type: "Silence" bottom: "label" }
"""


def test_set_input_arrays(tmp_path, file):
    path = tmp_path / "memory.prototxt"
    path.write_text(MEMORY)
    net = caffe.Net(str(path), caffe.TEST)
    x = np.arange(16, dtype=np.float32).reshape(4, 1, 2, 2)
    net.set_input_arrays(x, np.arange(4, dtype=np.float32))
    np.testing.assert_array_equal(net.forward()["data"], x[:2])
    np.testing.assert_array_equal(net.forward()["data"], x[2:])
    np.testing.assert_array_equal(net.blobs["label"].data, [2, 3])
    with pytest.raises(SpecError, match="the first layer is a Input, expected MemoryData"):
        caffe.Net(file, caffe.TEST).set_input_arrays(x, x)


def test_a_device_is_seen_through_numpy_arrays(file, standin_device, monkeypatch):
    cpu = caffe.Net(file, caffe.TEST)
    monkeypatch.setattr(mode, "device", lambda: standin_device)
    net = caffe.Net(file, caffe.TEST)
    net.blobs["data"].data[...] = X[:4]
    assert isinstance(net.blobs["ip"].data, np.ndarray)  # read only: must not be written over what forward computes
    net.forward()
    np.testing.assert_allclose(net.blobs["ip"].data, cpu.forward(data=X[:4], blobs=["ip"])["ip"], rtol=1e-6)
    net.blobs["sum"].diff[...] = 1
    cpu.blobs["sum"].diff[...] = 1
    np.testing.assert_allclose(net.backward()["data"], cpu.backward()["data"], rtol=1e-6)
    net.params["ip"][0].data[...] = 2
    other = caffe.Net(file, caffe.TEST)
    other.share_with(net)
    assert (other.params["ip"][0].data == 2).all()


def test_gpu_mode_without_a_gpu_warns_once(file, caplog, monkeypatch):
    from pycaffe_geo import backend
    from pycaffe_geo.errors import DeviceError

    def none(index):
        raise DeviceError("no GPU can be used")

    monkeypatch.setattr(backend, "Gpu", none)
    monkeypatch.setattr(mode, "_devices", {})
    caffe.set_device(0)
    caffe.set_mode_gpu()
    for _ in range(2):
        caffe.Net(file, caffe.TEST)
    assert caplog.text.count("running on the CPU") == 1
    caffe.set_mode_cpu()
    assert mode.device() is backend.CPU


def test_phases_equal_what_scripts_and_layers_compare_with():
    assert caffe.TRAIN == 0 == caffe.TRAIN and caffe.TEST == 1 and caffe.TEST == "TEST" and "TRAIN" == caffe.TRAIN
    assert caffe.TRAIN != "TEST" and caffe.TEST != 0 and caffe.TRAIN != caffe.TEST
    assert {0: "a", 1: "b"}[caffe.TEST] == "b" and f"{caffe.TEST}" == "TEST"
    assert "Convolution" in caffe.layer_type_list()
