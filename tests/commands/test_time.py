import csv


def test_shows_every_layer_and_writes_csv(tool, small_net, tmp_path):
    code, out, _ = tool("time", "--net", small_net, "--iterations", "2", "--out", tmp_path / "t.csv")
    assert code == 0
    # 8 parameters, data and diff
    assert "whole iteration: forward " in out and "parameters 64 B; the whole process at its peak " in out
    rows = {row["layer"]: row for row in csv.DictReader(open(tmp_path / "t.csv", encoding="utf-8"))}
    assert list(rows) == ["data", "fc", "relu", "loss"]
    assert float(rows["fc"]["forward ms"]) > 0 and float(rows["fc"]["backward ms"]) > 0 and rows["data"]["backward ms"] == ""
    assert int(rows["fc"]["bytes"]) == 4 * (2 * 3 + 2 + 4 * 2) and int(rows["relu"]["bytes"]) == 0


def test_shape_replaces_data_that_are_absent(tool, tmp_path):
    (tmp_path / "n.yaml").write_text(
        "layers:\n- {name: d, type: HDF5Data, top: [x, label], hdf5_data_param: {source: absent.txt, batch_size: 2}}\n"
        "- {name: fc, type: InnerProduct, bottom: x, inner_product_param: {num_output: 3}}\n"
        "- {name: loss, type: SoftmaxWithLoss, bottom: [fc, label]}\n",
        encoding="utf-8",
    )
    code, _, err = tool("time", "--net", tmp_path / "n.yaml", "--iterations", "1")
    assert code == 1 and "absent.txt" in err
    code, _, err = tool("time", "--net", tmp_path / "n.yaml", "--iterations", "1", "--shape", "x=2,5")
    assert code == 1 and "also makes 'label': give their shapes too" in err
    code, _, err = tool("time", "--net", tmp_path / "n.yaml", "--iterations", "1", "--shape", "lable=2")
    assert code == 1 and "did you mean 'label'?" in err
    code, out, _ = tool("time", "--net", tmp_path / "n.yaml", "--iterations", "1", "--shape", "x=2,5", "--shape", "label=2")
    assert code == 0 and "SoftmaxWithLoss" in out


def test_data_tells_what_bounds_the_run(tool, tmp_path):
    net = tmp_path / "slow.yaml"
    (tmp_path / "slow.py").write_text(
        "import time\nimport pycaffe_geo\n\n"
        "class Slow(pycaffe_geo.Layer):\n    bottoms = (0, 0)\n    tops = (1, 1)\n    is_data = True\n\n"
        "    def reshape(self, bottom, top):\n        top[0].reshape(2, 3)\n\n"
        "    def forward(self, bottom, top):\n        time.sleep(0.02)\n        top[0].data[...] = 1\n",
        encoding="utf-8",
    )
    net.write_text(
        "layers:\n- {name: d, type: Python, top: x, python_param: {module: slow, layer: Slow}}\n"
        "- {name: fc, type: InnerProduct, bottom: x, inner_product_param: {num_output: 3}}\n"
        "- {name: loss, type: Reduction, bottom: fc, loss_weight: 1}\n",
        encoding="utf-8",
    )
    code, out, _ = tool("time", "--net", net, "--iterations", "2", "--data")
    assert code == 0 and "the data bound this run" in out
    net.write_text("layers:\n- {name: x, type: Input, input_param: {shape: {dim: [1]}}}\n", encoding="utf-8")
    code, _, err = tool("time", "--net", net, "--iterations", "2", "--data")
    assert code == 1 and "has no data layer in phase TRAIN" in err


def test_on_a_gpu_an_iteration_is_recorded_too(tool, small_net, emulated_gpu, monkeypatch, tmp_path):
    from pycaffe_geo import backend

    monkeypatch.setattr(backend, "choose_device", lambda **options: emulated_gpu)
    monkeypatch.setattr(type(emulated_gpu), "held_bytes", lambda self: 3 << 20)
    code, out, _ = tool("time", "--net", small_net, "--iterations", "1", "--gpu", "0")
    assert code == 0 and "forward and backward, recorded as one graph: " in out and " ms\n" in out
    assert "memory of emulated GPU that all arrays took at most: 3.0 MiB" in out
    host = tmp_path / "host.yaml"
    host.write_text("layers:\n- {name: x, type: Input, input_param: {shape: {dim: [3]}}}\n"
                    "- {name: f, type: Filter, bottom: [x, x], top: y}\n", encoding="utf-8")
    code, out, _ = tool("time", "--net", host, "--iterations", "1", "--gpu", "0")
    assert code == 0 and "recorded as one graph: not possible, because " in out and "layer 'f' (Filter) works on the host" in out
