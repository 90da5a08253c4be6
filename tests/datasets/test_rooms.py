"""The procedural world's promises: consistent depth and poses, symmetric motion, other rooms per split."""

import numpy as np
import pytest

from pycaffe_geo.backend import CPU
from pycaffe_geo.datasets import rooms
from pycaffe_geo.datasets.rooms_raycast import cast, random_room
from pycaffe_geo.datasets.rooms import World, render_pairs
from pycaffe_geo.errors import DataError
from pycaffe_geo.geometry.camera import pinhole, transform_grid
from pycaffe_geo.geometry.sampling import warp

WIDE = {"fx": 16.4, "fy": 17.5}


@pytest.fixture(scope="module")
def world():
    return World(width=80, height=64, fx=32.8, fy=35, samples=2)


@pytest.fixture(scope="module")
def pairs(world):
    return render_pairs(world, "train", 6)


def test_depth_moved_by_the_pose_lies_on_the_other_views_surfaces(world, pairs):
    """A point seen in tgt and moved to src is at the depth of src, or behind something nearer; never in front of it."""
    src, tgt = pairs["pairs"][0]
    points = transform_grid(pairs["depth"][tgt][None, None].astype(float), motion(pairs, [src], [tgt]),
                            pairs["intrinsics"][:1])[0].reshape(3, -1)
    room = random_room(CPU.generator(world.seed, "room", "train", 0))
    pose = pairs["pose_c2w"][src]
    front = points[:, points[2] > 0.1]
    distance, _ = cast(room, pose[:3, 3].astype(np.float32), (pose[:3, :3] @ (front / front[2])).astype(np.float32))
    ratio = front[2] / distance
    assert (ratio > 1 - 1e-4).all()
    assert (np.abs(ratio - 1) < 1e-4).mean() > 0.85


def motion(pairs, src, tgt):
    pose = pairs["pose_c2w"]
    return np.linalg.inv(pose[src]) @ pose[tgt]


def colour_error(pairs, T, src, tgt, change=True):
    """Mean absolute colour error over seen pixels after warping src by T (or unchanged, over the same pixels)."""
    K = pairs["intrinsics"][tgt]
    picture = pairs["color"].astype(float).transpose(0, 3, 1, 2)
    _, coords, seen = pinhole(transform_grid(pairs["depth"][tgt][:, None].astype(float), T, K), K)
    shown = warp(picture[src], coords)[0] if change else picture[src]
    return (np.abs(shown - picture[tgt]) * seen).sum() / (3 * seen.sum())


def test_warping_by_the_true_pose_helps_and_the_wrong_way_hurts(pairs):
    src, tgt = pairs["pairs"].T
    T = motion(pairs, src, tgt)
    before, after = colour_error(pairs, T, src, tgt, change=False), colour_error(pairs, T, src, tgt)
    assert after < 0.4 * before
    assert colour_error(pairs, np.linalg.inv(T), src, tgt) > 1.2 * before


def twists(world, clusters):
    """Rotation vectors (degrees) and translations of the pairs that clusters of random motions make."""
    generator = CPU.generator("motion")
    poses = rooms._random_motions(generator, world, 4 * clusters)
    src, tgt = rooms._cluster_pairs(clusters).T
    T = np.linalg.inv(poses[src]) @ poses[tgt]
    skew = T[:, [2, 0, 1], [1, 2, 0]] - T[:, [1, 2, 0], [2, 0, 1]]
    sine = np.linalg.norm(skew, axis=1, keepdims=True)
    angle = np.arctan2(sine, np.trace(T[:, :3, :3], axis1=1, axis2=2)[:, None] - 1)
    return np.degrees(skew / sine * angle), T[:, :3, 3]


