"""What is written as prototxt loads to the same definition; so does prototxt written as YAML."""

from dataclasses import replace
from pathlib import Path

import pytest
from golden import GOLDEN

from pycaffe_geo.errors import SpecError
from pycaffe_geo.layer import layer_class
from pycaffe_geo.net import Net
from pycaffe_geo.spec import load_net, load_solver, to_prototxt, to_yaml

ROOT = Path(__file__).resolve().parents[2]
OURS = sorted((ROOT / "prototxt").glob("*.yaml"))
RECORDED = [p for p in sorted(GOLDEN.rglob("*.prototxt")) if ".solver." not in p.name] if GOLDEN.exists() else []


def bare(net):
    return replace(net, file="", layers=tuple(replace(layer, place=None) for layer in net.layers))


def with_names(net, like):
    """Return `net` with every parameter that `like` names named, in place of `share`; BatchNorm's with the rates 0 of Caffe."""
    pairs = zip(net.layers, like.layers, strict=True)
    return replace(net, layers=tuple(
        replace(layer, share="", param=tuple(named(layer, j) for j in range(len(other.param)))) for layer, other in pairs
    ))


def named(layer, j):
    fixed = {"lr_mult": 0.0, "decay_mult": 0.0} if layer_class(layer.type).fixed_blobs else {}
    return replace(layer.param_spec(j), **fixed)


@pytest.mark.parametrize("path", [*OURS, *RECORDED], ids=lambda p: p.stem)
def test_networks_survive(path):
    net = bare(load_net(path))
    assert bare(load_net("n.yaml", text=to_yaml(net))) == net
    again = bare(load_net("n.prototxt", text=to_prototxt(net)))
    assert with_names(again, again) == with_names(net, again)
    if not any(layer.share for layer in net.layers):
        assert again == net


@pytest.mark.skipif(not GOLDEN.exists(), reason=f"{GOLDEN} is missing")
def test_recorded_solvers_survive(tmp_path):
    for path in GOLDEN.rglob("*.solver.prototxt"):
        solver = load_solver(path)
        for write, name in ((to_yaml, "s.yaml"), (to_prototxt, "s.prototxt")):
            (tmp_path / name).write_text(write(solver))
            assert replace(load_solver(tmp_path / name), file="") == replace(solver, file="")


SHARING = """
layers:
- {name: x, type: Input, top: [x, z], input_param: {shape: {dim: [2, 3, 4, 4]}}}
- {name: a, type: Convolution, bottom: x, convolution_param: {num_output: 3, kernel_size: 1}}
- {name: n, type: BatchNorm, bottom: a}
- {name: s, type: Scale, bottom: n, scale_param: {bias_term: true}}
- {name: r, type: ReLU, bottom: s}
- {name: a2, share: a, bottom: z}
- {name: n2, share: n, bottom: a2}
- {name: s2, share: s, bottom: n2}
- {name: r2, share: r, bottom: s2}
"""


def test_sharing_is_written_as_equal_names():
    net = load_net("n.yaml", text=SHARING)
    text = to_prototxt(net)
    assert text.count('param { name: "a[0]" }') == 2 and text.count('param { name: "n[2]" lr_mult: 0 decay_mult: 0 }') == 2
    assert "share" not in text and 'name: "r[0]"' not in text
    first, second = Net(net, "TEST"), Net(load_net("n.prototxt", text=text), "TEST")
    assert first.param_names == second.param_names == ["a[0]", "a[1]", "n[0]", "n[1]", "n[2]", "s[0]", "s[1]"]
    assert second.params["a2"][0].shares_data(second.params["a"][0])


def test_sharing_of_a_layer_whose_parameters_are_not_known():
    text = "layers: [{name: p, type: Python, bottom: x, python_param: {module: m, layer: L}}, {name: q, share: p, bottom: x}]"
    with pytest.raises(SpecError, match=r"n.yaml:1:10: layer 'p' \(Python\): cannot write `share` as prototxt"):
        to_prototxt(load_net("n.yaml", text=text))


def test_how_values_are_written():
    net = load_net("n.yaml", text=r"""
name: "a \"b\" \\ \n é ' \u2028"
state: {level: 1, stage: [s, t]}
layers:
- {name: p, type: Power, bottom: x, top: y, power_param: {power: -0.0, scale: 1e-8, shift: .inf}, include: [{phase: TRAIN}, {}]}
- {name: q, type: Pooling, bottom: y, propagate_down: false, pooling_param: {pool: AVE, kernel_size: 3, round_mode: FLOOR}}
- {name: e, type: EigenLoss, bottom: [q, t], loss_weight: 0.25, eigen_loss_param: {lambda: 0.1, input: log}}
""")
    text = to_prototxt(net)
    assert text.startswith(r'''name: "a \"b\" \\ \n é ' \342\200\250"''' + '\nstate { level: 1 stage: "s" stage: "t" }\n')
    assert "  power_param { power: -0.0 scale: 1e-08 shift: inf }" in text and "  include { }" in text
    assert "  pooling_param { pool: AVE kernel_size: 3 round_mode: FLOOR }" in text and "  propagate_down: false" in text
    assert '  eigen_loss_param { input: "log" lambda: 0.1 }' in text
    assert bare(load_net("n.prototxt", text=text)) == bare(net)


def test_what_caffe_takes_for_another_default_is_written_out(tmp_path):
    (tmp_path / "n.yaml").write_text("layers: []")
    text = to_prototxt(load_solver(tmp_path / "s.yaml", text="net: n.yaml"))
    for line in ("base_lr: 0.01", 'lr_policy: "fixed"', "solver_mode: CPU", "snapshot_format: HDF5", "max_iter: 0"):
        assert f"{line}\n" in text


def test_what_caffe_does_not_have_is_listed(tmp_path, caplog):
    (tmp_path / "n.yaml").write_text("layers: []")
    to_prototxt(load_solver(tmp_path / "s.yaml", text="{net: n.yaml, freeze: conv*, lr_policy: cosine}"))
    assert "Caffe has no such solver fields: 'freeze', 'lr_policy: cosine'" in caplog.text
    to_prototxt(load_net("n.yaml", text="layers: [{name: T, type: SE3Generator, bottom: x}]"))
    assert "n.yaml: Caffe has no layers of these types: 'SE3Generator'" in caplog.text
