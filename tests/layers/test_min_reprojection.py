import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)
SHAPE = 2, 1, 3, 5
ERRORS = [RNG.uniform(size=SHAPE) for _ in range(3)]
VALIDITY = [RNG.integers(0, 2, SHAPE).astype(float) for _ in range(3)]
UNWARPED = [RNG.uniform(0.2, 1, SHAPE) for _ in range(3)]

EXAMPLE = dict(bottom=[*ERRORS, *VALIDITY, *UNWARPED], tops=2, min_reprojection_param={"validity": True, "auto_mask": True})


@pytest.mark.parametrize("groups, parameters", [([ERRORS], {}), ([ERRORS, VALIDITY], {"validity": True}),
                                                ([ERRORS, UNWARPED], {"auto_mask": True}),
                                                ([ERRORS, VALIDITY, UNWARPED], {"validity": True, "auto_mask": True})])
@pytest.mark.parametrize("sources", [1, 2, 3])
def test_gradient(groups, parameters, sources):
    bottom = [blob for group in groups for blob in group[:sources]]
    report = check_layer("MinReprojection", bottom, min_reprojection_param=parameters)
    assert report.ok, report


def run(bottom, **parameters):
    layer, bottom, top = build_layer("MinReprojection", bottom, tops=2, min_reprojection_param=parameters)
    layer.forward(bottom, top)
    top[0].diff[...] = 2
    layer.backward(top, [b in bottom[:layer.sources] for b in bottom], bottom)
    return [t.data for t in top], [b.diff for b in bottom[:layer.sources]]


@pytest.mark.parametrize("validity", [False, True])
@pytest.mark.parametrize("auto_mask", [False, True])
def test_against_a_loop(validity, auto_mask):
    bottom = [*ERRORS, *VALIDITY * validity, *UNWARPED * auto_mask]
    (least, mask), diffs = run(bottom, validity=validity, auto_mask=auto_mask)
    for place in np.ndindex(SHAPE):
        seen = {k: e[place] for k, e in enumerate(ERRORS) if not validity or VALIDITY[k][place]}
        best = min(seen, key=seen.get, default=None)
        counts = best is not None and (not auto_mask or all(u[place] >= seen[best] for u in UNWARPED))
        assert (least[place], mask[place]) == ((seen[best], 1) if counts else (0, 0))
        assert [d[place] for d in diffs] == [2.0 * (counts and k == best) for k in range(3)]
    assert (mask == 0).any() == (validity or auto_mask) and mask.any()


def test_equal_errors_go_to_the_first_and_a_tie_with_the_unwarped_counts():
    (least, mask), diffs = run([ERRORS[0], ERRORS[0], ERRORS[0], ERRORS[0]], auto_mask=True)
    np.testing.assert_array_equal(least, ERRORS[0])
    assert mask.all() and (diffs[0] == 2).all() and not diffs[1].any()


def test_what_does_not_count_may_be_nan():
    bad = [np.where(v, e, np.nan) for e, v in zip(ERRORS, VALIDITY)]
    expected, got = (run([*errors, *VALIDITY], validity=True) for errors in (ERRORS, bad))
    for a, b in zip((*expected[0], *expected[1]), (*got[0], *got[1])):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("source", range(3))
def test_a_nan_that_counts_is_not_hidden(source):
    errors = [e.copy() for e in ERRORS]
    errors[source][0] = np.nan
    (least, mask), _ = run([*errors, *UNWARPED], auto_mask=True)
    assert np.isnan(least[0]).all() and mask[0].all() and not np.isnan(least[1:]).any()


def test_infinite_errors_count():
    (least, mask), _ = run([np.full(SHAPE, np.inf)] * 2)
    assert (least == np.inf).all() and mask.all()


def test_nothing_counts():
    (least, mask), diffs = run([ERRORS[0], np.zeros(SHAPE)], validity=True)
    assert not least.any() and not mask.any() and not diffs[0].any()


def test_maps_must_come_in_equal_numbers():
    with pytest.raises(SpecError, match="has 3 bottoms, expected as many of each: errors, unwarped errors"):
        build_layer("MinReprojection", ERRORS, min_reprojection_param={"auto_mask": True})


def test_maps_of_another_size():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(2, 1, 3, 4\), expected \(2, 1, 3, 5\)"):
        build_layer("MinReprojection", [ERRORS[0], ERRORS[1][..., 1:]])
