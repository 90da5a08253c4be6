import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

TYPE = "LensDistortion"
NAMES = ("k1", "k2", "p1", "p2", "k3")
KITTI_LIKE = (-0.37, 0.2, 0.002, -0.001, -0.07)


def example(batch=2, height=3, width=5):
    """Return coordinates in and around the image, intrinsics (one with a negative fy) and coefficients."""
    rng = np.random.default_rng(0)
    coords = rng.uniform(-1, [[[width]], [[height]]], (batch, 2, height, width))
    intrinsics = np.tile([5.0, 4.0, 2.1, 1.3], (batch, 1))[:, :, None, None]
    intrinsics[-1, 1] *= -1
    coefficients = rng.uniform(-0.1, 0.1, (batch, 5, 1, 1))
    return [coords, intrinsics, coefficients]


EXAMPLE = dict(bottom=example())


def forward(bottom, **param):
    layer, bottom, top = build_layer(TYPE, bottom, lens_distortion_param=param)
    layer.forward(bottom, top)
    return top[0].data


def plain(u, v, intrinsics, coefficients):
    """OpenCV's formula for one pixel, as it is printed."""
    fx, fy, cx, cy = intrinsics
    k1, k2, p1, p2, k3 = coefficients
    x, y = (u - cx) / fx, (v - cy) / fy
    r = np.hypot(x, y)
    factor = 1 + k1 * r**2 + k2 * r**4 + k3 * r**6
    x_lens = x * factor + 2 * p1 * x * y + p2 * (r**2 + 2 * x**2)
    y_lens = y * factor + p1 * (r**2 + 2 * y**2) + 2 * p2 * x * y
    return fx * x_lens + cx, fy * y_lens + cy


@pytest.mark.parametrize("sizes", [(2, 3, 5), (1, 1, 1), (3, 4, 2)])
def test_gradient(sizes):
    report = check_layer(TYPE, example(*sizes))
    assert report.ok, report


@pytest.mark.parametrize("checked", [[0], [1], [2]])
def test_gradient_of_one_bottom_alone(checked):
    report = check_layer(TYPE, example(), check_bottoms=checked)
    assert report.ok, report


def test_gradient_with_coefficients_as_parameters():
    report = check_layer(TYPE, example()[:2], lens_distortion_param=dict(zip(NAMES, (-0.2, 0.05, 0.01, -0.02, 0.003))))
    assert report.ok, report


def test_gradient_at_the_principal_point_and_where_points_are_masked():
    coords, intrinsics, coefficients = example()
    coords[0, :, 0, 0] = 2.1, 1.3
    coords[0, :, 1, 1] = -2
    coords[0, :, 2, 2] = 1e9, -1e9
    report = check_layer(TYPE, [coords, intrinsics, coefficients])
    assert report.ok, report


def test_forward_against_a_loop():
    coords, intrinsics, coefficients = bottom = example()
    out = forward(bottom)
    for n, v, u in np.ndindex(2, 3, 5):
        expected = plain(*coords[n, :, v, u], intrinsics[n].ravel(), coefficients[n].ravel())
        np.testing.assert_allclose(out[n, :, v, u], expected, rtol=1e-13)


def test_gradient_against_torch():
    torch = pytest.importorskip("torch")
    layer, bottom, top = build_layer(TYPE, example())
    top[0].diff[...] = np.random.default_rng(1).normal(size=top[0].shape)
    layer.backward(top, [True] * 3, bottom)
    coords, K, k = (torch.tensor(b.data.copy(), requires_grad=True) for b in bottom)
    x, y = (coords[:, 0] - K[:, 2]) / K[:, 0], (coords[:, 1] - K[:, 3]) / K[:, 1]
    s = x**2 + y**2
    k1, k2, p1, p2, k3 = k.unbind(1)
    factor = 1 + k1 * s + k2 * s**2 + k3 * s**3
    u = (x * factor + 2 * p1 * x * y + p2 * (s + 2 * x**2)) * K[:, 0] + K[:, 2]
    v = (y * factor + p1 * (s + 2 * y**2) + 2 * p2 * x * y) * K[:, 1] + K[:, 3]
    torch.stack([u, v], 1).backward(torch.tensor(top[0].diff))
    for blob, tensor in zip(bottom, (coords, K, k)):
        np.testing.assert_allclose(blob.diff, tensor.grad.numpy(), rtol=1e-11, atol=1e-12)


def test_parameters_and_bottom_mean_the_same():
    coords, intrinsics, _ = example()
    coefficients = np.tile(np.reshape(KITTI_LIKE, (1, 5, 1, 1)), (2, 1, 1, 1))
    given = forward([coords, intrinsics], **dict(zip(NAMES, KITTI_LIKE)))
    np.testing.assert_array_equal(given, forward([coords, intrinsics, coefficients]))


def test_no_distortion_changes_nothing():
    coords, intrinsics, _ = example()
    np.testing.assert_allclose(forward([coords, intrinsics]), coords, atol=1e-14)


def test_points_that_have_no_place_in_the_picture():
    """Marked as behind the camera, beyond the fold of the radial polynomial, so far off that powers overflow."""
    rows = [(-2, -2), (50, 120), (1e30, 0), (np.inf, 1), (np.nan, 1), (50, 70)]
    coords = np.array(rows, np.float32).T.reshape(1, 2, 1, 6)
    K = np.array([40.0, 40.0, 50.0, 50.0]).reshape(1, 4, 1, 1)
    assert all(0 < c < 100 for c in plain(50, 120, K.ravel(), KITTI_LIKE))  # would come back into the image
    param = dict(zip(NAMES, KITTI_LIKE))
    layer, bottom, top = build_layer(TYPE, [coords, K], dtype="float32", lens_distortion_param=param)
    layer.forward(bottom, top)
    out = top[0].data[0, :, 0]
    assert (out[:, :5] == -2).all()
    assert 50 < out[1, 5] < 70
    top[0].diff[...] = 1
    layer.backward(top, [True, True], bottom)
    assert not bottom[0].diff[..., :5].any() and bottom[0].diff[..., 5].all()
    assert np.isfinite(bottom[1].diff).all()


def test_coefficients_from_two_sources():
    with pytest.raises(SpecError, match="has coefficients as parameters and as a bottom, expected one of them"):
        forward(example(), k1=0.1)


def test_five_coefficients():
    with pytest.raises(ShapeError, match=r"bottom 'bottom2' is \(2, 4, 1, 1\), expected \(2, 5, 1, 1\)"):
        forward([(2, 2, 3, 5), (2, 4, 1, 1), (2, 4, 1, 1)])
