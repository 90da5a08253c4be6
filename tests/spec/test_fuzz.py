"""Seeded damage to good files: whatever happens, only SpecError comes out."""

import random

import pytest

from pycaffe_geo.errors import SpecError
from pycaffe_geo.spec import NetState, check_wiring, filter_net, load_net, load_solver, to_yaml

NET = """name: n
modules:
  m:
    params: {n: , k: 3}
    bottom: x
    top: y
    layers:
    - {name: c, type: InnerProduct, bottom: x, inner_product_param: {num_output: $n, weight_filler: xavier}}
    - {name: y, type: Power, bottom: c, power_param: {power: $(k // 2), scale: 1e-3}}
layers:
- {name: data, type: Input, top: [a, b], input_param: {shape: {dim: [2, 3]}}, include: &r {phase: TRAIN}}
- {name: f, module: m, n: 4, bottom: a, repeat: 2}
- {name: g, share: f, bottom: b, include: *r}
- {name: l, type: EuclideanLoss, bottom: [f, g], loss_weight: 0.1}
"""
PROTOTXT = """name: "n"  # a comment
input: "x" input_shape { dim: 1 dim: 3 }
layer { name: "p" type: "InnerProduct" bottom: "x" top: "p" param { lr_mult: 1 }
  inner_product_param { num_output: 2 weight_filler { type: "xavier" } } include { phase: TRAIN stage: 'a' } }
layer { name: "q" type: "Power" bottom: "p" top: "p" power_param { power: -2.5 shift: 1f } }
"""
SOLVER = "net: n.yaml\nbase_lr: 1e-3\nstepvalue: [10, 20]\ntrain_state: {stage: [a], level: 1}\ntype: Adam\ntest_iter: 3\n"
PIECES = [
    "{", "}", "[", "]", ":", ": ", "- ", ",", "\n", "\t", " ", "#", "&r ", "*r", "!", "'", '"', "|", ">", "$", "$(", ")", "$n",
    "%", "@", "?", "<<: ", "---\n", "1", "-1", "1e999", "null", "name", "module: m", "share: f",
    "repeat: 99999999", "\x00", "\ud800", "é", "~", "\\x",
]


def damaged(text, draw):
    for _ in range(draw.randint(1, 2)):
        at = draw.randrange(len(text) + 1)
        end = min(len(text), at + draw.choice([0, 0, 1, 3]))
        other = draw.randrange(len(text) + 1)
        new = draw.choice([draw.choice(PIECES), draw.choice(PIECES), text[other:other + draw.randint(1, 30)]])
        text = text[:at] + new + text[end:]
    return text


def use_net(name, text):
    net = load_net(name, text=text)
    check_wiring(filter_net(net, NetState("TRAIN", stage=("a",))))
    load_net("again.yaml", text=to_yaml(net))


@pytest.mark.parametrize("name, text, use", [
    ("n.yaml", NET, use_net),
    ("n.prototxt", PROTOTXT, use_net),
    ("s.yaml", SOLVER, lambda name, text: load_solver(name, text=text)),
])
def test_only_spec_errors_come_out(name, text, use, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "n.yaml").write_text(NET)
    use(name, text)
    draw = random.Random(1)
    outcomes = {"good": 0, "refused": 0}
    for i in range(700):
        case = damaged(text, draw)
        try:
            use(name, case)
            outcomes["good"] += 1
        except SpecError as e:
            outcomes["refused"] += 1
            assert "\n" not in str(e) and len(str(e)) < 2000, case
        except Exception as e:
            pytest.fail(f"case {i}: {e!r} from:\n{case}")
    assert min(outcomes.values()) > 3, outcomes
