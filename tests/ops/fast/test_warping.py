"""The compiled warping against ops.warping.Warping."""

import numpy as np
import pytest
from golden import compare

from pycaffe_geo.backend import CPU
from pycaffe_geo.ops import warping

TOLERANCE = {"float32": 1e-6, "float64": 1e-12}
fast = pytest.importorskip("pycaffe_geo.ops.fast.warping")


def results(plan, image, coords, dout, validity=True):
    """Return samples, validity and the gradients to coordinates and image, from buffers full of NaN."""
    out, dcoords, dimage = (np.full_like(a, np.nan) for a in (dout, coords, image))
    seen = np.full_like(coords[:, :1], np.nan) if validity else None
    plan.forward(image, coords, out, seen)
    plan.backward_coords(dout, dcoords)
    plan.backward_image(dout, dimage)
    return {"out": out, "dcoords": dcoords, "dimage": dimage, **({"validity": seen} if validity else {})}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("image_shape, size", [
    ((2, 3, 4, 5), (3, 6)), ((1, 1, 1, 1), (2, 2)), ((3, 2, 7, 1), (1, 4)), ((2, 5, 1, 6), (4, 1)), ((2, 3, 33, 47), (33, 47))])
def test_as_the_reference(image_shape, size, dtype):
    rng = np.random.default_rng(0)
    batch, channels, height, width = image_shape
    image, dout = rng.normal(size=image_shape).astype(dtype), rng.normal(size=(batch, channels, *size)).astype(dtype)
    coords = rng.uniform(-1.9, 1.9, (batch, 2, *size)) + rng.random((batch, 2, *size)) * [[[width - 1]], [[height - 1]]]
    coords[-1] = np.round(coords[-1])  # on the pixels, where the derivative has a step
    shape = coords.shape
    mine, theirs = fast.Warping(image_shape, shape, dtype, CPU), warping.Warping(image_shape, shape, dtype, CPU)
    for shift, validity in ((0, True), (0.7, False)):  # buffers are used again
        arguments = image, (coords + shift).astype(dtype), dout, validity
        expected = results(theirs, *arguments)
        for name, array in results(mine, *arguments).items():
            compare(name, array, expected[name], TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
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
