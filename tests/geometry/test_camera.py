import numpy as np
import pytest

from pycaffe_geo.geometry import camera, se3
from pycaffe_geo.geometry.grid import pixel_grid

N, H, W = 2, 4, 5


def scene(seed=0, dtype=float):
    rng = np.random.default_rng(seed)
    depth = 1 + rng.random((N, 1, H, W))
    T = se3.exp(0.2 * rng.normal(size=(N, 6)))[:, None]
    K = np.array([[5.0, 6.0, 2.1, 1.4], [4.0, -5.0, 1.9, 1.6]]).reshape(N, 4, 1, 1)
    return depth.astype(dtype), T.astype(dtype), K.astype(dtype)


def numeric(function, x, weights, step=1e-6):
    """Central differences of sum of weights[i] * function()[i] while `x` is changed in place."""
    def total():
        return sum((w * y).sum() for w, y in zip(weights, function()))
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + step
        above = total()
        x[i] = kept - step
        gradient[i] = (above - total()) / (2 * step)
        x[i] = kept
    return gradient


def plain_points(depth, T, K):
    points = np.empty((N, 3, H, W))
    for n, v, u in np.ndindex(N, H, W):
        fx, fy, cx, cy = K[n].ravel()
        d = depth[n, 0, v, u]
        points[n, :, v, u] = (T[n, 0] @ [(u - cx) / fx * d, (v - cy) / fy * d, d, 1])[:3]
    return points


def test_transform_grid_matches_a_plain_loop():
    depth, T, K = scene()
    expected = plain_points(depth, T, K)
    out = np.full_like(expected, np.nan)
    assert camera.transform_grid(depth, T, K, out) is out
    np.testing.assert_allclose(out, expected, atol=1e-14)
    np.testing.assert_allclose(camera.transform_grid(depth, T[:, 0], K[:, :, 0, 0]), expected, atol=1e-14)


def test_transform_grid_backward():
    depth, T, K = scene()
    dpoints = np.random.default_rng(1).normal(size=(N, 3, H, W))
    got = {"ddepth": np.full_like(depth, np.nan), "dT": np.full_like(T, np.nan), "dintrinsics": np.full_like(K, np.nan)}
    camera.transform_grid_backward(depth, T, K, dpoints, **got)
    for name, x in (("ddepth", depth), ("dT", T), ("dintrinsics", K)):
        expected = numeric(lambda: [camera.transform_grid(depth, T, K)], x, [dpoints])
        np.testing.assert_allclose(got[name], expected, rtol=1e-8, atol=1e-8, err_msg=name)
        alone = {name: np.full_like(x, np.nan)}
        camera.transform_grid_backward(depth, T, K, dpoints, **alone)
        np.testing.assert_array_equal(alone[name], got[name])


def points_with_awkward_ones():
    rng = np.random.default_rng(4)
    points = rng.normal(size=(N, 3, H, W))
    points[:, 2] = 1 + rng.random((N, H, W))
    points[0, 2, 0, :4] = 0, -1, 1e-3, np.nan
    points[1, :, 0, 0] = np.inf, -np.inf, -5
    points[1, :, 1, 1] = np.nan, 1, 0
    behind = np.zeros((N, H, W), bool)
    behind[0, 0, :4] = behind[1, 0, 0] = behind[1, 1, 1] = True
    return points, behind


def test_pinhole_values_and_invalid_points():
    points, behind = points_with_awkward_ones()
    _, _, K = scene()
    flow, coords, validity = camera.pinhole(points, K)
    for n, v, u in np.ndindex(N, H, W):
        X, Y, Z = points[n, :, v, u]
        fx, fy, cx, cy = K[n].ravel()
        x, y = (-2, -2) if behind[n, v, u] else (fx * X / Z + cx, fy * Y / Z + cy)
        np.testing.assert_allclose(coords[n, :, v, u], [x, y], rtol=1e-13)
        np.testing.assert_allclose(flow[n, :, v, u], [x - u, y - v], rtol=1e-13)
        assert validity[n, 0, v, u] == (0 <= x <= W - 1 and 0 <= y <= H - 1)
    assert 0 < validity.sum() < validity.size


