"""What the prober calls right, wrong and a kink, on functions of one array."""

import re

import numpy as np
import pytest

from pycaffe_geo.gradient_probe import Prober, Report, Target


def check(function, slope, x, tolerance=1e-6, probes=40, weights=None):
    """Check `slope(x)` as the derivative of the elementwise `function` on the array x."""
    x = np.array(x, np.float64)
    base = [function(x)]
    weights = [np.ones_like(base[0])] if weights is None else weights
    target = Target("x", x, np.array(slope(x), np.float64), lambda: [function(x)])
    kept = x.copy()
    report = Prober(base, weights, tolerance, probes, np.random.default_rng(0)).check(target)
    np.testing.assert_array_equal(x, kept)
    return Report("test", tolerance, [report], [])


@pytest.mark.parametrize(
    "function, slope, x",
    [
        (np.exp, np.exp, [-3, 0, 10, 1e-9]),
        (np.log, lambda x: 1 / x, [1e-6, 1e-3, 1, 1e4]),
        (lambda x: 1 / x, lambda x: -1 / x**2, [1e-4, -0.1, 3, 1e5]),
        (lambda x: np.sin(50 * x), lambda x: 50 * np.cos(50 * x), [0, 0.3, 7]),
        (lambda x: 1000 * x**2, lambda x: 2000 * x, [0, 1e-7, 1, 500]),
        (lambda x: 0 * x + 7, lambda x: 0 * x, [0, 1, 2]),
    ],
    ids=["exp", "log", "reciprocal", "fast sine", "steep curvature", "constant"],
)
def test_smooth_functions_pass_without_kinks(function, slope, x):
    report = check(function, slope, x)
    assert report.ok and report.kinks == 0 and report.checked == len(x), report


@pytest.mark.parametrize("factor", [1 + 3e-6, 0.9, -1, 0, np.nan, np.inf])
@pytest.mark.parametrize("function, slope", [(np.exp, np.exp), (lambda x: 1000 * x**2, lambda x: 2000 * x)])
def test_wrong_slopes_of_smooth_functions_fail(function, slope, factor):
    report = check(function, lambda x: factor * slope(x), [0.5, 1.0, 2.0])
    assert report.kinks == 0 and len(report.blobs[0].failures) == 3, report


def test_slope_that_is_missing_fails():
    report = check(lambda x: 1e-5 * x, lambda x: 0 * x, [0.5, 1.0])
    assert len(report.blobs[0].failures) == 2, report


def ramp(x):
    return np.maximum(x, 0)


def step(x):
    return 1.0 * (x > 0)


def test_a_kink_is_counted_and_not_compared():
    x = np.linspace(-1, 1, 41)  # its middle is 0
    report = check(ramp, step, x)
    assert report.ok and report.kinks == 1, report


def test_a_kink_close_by_is_no_kink():
    report = check(ramp, step, [1e-4, -3e-6, 2e-9])
    assert report.ok and report.kinks == 0, report


SPREAD = 0.01 * np.random.default_rng(2).normal(size=(1, 5000))


def many_kinks(x):
    return np.abs(x[:, None] - SPREAD).mean(axis=1)


def slope_of_many_kinks(x):
    return np.sign(x[:, None] - SPREAD).mean(axis=1)


def test_many_kinks_close_by():
    x = np.linspace(-0.01, 0.01, 30)
    report = check(many_kinks, slope_of_many_kinks, x, tolerance=1e-9)
    assert report.kinks > 0 and not report.blobs[0].failures, report
    report = check(many_kinks, lambda x: 1.02 * slope_of_many_kinks(x), x, tolerance=1e-9)
    assert len(report.blobs[0].failures) > 25, report


def test_a_jump_counts_as_a_kink():
    report = check(np.round, lambda x: 0 * x, [0.5, *np.linspace(0.6, 1.4, 30)])
    assert report.ok and report.kinks == 1, report


def test_a_kink_does_not_excuse_a_wild_slope():
    report = check(ramp, lambda x: np.where(x == 0, 5, step(x)), np.linspace(-1, 1, 41))
    assert report.kinks == 0 and report.blobs[0].failures[0].place == "[20]", report


def test_too_many_kinks_fail():
    report = check(ramp, step, [0.0] * 3 + [1.0] * 20)
    assert report.kinks == 3 and not report.ok
    assert "too many kinks: expected at most 5% of all probes" in str(report)


def test_large_arrays_are_sampled_and_checked_along_two_directions():
    x = np.random.default_rng(1).normal(size=(20, 30))
    report = check(np.exp, np.exp, x, probes=25)
    assert report.ok and report.checked == 27, report


def test_directions_across_kinks_are_skipped():
    x = np.random.default_rng(1).normal(size=(40, 50))
    x[::2, ::5] = 0
    report = check(ramp, step, x, probes=20)
    assert report.blobs[0].skipped == 2 and report.checked == 20 and not report.blobs[0].failures, report
    assert "2 direction(s) skipped" in str(report)


def test_directions_find_one_wrong_element_among_many():
    x = np.random.default_rng(1).normal(size=(40, 50))
    wrong = np.exp(x)
    wrong[17, 31] *= 1.01
    report = check(np.exp, lambda _: wrong, x, probes=20)
    assert [f.place for f in report.blobs[0].failures] == [" along random signs", " along the gradient"], report


def test_failure_text_says_where_and_both_numbers():
    report = check(lambda x: x**2, lambda x: 2 * x + (x == 3), [[1.0, 2.0], [3.0, 4.0]])
    assert "x (2, 2): 4 probes, 0 kinks, largest error 1.4e-01, 1 FAILED" in str(report)
    assert re.search(r"x\[1, 0\]: analytic 7, numeric (6|6\.000\d+|5\.999\d+), error 1\.4e-01", str(report)), report


def test_the_floor_is_a_thousandth_of_the_largest_gradient():
    weights = [np.array([1.0, 1e-9])]
    report = check(lambda x: 1 * x, lambda x: np.array([1.0, 1.9e-9]), [1.0, 1.0], weights=weights)
    assert report.ok and report.max_error == pytest.approx(0.9e-6, rel=1e-3)
    report = check(lambda x: 1 * x, lambda x: np.array([1.0, 3e-9]), [1.0, 1.0], weights=weights)
    assert report.max_error == pytest.approx(2e-6, rel=1e-3)
