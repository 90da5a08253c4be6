"""`max_memory`: a net that is too large is refused while it is built, before its parameters are filled."""

import tracemalloc

import pytest

from pycaffe_geo.cli import main
from pycaffe_geo.commands._common import memory
from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check_net import check_net
from pycaffe_geo.net import Net
from pycaffe_geo.solvers import get_solver
from pycaffe_geo.spec import load_net

NET = """
layers:
- {name: x, type: Input, input_param: {shape: {dim: [2, 1000]}}}
- {name: fc, type: InnerProduct, bottom: x, inner_product_param: {num_output: %s, weight_filler: xavier}}
"""
BIG = 10**7  # 37 GiB of weights


def net(outputs, **options):
    return Net(load_net("n.yaml", text=NET % outputs), **options)


def test_it_is_refused_by_name_and_nothing_is_allocated():
    tracemalloc.start()
    with pytest.raises(SpecError) as e:
        net(BIG, phase="TEST", max_memory=2**30)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(e.value) == (
        "n.yaml:4:3: layer 'fc' (InnerProduct): with blob 'fc[0]' of shape (10000000, 1000) the net takes at least 37.3 GiB, "
        "expected at most 1.0 GiB (max_memory)"
    )
    assert peak < 2**20


def test_what_counts():
    """TEST: x, fc, weights and bias; TRAIN: their diffs too. A blob that grows later counts as well."""
    elements = 2 * 1000 + 2 * 3 + 3 * 1000 + 3
    small = net(3, phase="TEST", max_memory=4 * elements)
    net(3, phase="TRAIN", max_memory=8 * elements)
    for phase, limit in (("TEST", 4 * elements - 1), ("TRAIN", 8 * elements - 1)):
        with pytest.raises(SpecError, match="max_memory"):
            net(3, phase=phase, max_memory=limit)
    with pytest.raises(SpecError, match="^net '': with blob 'x' of shape .3, 1000. the net takes at least"):
        small.blobs["x"].reshape(3, 1000)


@pytest.mark.parametrize("layer", [
    "{name: d, type: DummyData, dummy_data_param: {shape: {dim: [99999, 99999, 9]}}}",
    "{name: d, type: DummyData, dummy_data_param: {data_filler: xavier, shape: {dim: [99999, 99999, 9]}}}",
    "{name: d, type: Parameter, parameter_param: {shape: {dim: [99999, 99999, 9]}}}",
    "{name: d, type: Input, input_param: {shape: {dim: [99999, 99999, 9]}}}",
])
def test_layers_that_begin_a_net(layer):
    with pytest.raises(SpecError, match="layer 'd' .* takes at least .* expected at most 1.0 MiB"):
        Net(load_net("n.yaml", text=f"layers: [{layer}]"), "TEST", max_memory=2**20)


@pytest.mark.parametrize("layer", [
    "{type: Convolution, convolution_param: {num_output: 8, kernel_size: 3, pad: 99999}}",
    "{type: Convolution, convolution_param: {num_output: 99999999, kernel_size: 3}}",
    "{type: Convolution, convolution_param: {num_output: 8, kernel_size: 99999, pad: 99999}}",
    "{type: Deconvolution, convolution_param: {num_output: 8, kernel_size: 3, stride: 99999}}",
    "{type: Im2col, convolution_param: {kernel_size: 3, pad: 99999}}",
    "{type: Tile, tile_param: {tiles: 999999999}}",
    "{type: Convolution, convolution_param: {num_output: 1, kernel_size: 3, pad: 99999, stride: 199999}}",
    "{type: Pooling, pooling_param: {kernel_size: 99999, pad: 99998}}",
    "{type: LSTM, recurrent_param: {num_output: 99999999}}",
    "{type: Embed, embed_param: {num_output: 99999, input_dim: 99999}}",
    "{type: Resize, resize_param: {height: 99999, width: 99999}}",
])
def test_layers_that_make_much_of_little(layer):
    text = f"""
layers:
- {{name: x, type: Input, top: [x, c], input_param: {{shape: [{{dim: [4, 2, 5, 5]}}, {{dim: [4, 2]}}]}}}}
- {{name: big, bottom: {"[x, c]" if "LSTM" in layer else "x"}, {layer[1:]}
"""
    tracemalloc.start()
    with pytest.raises(SpecError, match="layer 'big' .* takes at least .* expected at most 1.0 MiB"):
        Net(load_net("n.yaml", text=text), "TEST", max_memory=2**20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


def test_solvers_and_checks_take_it_too(tmp_path):
    (tmp_path / "n.yaml").write_text(NET % BIG)
    (tmp_path / "s.yaml").write_text("net: n.yaml\nmax_iter: 1\n")
    with pytest.raises(SpecError, match="max_memory"):
        get_solver(tmp_path / "s.yaml", max_memory=2**30)
    with pytest.raises(SpecError, match="max_memory"):
        check_net(tmp_path / "n.yaml", max_memory=2**30)


@pytest.mark.parametrize("command", ["test", "time", "summarize", "check_gradients", "draw_net", "train"])
def test_the_tools_take_it(command, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "n.yaml").write_text(NET % BIG)
    (tmp_path / "s.yaml").write_text("net: n.yaml\nmax_iter: 1\n")
    words = ["--solver", "s.yaml"] if command == "train" else ["--net", "n.yaml"]
    assert main([command, *words, "--max-memory", "1.5g"]) == 1
    assert "layer 'fc' (InnerProduct): with blob 'fc[0]'" in capsys.readouterr().err


@pytest.mark.parametrize("text, expected", [
    ("2G", 2**31), ("500M", 500 * 2**20), ("64KiB", 2**16), ("1.5g", 3 * 2**29), ("1000", 1000), ("3TB", 3 * 2**40),
])
def test_sizes(text, expected):
    assert memory(text) == expected


@pytest.mark.parametrize("text", ["", "G", "2X", "0", "nan", "inf", "1e99"])
def test_wrong_sizes(text, capsys):
    assert main(["summarize", "--net", "n.yaml", "--max-memory", text]) == 1
    assert "expected a size such as 2G, 500M or 64K" in capsys.readouterr().err
