"""Smooth runs: constant motion, consistent depth, the right camera beside the left one."""

import numpy as np
import pytest

from pycaffe_geo.datasets.rooms import World, render_pairs
from pycaffe_geo.datasets.rooms_sequences import render_runs
from pycaffe_geo.datasets.verify import verify_pairs
from pycaffe_geo.errors import DataError
from pycaffe_geo.geometry import se3
from pycaffe_geo.geometry.sampling import warp

WORLD = World(width=60, height=48, rotation_deg=3, translation_m=0.1, samples=2)
PAIR = ("color", "depth", "pose_c2w", "intrinsics", "pairs")


@pytest.fixture(scope="module")
def runs():
    return render_runs(WORLD, "train", 4, 5, baseline=0.15)


def test_the_motion_is_one_twist_all_along_a_run(runs):
    np.testing.assert_array_equal(runs["sequence"], np.repeat(np.arange(4), 5))
    pose = runs["pose_c2w"].reshape(4, 5, 4, 4)
    steps = se3.relative(pose[:, 1:], pose[:, :-1])
    np.testing.assert_allclose(steps, np.repeat(steps[:, :1], 4, axis=1), atol=1e-12)
    twists = se3.log(steps[:, 0])
    assert 0 < np.degrees(np.linalg.norm(twists[:, :3], axis=1)).max() <= 3
    assert 0 < np.linalg.norm(twists[:, 3:], axis=1).max() <= 0.1
    assert len(np.unique(twists.round(9), axis=0)) == 4


def test_neighbours_warp_into_each_other(runs):
    assert len(runs["pairs"]) == 4 * 2 * 4
    report = verify_pairs(**{name: runs[name] for name in PAIR}, source="runs")
    assert report.proved and report.ratios["as stated"] < 0.5


def test_the_right_camera_sees_everything_further_left(runs):
    x, y = np.meshgrid(np.arange(60.0), np.arange(48.0))
    np.testing.assert_array_equal(runs["baseline"], np.full(20, 0.15))
    disparity = WORLD.intrinsics[0] * 0.15 / runs["depth"].astype(float)
    left, right = (runs[name].astype(float).transpose(0, 3, 1, 2) for name in ("color", "right"))

    def error(sign):
        warped, seen = warp(right, np.stack(np.broadcast_arrays(x - sign * disparity, y), axis=1))
        return (abs(warped - left) * seen).sum() / seen.sum()

    assert error(1) < 0.5 * error(0) < 0.5 * error(-1)


def test_a_run_depends_on_its_number_and_the_split_alone(runs):
    fewer = render_runs(WORLD, "train", 2, 5)
    assert "right" not in fewer and "baseline" not in fewer
    np.testing.assert_array_equal(fewer["color"], runs["color"][:10])
    assert not np.array_equal(render_runs(WORLD, "test", 1, 5)["color"], fewer["color"][:5])
    assert not np.array_equal(render_pairs(WORLD, "train", 1)["color"][0], fewer["color"][2])


@pytest.mark.parametrize("arguments, message", [
    ((0, 5, None), "runs is 0, expected at least 1"),
    ((1, 0, None), "length is 0, expected at least 1"),
    ((1, 5, 0), "baseline is 0, expected metres above 0"),
])
def test_mistakes(arguments, message):
    with pytest.raises(DataError, match=f"world: {message}"):
        render_runs(WORLD, "train", *arguments)


def test_steps_too_large_for_the_room_are_refused():
    with pytest.raises(DataError, match="no run of 40 frames with up to 2 m each fits .*take fewer or smaller steps"):
        render_runs(World(width=4, height=4, translation_m=2), "train", 1, 40)
