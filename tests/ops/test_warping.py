import numpy as np
import pytest

from pycaffe_geo.backend import CPU
from pycaffe_geo.geometry import sampling
from pycaffe_geo.ops.warping import Warping

SHAPES = [((2, 3, 4, 5), (3, 6)), ((1, 1, 1, 1), (2, 2)), ((3, 2, 7, 1), (1, 4)), ((2, 5, 1, 6), (4, 1))]


def setup(image_shape, size, seed=0, dtype=float):
    rng = np.random.default_rng(seed)
    image = rng.normal(size=image_shape).astype(dtype)
    height, width = image_shape[2:]
    coords = rng.uniform(-1.9, 1.9, (image_shape[0], 2, *size)) + rng.random((1, 2, 1, 1)) * [[[width - 1]], [[height - 1]]]
    coords = coords.astype(dtype)
    dout = rng.normal(size=(*image_shape[:2], *size)).astype(dtype)
    return image, coords, dout, Warping(image.shape, coords.shape, dtype, CPU)


def forward(warping, image, coords):
    out = np.full((*image.shape[:2], *coords.shape[2:]), np.nan, image.dtype)
    validity = np.full((len(image), 1, *coords.shape[2:]), np.nan, image.dtype)
    warping.forward(image, coords, out, validity)
    return out, validity


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-14), (np.float32, 2e-6)])
@pytest.mark.parametrize("image_shape, size", SHAPES)
def test_forward_matches_the_plain_warp(image_shape, size, dtype, tolerance):
    image, coords, _, warping = setup(image_shape, size, dtype=dtype)
    for shift in (0, 0.7, -3):  # buffers are used again
        out, validity = forward(warping, image, coords + dtype(shift))
        expected, expected_validity = sampling.warp(image, coords + dtype(shift))
        np.testing.assert_allclose(out, expected, rtol=0, atol=tolerance)
        np.testing.assert_array_equal(validity, expected_validity)


@pytest.mark.parametrize("image_shape, size", SHAPES)
def test_gradients_match_central_differences(image_shape, size):
    image, coords, dout, warping = setup(image_shape, size)
    forward(warping, image, coords)
    dcoords, dimage = np.full_like(coords, np.nan), np.full_like(image, np.nan)
    kept = dout.copy()
    warping.backward_image(dout, dimage)
    warping.backward_coords(dout, dcoords)
    np.testing.assert_array_equal(dout, kept)
    for x, got in ((coords, dcoords), (image, dimage)):
        for i in np.ndindex(x.shape):
            step = 1e-6
            kept = x[i]
            x[i] = kept + step
            above = (dout * forward(warping, image, coords)[0]).sum()
            x[i] = kept - step
            below = (dout * forward(warping, image, coords)[0]).sum()
            x[i] = kept
            assert got[i] == pytest.approx((above - below) / (2 * step), abs=2e-9)


def test_on_integers_the_derivative_is_the_right_hand_one():
    image = np.array([[[[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]]]])
    coords = np.array([[0, 1, 2, -1, 3], [0, 1, 0, 0, 0]], float).reshape(1, 2, 1, 5)
    warping = Warping(image.shape, coords.shape, float, CPU)
    out, _ = forward(warping, image, coords)
    np.testing.assert_array_equal(out.ravel(), [1, 16, 4, 0, 0])
    dcoords = np.full_like(coords, np.nan)
    warping.backward_coords(np.ones_like(out), dcoords)
    np.testing.assert_array_equal(dcoords[0, 0, 0], [1, 16, -4, 1, 0])
    np.testing.assert_array_equal(dcoords[0, 1, 0], [7, -16, 28, 0, 0])


def test_each_corner_outside_is_tested_by_itself():
    image = np.ones((1, 1, 2, 2))
    coords = np.array([[-0.5, 1.5, 0.5, 0.5, 1.75], [0, 1, -0.25, 1.25, 1.75]], float).reshape(1, 2, 1, 5)
    out, validity = forward(Warping(image.shape, coords.shape, float, CPU), image, coords)
    np.testing.assert_allclose(out.ravel(), [0.5, 0.5, 0.75, 0.75, 0.0625])
    assert not validity.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, -1e30, 2.0**31, 2.0**63, -2.0**63, 1e9])
def test_wild_coordinates_give_zero_and_no_gradient(bad, dtype):
    image = np.ones((2, 2, 3, 4), dtype)
    coords = np.ones((2, 2, 2, 2), dtype)
    coords[0, 0, 0, 0] = coords[1, 1, 1, 0] = bad
    coords[1, :, 0, 1] = bad
    wild = np.zeros((2, 2, 2), bool)
    wild[0, 0, 0] = wild[1, 1, 0] = wild[1, 0, 1] = True
    warping = Warping(image.shape, coords.shape, dtype, CPU)
    with np.errstate(all="raise"):
        out, validity = forward(warping, image, coords)
        plain, _ = sampling.warp(image, coords)
    expected = np.broadcast_to(~wild[:, None], out.shape)
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(plain, expected)
    np.testing.assert_array_equal(validity[:, 0], ~wild)
    dcoords, dimage = np.full_like(coords, np.nan), np.full_like(image, np.nan)
    warping.backward_coords(np.ones_like(out), dcoords)
    warping.backward_image(np.ones_like(out), dimage)
    assert (dcoords == 0).all()  # the image is constant
    np.testing.assert_array_equal(dimage.sum(axis=(2, 3)), (~wild).sum(axis=(1, 2))[:, None].repeat(2, 1))


def test_gradient_to_coords_does_not_depend_on_the_order_of_the_backwards():
    image, coords, dout, warping = setup((2, 3, 4, 5), (3, 6))
    forward(warping, image, coords)
    first, second, dimage = np.empty_like(coords), np.empty_like(coords), np.empty_like(image)
    warping.backward_coords(dout, first)
    warping.backward_image(dout, dimage)
    warping.backward_coords(dout, second)
    np.testing.assert_array_equal(first, second)
