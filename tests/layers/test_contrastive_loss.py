import math

import numpy as np
import pytest
from golden import check_case

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 6, 3))
ALIKE = np.array([1, 0, 1, 0, 0, 1])
FAR = A + [[2, 2, 2]]  # pairs beyond the margin of 2.5

EXAMPLE = dict(bottom=[A, B, ALIKE], contrastive_loss_param={"margin": 2.5})


@pytest.mark.parametrize("bottom", [[A, B, ALIKE], [A[:1], B[:1], ALIKE[1:2]], [A, FAR, ALIKE],
                                    [A.reshape(6, 3, 1, 1), B.reshape(6, 3, 1, 1), ALIKE]])
def test_gradient_of_legacy_version(bottom):
    report = check_layer("ContrastiveLoss", bottom, contrastive_loss_param={"margin": 2.5, "legacy_version": True})
    assert report.ok, report


def test_gradient_of_pairs_that_are_alike():
    report = check_layer("ContrastiveLoss", [A, B, np.ones(6)], contrastive_loss_param={"margin": 2.5})
    assert report.ok, report


def test_gradient_is_exact_up_to_the_small_distance():
    """Caffe divides by d + 1e-4 instead of d: with distances above 1 that is a part of 1e-4 at most."""
    distances = np.linalg.norm(A - B, axis=1)
    far_enough = distances > 1
    assert far_enough.sum() >= 4
    bottom = [A[far_enough], B[far_enough], np.zeros(far_enough.sum())]
    report = check_layer("ContrastiveLoss", bottom, tolerance=1e-4, contrastive_loss_param={"margin": 5})
    assert report.ok and report.max_error > 1e-6, report


@pytest.mark.parametrize("legacy", [False, True])
def test_against_a_loop(legacy):
    param = {"margin": 2.5, "legacy_version": legacy}
    layer, bottom, top = build_layer("ContrastiveLoss", [A, B, ALIKE], contrastive_loss_param=param)
    layer.forward(bottom, top)
    layer.backward(top, [True, True, False], bottom)
    total = 0
    for n in range(6):
        difference = A[n] - B[n]
        d = math.dist(A[n], B[n])
        if ALIKE[n]:
            total, gradient = total + d**2, difference
        elif legacy:
            total, gradient = total + max(2.5 - d**2, 0), -difference * (d**2 < 2.5)
        else:
            total, gradient = total + max(2.5 - d, 0) ** 2, -difference * max(2.5 - d, 0) / (d + 1e-4)
        np.testing.assert_allclose(bottom[0].diff[n], gradient / 6, rtol=1e-12)
        np.testing.assert_allclose(bottom[1].diff[n], -gradient / 6, rtol=1e-12)
    assert top[0].data == pytest.approx(total / 12, rel=1e-12)


def test_equal_points_that_are_not_alike_stay_finite():
    layer, bottom, top = build_layer("ContrastiveLoss", [A, A, np.zeros(6)])
    layer.forward(bottom, top)
    layer.backward(top, [True, True, False], bottom)
    assert top[0].data == 0.5 and not bottom[0].diff.any() and not bottom[1].diff.any()


def test_shapes_that_differ():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(6, 4\), expected \(6, 3\)"):
        build_layer("ContrastiveLoss", [A, (6, 4), ALIKE])
    with pytest.raises(ShapeError, match=r"bottom 'bottom2' is \(5,\), expected \(6,\): one value for each pair of 'bottom0'"):
        build_layer("ContrastiveLoss", [A, B, (5,)])


def test_ignore_label_is_refused():
    with pytest.raises(SpecError, match="ignore_label has no meaning here: every pair counts"):
        build_layer("ContrastiveLoss", [A, B, ALIKE], loss_param={"ignore_label": 1})


@pytest.mark.parametrize("case", ["false", "true"])
def test_as_caffe(case):
    check_case(f"contrastive_legacy_{case}")
