"""Procedural streets: flat ground under the driver, nothing below it, and pairs that fit their depth."""

import numpy as np
import pytest

from pycaffe_geo.datasets.rooms import World
from pycaffe_geo.datasets.rooms_sequences import render_runs
from pycaffe_geo.errors import DataError
from pycaffe_geo.geometry import se3
from pycaffe_geo.geometry.sampling import warp

WORLD = World(width=112, height=32, fx=65, fy=61, cx=55, cy=14, samples=2)


@pytest.fixture(scope="module")
def streets():
    return render_runs(WORLD, "train", 8, 1, baseline=0.54, scenes="streets")


def test_the_ground_is_level_and_below_everything(streets):
    fx, fy, cx, cy = WORLD.intrinsics
    x, y = np.meshgrid(np.arange(112), np.arange(32))
    rays = np.stack([(x - cx) / fx, (y - cy) / fy, np.ones(x.shape)])
    pose = streets["pose_c2w"]
    assert ((-1.8 <= pose[:, 1, 3]) & (pose[:, 1, 3] <= -1.5)).all()
    turned = np.einsum("fij,jhw->fihw", pose[:, :3, :3], rays)
    height = pose[:, 1, 3, None, None] + streets["depth"] * turned[:, 1]  # y points down, the ground is at 0
    assert height.max() < 1e-3
    ahead = height[:, -1, 50:62]
    assert (abs(ahead) < 1e-3).mean() > 0.9  # the lane itself, at the picture's lower end


def test_things_beside_the_road_differ_from_the_ground_and_the_sky(streets):
    near = streets["depth"] < 40
    assert 0.02 < near[:, 4].mean() < 0.98, "above the horizon some of the pixels see fronts and trees"
    assert streets["depth"].max() > 60
    assert len(np.unique(streets["depth"][:, 4].round(2))) > 30


def test_the_right_camera_sees_everything_further_left(streets):
    x, y = np.meshgrid(np.arange(112.0), np.arange(32.0))
    disparity = 65 * 0.54 / streets["depth"].astype(float)
    left, right = (streets[name].astype(float).transpose(0, 3, 1, 2) for name in ("color", "right"))

    def error(sign):
        warped, seen = warp(right, np.stack(np.broadcast_arrays(x - sign * disparity, y), axis=1))
        return (abs(warped - left) * seen).sum() / seen.sum()

    assert error(1) < 0.6 * error(0) < 0.6 * error(-1)


def test_a_street_depends_on_its_number_and_the_split_alone(streets):
    fewer = render_runs(WORLD, "train", 2, 1, scenes="streets")
    np.testing.assert_array_equal(fewer["color"], streets["color"][:2])
    assert not np.array_equal(render_runs(WORLD, "test", 1, 1, scenes="streets")["color"][0], fewer["color"][0])
    assert not np.array_equal(fewer["color"][0], fewer["color"][1])


def test_a_car_drives_forward():
    """Within the world's limits, by one motion all along a run."""
    world = World(width=10, height=8, rotation_deg=2, translation_m=1, samples=1)
    pose = render_runs(world, "train", 12, 3, scenes="streets")["pose_c2w"].reshape(12, 3, 4, 4)
    before, after = (se3.log(se3.relative(pose[:, k], pose[:, k + 1])) for k in (0, 1))  # T_before_after: where the car has gone
    np.testing.assert_allclose(before, after, atol=1e-6)
    turn, gone = np.degrees(before[:, :3]), before[:, 3:]
    assert gone[:, 2].min() >= 0.3 and gone[:, 2].max() <= 1 and gone[:, 2].std() > 0.1
    assert abs(gone[:, :2]).max() <= 0.1 and abs(turn[:, [0, 2]]).max() <= 0.2
    assert 1 < abs(turn[:, 1]).max() <= 2 and (turn[:, 1] > 0).any() and (turn[:, 1] < 0).any()


def test_unknown_scenes_are_told():
    with pytest.raises(DataError, match="scenes is street, expected rooms or streets"):
        render_runs(WORLD, "train", 1, scenes="street")