def test_identity_motion_projects_every_pixel_onto_itself():
    depth, _, K = scene(dtype=np.float32)
    identity = np.tile(np.eye(4, dtype=np.float32), (N, 1, 1, 1))
    flow, coords, _ = camera.pinhole(camera.transform_grid(depth, identity, K), K)
    np.testing.assert_allclose(coords, np.stack([pixel_grid(H, W, depth)] * N), atol=1e-5)
    assert flow.dtype == np.float32 and abs(flow).max() < 1e-5


def test_validity_is_one_on_the_border_of_the_image():
    K = np.array([[1.0, 1.0, 0.0, 0.0]])
    points = np.ones((1, 3, H, W))
    points[0, :2] = pixel_grid(H, W, points)
    assert camera.pinhole(points, K)[2].all()
    points[0, 0, 0, 0] = -1e-9
    points[0, 1, H - 1, 1] = H - 1 + 1e-9
    assert camera.pinhole(points, K)[2].sum() == H * W - 2


def test_pinhole_backward():
    points, behind = points_with_awkward_ones()
    points[:, :2][np.broadcast_to(behind[:, None], (N, 2, H, W))] = 0.5
    points[:, 2][behind] = -1
    _, _, K = scene()
    dflow, dcoords = np.random.default_rng(5).normal(size=(2, N, 2, H, W))
    dpoints, dK = np.full_like(points, np.nan), np.full_like(K, np.nan)
    camera.pinhole_backward(points, K, dflow, dcoords, dpoints=dpoints, dintrinsics=dK)
    for got, x in ((dpoints, points), (dK, K)):
        expected = numeric(lambda: camera.pinhole(points, K)[:2], x, [dflow, dcoords])
        np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-7)


@pytest.mark.filterwarnings("ignore:invalid value")  # inf * 0 in places that are then overwritten
def test_pinhole_backward_is_exactly_zero_at_invalid_points():
    points, behind = points_with_awkward_ones()
    _, _, K = scene()
    dpoints, dK = np.full_like(points, np.nan), np.full_like(K, np.nan)
    ones = np.ones((N, 2, H, W))
    camera.pinhole_backward(points, K, ones, ones, dpoints=dpoints, dintrinsics=dK)
    assert (dpoints.transpose(1, 0, 2, 3)[:, behind] == 0).all()
    assert np.isfinite(dpoints).all() and np.isfinite(dK).all()


def test_min_depth_is_a_parameter():
    points = np.full((1, 3, 1, 2), 0.5)
    K = np.array([[1.0, 1.0, 0.0, 0.0]])
    assert (camera.pinhole(points, K, min_depth=0.5)[1] == -2).all()
    assert (camera.pinhole(points, K, min_depth=0.4)[1] == 1).all()


def test_scaled_intrinsics_keep_the_rays_of_the_image_corners():
    K = np.array([[50.0, -60.0, 31.5, 20.0]])
    half = camera.scale_intrinsics(K, 0.5, 0.25)
    np.testing.assert_allclose(half, [[25, -15, 15.5, 4.625]])
    for old, new, c, f in ((64, 32, 2, 0), (48, 12, 3, 1)):
        for old_edge, new_edge in ((-0.5, -0.5), (old - 0.5, new - 0.5)):
            np.testing.assert_allclose((old_edge - K[0, c]) / K[0, f], (new_edge - half[0, c]) / half[0, f])


def test_flipped_intrinsics():
    K = np.array([[50.0, 60.0, 31.0, 20.0]]).reshape(1, 4, 1, 1)
    np.testing.assert_array_equal(camera.flip_intrinsics(K, width=64).ravel(), [50, 60, 32, 20])
    np.testing.assert_array_equal(camera.flip_intrinsics(K, height=48).ravel(), [50, 60, 31, 27])
    np.testing.assert_array_equal(K.ravel(), [50, 60, 31, 20])


def test_rays_near_the_principal_point_keep_their_digits_in_float32():
    intrinsics = np.array([[700.25, 710.5, 951.375, 3.125]])  # exact in float32
    depth = np.ones((1, 1, 8, 1000))
    rounded = camera.transform_grid(depth.astype("f4"), np.eye(4, dtype="f4")[None], intrinsics.astype("f4"))
    np.testing.assert_allclose(rounded, camera.transform_grid(depth, np.eye(4)[None], intrinsics), rtol=3e-7)
