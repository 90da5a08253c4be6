"""Which of the two languages a specification is in."""

import pytest

from pycaffe_geo.errors import SpecError
from pycaffe_geo.spec import load_net
from pycaffe_geo.spec.parse import _is_prototxt, parse

NET = """
name: "n"
layer {
  name: "x" type: "Input" top: "x" input_param { shape { dim: 2 } }
}
"""
FLOW = """
layers:
- {name: x, type: Input,
   input_param: {shape: {dim: 2}}, top: x}
"""


@pytest.mark.parametrize("name", ["tmpq3x", "net.pt", "net.prototxt.tmp", "net.prototxt"])
def test_prototxt_by_its_look_or_suffix(name):
    assert load_net(name, NET).layers[0].top == ("x",)


@pytest.mark.parametrize("name", ["net.yaml", "net.yml", "tmpq3x"])
def test_yaml_by_its_look_or_suffix(name):
    assert load_net(name, FLOW).layers[0].top == ("x",)


def test_two_fields_on_a_line_are_prototxt():
    assert parse("tmp", 'net: "a b" base_lr: 0.01 momentum: 0.9').value["momentum"].value == "0.9"
    assert parse("tmp", "# a: b c: d\nbase_lr: 0.01\nlr_policy: fixed").value["lr_policy"].value == "fixed"


def test_the_suffix_decides_first():
    with pytest.raises(SpecError):
        load_net("net.yaml", NET)
    with pytest.raises(SpecError):
        load_net("net.prototxt", FLOW)


def test_looking_is_linear_in_the_length():
    for text in ("\n" * 10**6, "a" * 10**6, "a: " + "b" * 10**6, "a:" + " " * 10**6, "a: b " + "c" * 10**6, "a: b\n" * 10**5):
        assert not _is_prototxt("tmp", text)  # a search that tries all ways would not end today
