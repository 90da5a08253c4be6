"""The compiled warping at wild coordinates; tests/ops/test_engines.py compares it with ops.warping.Warping."""

import numpy as np
import pytest

from pycaffe_geo.backend import CPU

fast = pytest.importorskip("pycaffe_geo.ops.fast.warping")


def results(plan, image, coords, dout):
    """Return samples, validity and the gradients to coordinates and image, from buffers full of NaN."""
    out, dcoords, dimage = (np.full_like(a, np.nan) for a in (dout, coords, image))
    seen = np.full_like(coords[:, :1], np.nan)
    plan.forward(image, coords, out, seen)
    plan.backward_coords(dout, dcoords)
    plan.backward_image(dout, dimage)
    return {"out": out, "dcoords": dcoords, "dimage": dimage, "validity": seen}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, -1e30, 2.0**31, -2.0**63, -2])
def test_wild_coordinates_give_zero_and_no_gradient(bad, dtype):
    image, coords = np.ones((1, 2, 3, 4), dtype), np.ones((1, 2, 1, 3), dtype)
    coords[0, 0, 0, 0] = coords[0, 1, 0, 1] = bad
    dout = np.full((1, 2, 1, 3), np.inf, dtype)  # what goes nowhere may be anything
    dout[..., 2] = 1
    got = results(fast.Warping(image.shape, coords.shape, dtype, CPU), image, coords, dout)
    np.testing.assert_array_equal(got["out"][0, 0], [[0, 0, 1]])
    np.testing.assert_array_equal(got["validity"].ravel(), [0, 0, 1])
    np.testing.assert_array_equal(got["dimage"].sum(axis=(2, 3)), [[1, 1]])
