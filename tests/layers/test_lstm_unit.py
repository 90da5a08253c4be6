import math

import numpy as np
import pytest
from golden import check_case

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)
C, GATES, CONT = RNG.normal(size=(1, 3, 4)), RNG.normal(size=(1, 3, 16)), np.array([[1, 0, 0.5]])

EXAMPLE = dict(bottom=[C, GATES, CONT], tops=2)


@pytest.mark.parametrize("streams", [1, 3])
def test_gradient(streams):
    report = check_layer("LSTMUnit", [C[:, :streams], GATES[:, :streams], CONT[:, :streams]], tops=2)
    assert report.ok, report


def test_forward_against_a_loop():
    layer, bottom, top = build_layer("LSTMUnit", [C, GATES, CONT], tops=2)
    layer.forward(bottom, top)
    for n, d in np.ndindex(3, 4):
        i, f, o = (1 / (1 + math.exp(-GATES[0, n, 4 * k + d])) for k in range(3))
        c = f * CONT[0, n] * C[0, n, d] + i * math.tanh(GATES[0, n, 12 + d])
        assert top[0].data[0, n, d] == pytest.approx(c, rel=1e-14)
        assert top[1].data[0, n, d] == pytest.approx(o * math.tanh(c), rel=1e-14)


def test_gates_of_the_wrong_size():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(1, 3, 12\), expected \(1, 3, 16\)"):
        build_layer("LSTMUnit", [C, (1, 3, 12), CONT], tops=2)


def test_as_caffe():
    check_case("lstm_unit")
