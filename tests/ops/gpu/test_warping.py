"""The CUDA warping against ops.warping.Warping."""

import numpy as np
import pytest
from golden import compare

from pycaffe_geo.backend import CPU, asnumpy
from pycaffe_geo.ops.gpu.warping import GpuWarping
from pycaffe_geo.ops.warping import Warping, plan_warping

TOLERANCE = {"float32": 1e-6, "float64": 1e-12}


def results(plan, image, coords, dout, validity, device=CPU):
    """Return samples, validity and the gradients to coordinates and image, from buffers full of NaN."""
    image, coords, dout = (device.asarray(a) for a in (image, coords, dout))
    out, dcoords, dimage = (device.xp.full_like(a, np.nan) for a in (dout, coords, image))
    seen = device.xp.full_like(coords, np.nan)[:, :1].copy() if validity else None
    plan.forward(image, coords, out, seen)
    plan.backward_coords(dout, dcoords)
    plan.backward_image(dout, dimage)
    found = {"out": out, "dcoords": dcoords, "dimage": dimage, **({"validity": seen} if validity else {})}
    return {name: asnumpy(a) for name, a in found.items()}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("image_shape, size", [
    ((2, 3, 4, 5), (3, 6)), ((1, 1, 1, 1), (2, 2)), ((3, 2, 7, 1), (1, 4)), ((2, 9, 1, 6), (4, 1)), ((2, 3, 23, 37), (23, 37))])
def test_as_the_reference(image_shape, size, dtype, kernel_gpu):
    rng = np.random.default_rng(0)
    batch, channels, height, width = image_shape
    image, dout = rng.normal(size=image_shape).astype(dtype), rng.normal(size=(batch, channels, *size)).astype(dtype)
    coords = rng.uniform(-1.9, 1.9, (batch, 2, *size)) + rng.random((batch, 2, *size)) * [[[width - 1]], [[height - 1]]]
    coords[-1] = np.round(coords[-1])  # on the pixels, where the derivative has a step
    mine, theirs = (plan(image_shape, coords.shape, dtype, d) for plan, d in ((plan_warping, kernel_gpu), (Warping, CPU)))
    assert isinstance(mine, GpuWarping)
    for shift, validity in ((0, True), (0.7, False)):  # buffers are used again
        arguments = image, (coords + shift).astype(dtype), dout, validity
        expected = results(theirs, *arguments)
        for name, array in results(mine, *arguments, kernel_gpu).items():
            compare(name, array, expected[name], TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, 2.0**31, -2.0**63, -2])
def test_wild_coordinates_give_zero_and_no_gradient(bad, dtype, kernel_gpu):
    image, coords = np.ones((1, 2, 3, 4), dtype), np.ones((1, 2, 1, 3), dtype)
    coords[0, 0, 0, 1] = bad
    plan = plan_warping(image.shape, coords.shape, dtype, kernel_gpu)
    found = results(plan, image, coords, np.ones((1, 2, 1, 3), dtype), True, kernel_gpu)
    np.testing.assert_array_equal(found["out"][0, 0, 0], [1, 0, 1])
    np.testing.assert_array_equal(found["validity"][0, 0, 0], [1, 0, 1])
    assert not found["dcoords"].any()
    assert found["dimage"].sum() == 4


@pytest.mark.parametrize("dtype, size", [("float32", 1e-38), ("float32", 1e38), ("float64", 1e-280), ("float64", 1e300)])
def test_the_image_gradient_keeps_small_and_large_numbers(dtype, size, kernel_gpu):
    """One pixel gets all that is added; the sum of whole numbers neither overflows nor loses small ones."""
    dout = np.full((1, 1, 50, 40), size / 8000, dtype)
    coords = np.ones((1, 2, 50, 40), dtype)
    plan = plan_warping((1, 1, 3, 3), coords.shape, dtype, kernel_gpu)
    dimage = results(plan, np.ones((1, 1, 3, 3), dtype), coords, dout, False, kernel_gpu)["dimage"]
    few_bits = dtype == "float32" and size < 1
    assert dimage[0, 0, 1, 1] == pytest.approx(size / 4, rel=1e-4 if few_bits else 1e-6, abs=0)
    assert np.count_nonzero(dimage) == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_image_gradient_that_is_not_finite_shows(bad, kernel_gpu):
    dout, coords = np.full((1, 1, 2, 2), bad), np.zeros((1, 2, 2, 2))
    plan = plan_warping((1, 1, 2, 2), coords.shape, "float64", kernel_gpu)
    assert np.isnan(results(plan, np.ones((1, 1, 2, 2)), coords, dout, False, kernel_gpu)["dimage"]).all()
