"""What every registered layer must keep to (see `Layer`); the examples are those of test_device_code.py."""

import numpy as np
import pytest
from test_device_code import TYPES, example

from pycaffe_geo.gradient_check import build_layer


def gradients(type_name, arguments, change_top=False, take_bottom=False):
    """Return (layer, all diffs it wrote), with or without the top's data changed or the bottoms' taken away in between."""
    layer, bottom, top = build_layer(type_name, **{k: v for k, v in arguments.items() if k != "prepare"})
    arguments.get("prepare", lambda layer: None)(layer)
    draws = np.random.default_rng(0)
    for blob in layer.blobs:
        blob.data[...] += draws.normal(size=blob.shape) * 0.1
    layer.forward(bottom, top)
    for blob in top:
        blob.diff[...] = draws.normal(size=blob.shape)
        if change_top:
            blob.data[...] = -3 * blob.data - 7
    for blob in (*bottom, *layer.blobs):
        blob.diff[...] = 0
    for blob in bottom if take_bottom else ():
        blob.data[...] = -3 * blob.data - 7
        blob.memories[0].lost = "taken by the test"
    layer.backward(top, [i not in layer.no_gradient for i in range(len(bottom))], bottom)
    return layer, [blob.diff.copy() for blob in (*bottom, *layer.blobs)]


@pytest.mark.parametrize("type_name", TYPES)
def test_a_gradient_that_needs_the_top_says_so(type_name, tmp_path):
    """A later layer may change the top in place: the Net saves what `uses_top` asks for."""
    arguments = example(type_name, tmp_path)
    layer, expected = gradients(type_name, arguments)
    _, found = gradients(type_name, arguments, change_top=True)
    same = all(np.array_equal(a, b, equal_nan=True) for a, b in zip(found, expected))
    assert same == (layer.uses_top == "")


@pytest.mark.parametrize("type_name", TYPES)
def test_a_gradient_that_needs_a_bottom_says_so(type_name, tmp_path):
    """Another blob may take the memory of bottoms: the net shares it where `uses_bottom` is False."""
    arguments = example(type_name, tmp_path)
    layer, expected = gradients(type_name, arguments)
    if not layer.uses_bottom:
        _, found = gradients(type_name, arguments, take_bottom=True)
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(found, expected))