def test_motion_is_symmetric_independent_and_in_range():
    rotation, translation = twists(World(rotation_deg=5, translation_m=0.2), 600)
    assert np.linalg.norm(rotation, axis=1).max() <= 5 + 1e-9
    assert np.linalg.norm(translation, axis=1).max() <= 0.2 + 1e-9
    assert np.linalg.norm(rotation, axis=1).mean() == pytest.approx(5 / 2 * 36 / 35, rel=0.03)  # two points of a ball
    assert np.linalg.norm(translation, axis=1).mean() == pytest.approx(0.2 / 2 * 36 / 35, rel=0.03)
    np.testing.assert_allclose(rotation.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(translation.mean(axis=0), 0, atol=0.002)
    np.testing.assert_allclose(rotation.std(axis=0), rotation.std(), rtol=0.08)
    correlation = np.corrcoef(np.hstack([rotation, translation]).T)
    assert np.abs(correlation - np.eye(6)).max() < 0.08


def test_pairs_hold_both_directions_inside_a_cluster_only():
    pairs = rooms._cluster_pairs(3)
    assert len(pairs) == 36 and len(set(map(tuple, pairs))) == 36
    assert set(map(tuple, pairs)) == set(map(tuple, pairs[:, ::-1]))
    assert (pairs[:, 0] // 4 == pairs[:, 1] // 4).all()


def test_mean_flow_of_the_wide_camera_is_3_to_8_pixels_at_160x128():
    world = World(width=160, height=128, fx=65.6, fy=70, samples=1)
    pairs = render_pairs(world, "train", 6)
    src, tgt = pairs["pairs"].T
    K = pairs["intrinsics"][tgt]
    flow, _, seen = pinhole(transform_grid(pairs["depth"][tgt][:, None].astype(float), motion(pairs, src, tgt), K), K)
    mean = (np.hypot(flow[:, :1], flow[:, 1:]) * seen).sum() / seen.sum()
    assert 3 < mean < 8


def test_a_seed_repeats_and_splits_and_seeds_differ():
    world = World(width=20, height=16, **WIDE)
    one, again = render_pairs(world, "train", 4), render_pairs(world, "train", 4)
    for name in one:
        np.testing.assert_array_equal(one[name], again[name])
    fewer = render_pairs(world, "train", 3)
    np.testing.assert_array_equal(one["color"][:12], fewer["color"])  # a room does not depend on how many are drawn
    for other in (render_pairs(world, "test", 4), render_pairs(World(width=20, height=16, seed=1, **WIDE), "train", 4)):
        assert np.abs(one["color"].astype(int) - other["color"]).mean() > 10
        assert not np.isclose(one["pose_c2w"], other["pose_c2w"])[:, :3].all(axis=(1, 2)).any()


def test_views_keep_the_depth_range():
    depth = render_pairs(World(depth_range=(1.5, 9.0), width=20, height=16, fov_deg=80), "train", 9)["depth"]
    assert np.quantile(depth, 0.05, axis=(1, 2)).min() > 1.5 - 0.2
    assert 3 - 0.4 < np.median(depth, axis=(1, 2)).min() and np.median(depth, axis=(1, 2)).max() < 9.4


def test_camera_defaults_and_explicit_values():
    np.testing.assert_allclose(World(width=40, height=32).intrinsics, [16.4, 16.4, 19.5, 15.5], atol=0.01)
    np.testing.assert_allclose(World(width=40, fov_deg=90).intrinsics[:2], [20, 20])
    np.testing.assert_allclose(World(fx=3, fy=-4, cx=5, cy=6).intrinsics, [3, -4, 5, 6])


@pytest.mark.parametrize("params, message", [
    ({"fov_deg": 90, "fx": 10}, "fov_deg is 90 and fx is 10: give one"),
    ({"fov_deg": 190}, "fov_deg is 190, expected between 0 and 170"),
    ({"width": 0}, "width is 0, expected at least 1"),
    ({"depth_range": (2, 3)}, r"depth_range is \(2, 3\), expected two numbers"),
    ({"fx": float("inf")}, "fx is inf, expected finite"),
    ({"translation_m": -1}, "translation_m is -1, expected not negative"),
])
def test_impossible_worlds_are_refused(params, message):
    with pytest.raises(DataError, match=message):
        World(**params)


def test_a_world_without_views_says_so(monkeypatch):
    monkeypatch.setattr(rooms, "_TRIES", 2)
    with pytest.raises(DataError, match=r"no view fits depth_range \(4.4, 9\).*widen depth_range"):
        render_pairs(World(depth_range=(4.4, 9)), "train", 1)
