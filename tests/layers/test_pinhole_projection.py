import numpy as np
import pytest

from golden import Case, compare
from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)


def example(batch=2, height=5, width=7):
    """Return points, mostly before the camera, and intrinsics."""
    points = RNG.normal(size=(batch, 3, height, width))
    points[:, 2] = RNG.uniform(1, 3, (batch, height, width))
    points[:, 2, 0, 0] = -1
    intrinsics = RNG.uniform([5, 5, 2, 2], [9, 9, 4, 4], (batch, 4))[:, :, None, None]
    intrinsics[-1, 1] *= -1
    return [points, intrinsics]


EXAMPLE = dict(bottom=example(), tops=3)


@pytest.mark.parametrize("sizes", [(2, 5, 7), (1, 1, 1), (3, 4, 6)])
@pytest.mark.parametrize("tops", [1, 2])
def test_gradient(sizes, tops):
    report = check_layer("PinholeProjection", example(*sizes), tops=tops)
    assert report.ok, report


@pytest.mark.parametrize("i", [0, 1])
def test_gradient_of_one_bottom_alone(i):
    report = check_layer("PinholeProjection", example(), tops=2, check_bottoms=[i])
    assert report.ok, report


def test_gradient_with_a_validity_top():
    points, intrinsics = example()
    points[:, :2] *= 0.1  # far from the image's border, where validity jumps
    report = check_layer("PinholeProjection", [points, intrinsics], tops=3)
    assert report.ok, report


@pytest.mark.parametrize("read", [[0], [1], []])
def test_a_top_that_nobody_reads_sends_nothing_back(read):
    both, bottom, top = build_layer("PinholeProjection", example(), tops=2)
    both.forward(bottom, top)
    alone, bottom2, top2 = build_layer("PinholeProjection", [b.data for b in bottom], tops=2)
    alone.forward(bottom2, top2)
    for i, blob in enumerate(top):
        blob.diff[...] = RNG.normal(size=blob.shape) * (i in read)
        if i in read:
            top2[i].diff[...] = blob.diff
    for blob in (*bottom, *bottom2):
        blob.diff[...] = 7
    both.backward(top, [True, True], bottom)
    alone.backward(top2, [True, True], bottom2)
    assert [t.diff_untouched for t in top2[1:]] == [1 not in read]
    for expected, got in zip(bottom, bottom2):
        np.testing.assert_array_equal(got.diff, expected.diff)


def test_forward_against_a_loop():
    points, intrinsics = example()
    layer, bottom, top = build_layer("PinholeProjection", [points, intrinsics], tops=3)
    layer.forward(bottom, top)
    flow, coords, validity = (t.data for t in top)
    for n in range(2):
        fx, fy, cx, cy = intrinsics[n, :, 0, 0]
        for v in range(5):
            for u in range(7):
                x, y, z = points[n, :, v, u]
                pixel = (fx * x / z + cx, fy * y / z + cy) if z > 1e-3 else (-2, -2)
                np.testing.assert_allclose(coords[n, :, v, u], pixel, rtol=1e-13)
                np.testing.assert_allclose(flow[n, :, v, u], np.subtract(pixel, (u, v)), atol=1e-12)
                assert validity[n, 0, v, u] == (z > 1e-3 and 0 <= pixel[0] <= 6 and 0 <= pixel[1] <= 4)
    assert 0 < validity.sum() < validity.size


@pytest.mark.parametrize("z", [1e-3, 0.0, -1e-12, -2.0, np.nan])
def test_points_that_are_not_before_the_camera(z):
    points, intrinsics = example()
    points[1, 2, 2, 3] = z
    layer, bottom, top = build_layer("PinholeProjection", [points, intrinsics], tops=3)
    layer.forward(bottom, top)
    flow, coords, validity = (t.data[1, :, 2, 3] for t in top)
    assert (list(coords), list(flow), list(validity)) == ([-2, -2], [-5, -4], [0])
    for t in top:
        t.diff[...] = 1
    layer.backward(top, [True, True], bottom)
    assert not bottom[0].diff[1, :, 2, 3].any()
    assert np.isfinite(bottom[0].diff).all() and np.isfinite(bottom[1].diff).all()


def test_min_depth_decides():
    points, intrinsics = example()
    layer, bottom, top = build_layer("PinholeProjection", [points, intrinsics], tops=2, pinhole_projection_param={"min_depth": 2})
    layer.forward(bottom, top)
    np.testing.assert_array_equal((top[1].data == -2).all(axis=1), points[:, 2] <= 2)


def test_fewer_tops_after_a_change_of_size():
    layer, bottom, top = build_layer("PinholeProjection", example())
    points, intrinsics = example(3, 2, 4)
    for blob, value in zip(bottom, (points, intrinsics)):
        blob.reshape(*value.shape)
        blob.data[...] = value
    layer.reshape(bottom, top)
    layer.forward(bottom, top)
    full, bottom, tops = build_layer("PinholeProjection", [points, intrinsics], tops=3)
    full.forward(bottom, tops)
    np.testing.assert_array_equal(top[0].data, tops[0].data)


def test_min_depth_must_be_positive():
    with pytest.raises(SpecError, match="min_depth is 0.0, expected more than 0"):
        build_layer("PinholeProjection", example(), pinhole_projection_param={"min_depth": 0})


def test_intrinsics_of_the_wrong_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(2, 4\), expected \(2, 4, 1, 1\)"):
        build_layer("PinholeProjection", [(2, 3, 5, 7), (2, 4)])


@pytest.mark.parametrize("name", ["pinhole", "pinhole_regular"])
def test_as_the_original(name):
    case = Case(name)
    points = case.inputs["P"]
    before = points[:, 2] > 1e-3
    layer, bottom, top = build_layer("PinHole", [points, case.inputs["K"]], tops=2)
    layer.forward(bottom, top)
    for blob, recorded in zip(top, ("flow", "coords")):
        compare(recorded, *(a.swapaxes(0, 1)[:, before] for a in (blob.data, case.data[recorded])))
        blob.diff[...] = case.top_diffs[recorded]
    layer.backward(top, [True, True], bottom)
    compare("points", *(a.swapaxes(0, 1)[:, before] for a in (bottom[0].diff, case.diff["P"])))
    if before.all():
        compare("intrinsics", bottom[1].diff, case.diff["K"])
