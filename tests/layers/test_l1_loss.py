import math

import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 2, 3, 2, 2))
MISSING = np.where(RNG.uniform(size=B.shape) < 0.3, np.nan, B)

EXAMPLE = dict(bottom=[A, B], l1_loss_param={"l2_per_location": True, "plateau": 0.5})

PARAMETERS = [{}, {"plateau": 0.3}, {"normalize_by_num_entries": True}, {"l2_per_location": True},
              {"l2_per_location": True, "plateau": 1.5, "normalize_by_num_entries": True},
              {"l2_per_location": True, "l2_prescale_by_channels": True, "epsilon": 0.1}]


@pytest.mark.parametrize("param", PARAMETERS)
@pytest.mark.parametrize("bottom", [[A, B], [A, MISSING], [A[:1] - B[:1]], [A[:, :1], B[:, :1]]])
def test_gradient(bottom, param):
    check = [i for i, b in enumerate(bottom) if not np.isnan(b).any()]
    report = check_layer("L1Loss", bottom, check_bottoms=check, l1_loss_param=param)
    assert report.ok, report


def loss(bottom, **param):
    layer, bottom, top = build_layer("L1Loss", bottom, l1_loss_param=param)
    layer.forward(bottom, top)
    layer.backward(top, [True] * len(bottom), bottom)
    return float(top[0].data), [b.diff for b in bottom]


def loop(d, l2_per_location=False, l2_prescale_by_channels=False, normalize_by_num_entries=False, epsilon=1e-2, plateau=0):
    total, channels = 0, d.shape[1]
    for n, y, x in np.ndindex(d.shape[0], *d.shape[2:]):
        values = [0 if math.isnan(v) else v for v in d[n, :, y, x]]
        if l2_per_location:
            square = sum(v * v for v in values) / (channels if l2_prescale_by_channels else 1)
            total += math.sqrt((0 if square < plateau**2 else square) + epsilon)
        else:
            total += sum(abs(v) for v in values if abs(v) >= plateau)
    return total / (np.isfinite(d).sum() / channels if normalize_by_num_entries else len(d))


@pytest.mark.parametrize("param", PARAMETERS)
def test_forward_against_a_loop(param):
    assert loss([A, MISSING], **param)[0] == pytest.approx(loop(A - MISSING, **param), rel=1e-12)
    assert loss([A - MISSING], **param)[0] == pytest.approx(loop(A - MISSING, **param), rel=1e-12)


@pytest.mark.parametrize("l2_per_location", [False, True])
def test_missing_targets_teach_nothing(l2_per_location):
    for diff in loss([A, MISSING], l2_per_location=l2_per_location)[1]:
        assert np.array_equal(diff == 0, np.isnan(MISSING))


@pytest.mark.parametrize("l2_per_location", [False, True])
def test_all_missing(l2_per_location):
    found, diffs = loss([A, np.full(B.shape, np.nan)], l2_per_location=l2_per_location, normalize_by_num_entries=True)
    assert found == pytest.approx(0.8 if l2_per_location else 0)  # 8 places, each sqrt(epsilon)
    assert not any(d.any() for d in diffs)


def test_equal_values_and_the_edge_of_the_plateau():
    d = np.array([0, 0.2, -0.3, 0.5]).reshape(1, 4)
    assert loss([d], plateau=0.3)[0] == pytest.approx(0.8)
    np.testing.assert_array_equal(loss([d], plateau=0.3)[1][0], [[0, 0, -1, 1]])
    np.testing.assert_array_equal(loss([d])[1][0], [[0, 1, -1, 1]])


def test_shapes_that_differ():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(2, 3, 2, 3\), expected \(2, 3, 2, 2\)"):
        build_layer("L1Loss", [A, (2, 3, 2, 3)])


def test_epsilon_of_0():
    with pytest.raises(SpecError, match="epsilon is 0.0, expected more than 0"):
        build_layer("L1Loss", [A, B], l1_loss_param={"epsilon": 0})


def test_ignore_label_is_refused():
    with pytest.raises(SpecError, match="ignore_label has no meaning here: give targets that are NaN where to skip"):
        build_layer("L1Loss", [A, B], loss_param={"ignore_label": 1})
