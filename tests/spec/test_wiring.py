"""Wiring of blobs: missing, late, cyclic and doubled ones, each with its message."""

import pytest

from pycaffe_geo.errors import SpecError
from pycaffe_geo.spec import NetState, check_wiring, filter_net, load_net

DATA = "layers:\n- {name: data, type: Input, top: [data, label], input_param: {shape: {dim: [1, 3]}}}\n"


A = "- {name: a, type: ReLU, bottom: data}\n"


def check(layers, phase="TRAIN"):
    whole = load_net("n.yaml", text=DATA + layers)
    check_wiring(filter_net(whole, NetState(phase)), whole)


def message(layers, phase="TRAIN"):
    with pytest.raises(SpecError) as e:
        check(layers, phase)
    return str(e.value)


def test_a_sound_net_with_in_place_layers():
    check(A + "- {name: b, type: ReLU, bottom: a, top: a}\n- {name: c, type: Concat, bottom: [a, label]}\n")


def test_a_bottom_nobody_makes():
    text = message("- {name: a, type: ReLU, bottom: dta}\n")
    assert text.startswith("n.yaml:3:3: layer 'a' (ReLU): no layer makes bottom 'dta', did you mean 'data'?")
    assert text.endswith(" (tops so far: 'data', 'label')")


def test_a_bottom_made_later():
    text = message("- {name: a, type: ReLU, bottom: b}\n- {name: b, type: ReLU, bottom: data}\n")
    assert text == "n.yaml:3:3: layer 'a' (ReLU): bottom 'b' is made later, by layer 'b' (n.yaml:4:3); move that before"


def test_cycles():
    text = message("".join(f"- {{name: {a}, type: ReLU, bottom: {b}}}\n" for a, b in ("ac", "ba", "cb")))
    assert text == "n.yaml:3:3: layer 'a' (ReLU): bottom 'c' closes a cycle of layers: a -> b -> c -> a"
    assert message("- {name: a, type: ReLU, bottom: a}\n").endswith("bottom 'a' closes a cycle of layers: a -> a")


def test_a_top_made_twice():
    text = message("- {name: a, type: ReLU, bottom: data}\n- {name: b, type: ReLU, bottom: data, top: a}\n")
    assert text == "n.yaml:4:3: layer 'b' (ReLU): top 'a' is already made by layer 'a' (n.yaml:3:3); give it another name"
    assert message("- {name: a, type: Slice, bottom: data, top: [x, x]}\n").endswith("top 'x' stands twice")


def test_each_phase_is_wired_by_itself():
    layers = ("- {name: a, type: ReLU, bottom: data, include: {phase: TRAIN}}\n"
              "- {name: a, type: Sigmoid, bottom: data, include: {phase: TEST}}\n- {name: b, type: ReLU, bottom: a}\n")
    check(layers, "TRAIN")
    check(layers, "TEST")
    text = message(layers.replace("phase: TEST", "stage: s"), "TEST")
    assert "no layer makes bottom 'a'; layer 'a' (n.yaml:3:3) makes it, but is left out in this state of the net" in text


def test_two_layers_of_one_name_in_one_phase():
    text = message(A + "- {name: a, type: ReLU, bottom: data, top: b, include: {phase: TEST}}\n", "TEST")
    assert text == "n.yaml:4:3: layer 'a' (ReLU): the name 'a' is already taken at n.yaml:3:3"
