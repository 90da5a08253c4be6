"""Data that means something else than it says is refused, and the mistake named."""

import numpy as np
import pytest

from pycaffe_geo.datasets.pairs import PairFile, write_pairs
from pycaffe_geo.datasets.rooms import World, render_pairs
from pycaffe_geo.datasets.verify import verify_pairs
from pycaffe_geo.errors import DataError
from pycaffe_geo.geometry.camera import scale_intrinsics


@pytest.fixture(scope="module")
def data():
    world = World(width=80, height=60, fov_deg=80, rotation_deg=6, samples=2)
    return {**render_pairs(world, "train", 4), "source": "rooms"}


def test_right_data_passes(data, tmp_path):
    report = verify_pairs(**data)
    assert report.proved and report.pairs == 16 and report.ratios["as stated"] < 0.4
    assert min(report.ratios, key=report.ratios.get) == "as stated"
    assert "unwarped -> " in str(report)
    write_pairs(tmp_path / "p.h5", **data)
    assert verify_pairs(**PairFile(tmp_path / "p.h5").arrays()).warped == pytest.approx(report.warped)


@pytest.mark.parametrize("mistake, cause", [
    (lambda d: {"pose_c2w": np.linalg.inv(d["pose_c2w"])}, "the poses are world to camera: invert them"),
    (lambda d: {"pose_c2w": d["pose_c2w"] @ np.diag([1.0, -1, -1, 1])}, "the poses have y up and z backwards"),
    (lambda d: {"intrinsics": d["intrinsics"] * [1, -1, 1, 1]}, "fy has the wrong sign"),
    (lambda d: {"color": d["color"][:, :, ::-1], "depth": d["depth"][:, :, ::-1]},
     "fx has the wrong sign, or the pictures are mirrored"),
    (lambda d: {"depth": d["depth"] * 5}, "the depth is 5 times too large: the scale is 5000, not 1000"),
    (lambda d: {"depth": d["depth"] / 5}, "the depth is 5 times too small: the scale is 1000, not 5000"),
    (lambda d: {"depth": d["depth"] * 1000}, "the depth is 1000 times too large"),
    (lambda d: {"depth": d["depth"] / 1000}, "the depth is 1000 times too small"),
    (lambda d: {"intrinsics": scale_intrinsics(d["intrinsics"], 0.5, 0.5)},
     "the intrinsics are those of a picture half the size"),
    (lambda d: {"intrinsics": scale_intrinsics(d["intrinsics"], 2, 2)}, "the intrinsics are those of a picture twice the size"),
])
def test_a_usual_mistake_is_named(data, mistake, cause):
    with pytest.raises(DataError, match=f"rooms: warping by the stated .*times if {cause}"):
        verify_pairs(**{**data, **mistake(data)})


def test_swapped_source_and_target_are_named():
    """Two frames of one place whose pictures (and depths) were listed in the other's place."""
    data = render_pairs(World(width=80, height=60, fov_deg=80, rotation_deg=6, samples=2), "train", 1)
    two = {name: data[name][:2][::-1] if name in ("color", "depth") else data[name][:2] for name in data}
    two["pairs"] = np.array([[0, 1], [1, 0]])
    with pytest.raises(DataError, match="source and target .or left and right. are swapped"):
        verify_pairs(**two, source="x")


def test_data_that_no_mistake_explains_is_refused(data):
    with pytest.raises(DataError, match="no usual mistake explains it"):
        verify_pairs(**{**data, "color": np.roll(data["color"], 5, axis=0), "depth": np.roll(data["depth"], 7, axis=0)})


def test_too_little_motion_proves_nothing_and_warns(data, caplog):
    still = data["pose_c2w"].copy()
    still[:, :3, :] = still[:1, :3, :]
    same = {name: data[name][:1].repeat(16, axis=0) for name in ("color", "depth")}
    assert not verify_pairs(**{**data, "pose_c2w": still, **same}).proved
    assert "the motion is too small to prove the convention" in caplog.text


@pytest.mark.parametrize("change, message", [
    ({"intrinsics": [30, 30, 200, 20]}, r"frame 0: fx, fy, cx, cy = \[30.0, 30.0, 200.0, 20.0\] do not fit pictures of 80x60"),
    ({"intrinsics": [2, 30, 40, 20]}, "do not fit pictures of 80x60"),
    ({"depth": 0}, "frame 0: 0 of 4800 pixels have depth, expected at least 1%"),
    ({"color": 7}, "frame 0: every pixel has the colour value 7, expected a picture"),
    ({"pairs": np.zeros((0, 2), int)}, "no pairs"),
])
def test_impossible_frames_and_intrinsics_are_refused(data, change, message):
    (name, value), = change.items()
    changed = np.array(value) if name == "pairs" else np.broadcast_to(value, data[name].shape)
    with pytest.raises(DataError, match=f"rooms: .*{message}"):
        verify_pairs(**{**data, name: changed.astype(data[name].dtype)})
