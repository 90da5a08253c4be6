"""Middlebury's scenes of both layouts: depth, the shift by the offset, refusals, and real scenes tried by their disparity."""

from pathlib import Path

import numpy as np
import pytest

from pycaffe_geo.datasets.frames import load_frames
from pycaffe_geo.datasets.middlebury import given_calibration, read_middlebury
from pycaffe_geo.errors import DataError

Image = pytest.importorskip("PIL.Image")
REAL = Path(__file__).parents[3] / "shared" / "data" / "stereo_middlebury"
CALIBRATION = """cam0=[100.5 0 3.25; 0 100.5 1.5; 0 0 1]
cam1=[100.5 0 5.75; 0 100.5 1.5; 0 0 1]
doffs=2.5
baseline=200
width=8
height=4
"""


@pytest.fixture
def new(tmp_path):
    """A scene of 2014: the right picture is 10 times the number of the column."""
    folder = tmp_path / "Piano"
    folder.mkdir()
    Image.fromarray(np.full((4, 8, 3), 7, np.uint8)).save(folder / "im0.png")
    columns = np.broadcast_to(np.arange(0, 80, 10, dtype=np.uint8)[:, None], (4, 8, 3))
    Image.fromarray(columns).save(folder / "im1.png")
    disparity = np.full((4, 8), 7.5, "<f4")
    disparity[0, 1] = np.inf
    (folder / "disp0.pfm").write_bytes(b"Pf\n8 4\n-1\n" + disparity[::-1].tobytes())
    (folder / "calib.txt").write_text(CALIBRATION, encoding="utf-8")
    return folder


@pytest.fixture
def old(tmp_path):
    """A scene of 2003 at a quarter of its size, 0 = unknown."""
    folder = tmp_path / "cones"
    folder.mkdir()
    for name, value in (("im2", 5), ("im6", 6)):
        Image.fromarray(np.full((4, 8, 3), value, np.uint8)).save(folder / f"{name}.png")
    disparity = np.full((4, 8), 40, np.uint8)
    disparity[0, 1] = 0
    Image.fromarray(disparity).save(folder / "disp2.png")
    return folder


def test_a_scene_with_calibration(new):
    frames = load_frames(read_middlebury([new]))
    assert frames.source == "Middlebury Piano" and frames.names == ("Piano",) and frames.color.shape == (1, 4, 5, 3)
    np.testing.assert_allclose(frames.intrinsics, [[100.5, 100.5, 3.25, 1.5]])
    assert frames.baseline.tolist() == [0.2]
    expected = np.full((4, 5), 100.5 * 0.2 / 10)
    expected[0, 1] = 0
    np.testing.assert_allclose(frames.depth[0], expected, rtol=1e-6)
    np.testing.assert_array_equal(frames.right[0, 2, :, 1], [25, 35, 45, 55, 65])  # columns 2.5, 3.5 ...


def test_a_scene_without(old):
    frames = load_frames(read_middlebury([old], given_calibration((50, 50, 4, 2), 0.1, 0)))
    np.testing.assert_allclose(frames.depth[0, 1:], np.full((3, 8), 50 * 0.1 / 10), rtol=1e-6)
    assert frames.depth[0, 0, 1] == 0 and frames.right[0, 0, 0, 0] == 6
    frames = load_frames(read_middlebury([old], given_calibration((50, 50, 4, 2), 0.1, 5), scale=8))
    np.testing.assert_allclose(frames.depth[0, 1:], np.full((3, 3), 50 * 0.1 / 10), rtol=1e-6)


def test_pairs_that_need_different_things_are_named(new, old):
    calibration = given_calibration((50, 50, 4, 2), 0.1, 0)
    with pytest.raises(DataError, match="Piano: has its own calib.txt; leave --intrinsics"):
        read_middlebury([new], calibration)
    with pytest.raises(DataError, match="cones: has no calib.txt, so disparity tells no depth; give --intrinsics, --baseline"):
        read_middlebury([new, old])
    with pytest.raises(DataError, match="an offset of 8 pixels leaves nothing of 8 columns"):
        load_frames(read_middlebury([old], given_calibration((50, 50, 4, 2), 0.1, 8)))
    with pytest.raises(DataError, match="the baseline is 0.1 m, the offset -1 pixels; expected"):
        given_calibration((50, 50, 4, 2), 0.1, -1)


@pytest.mark.parametrize("damage, message", [
    (lambda f: (f / "calib.txt").unlink(), r"Piano: holds neither calib.txt \(2014\) nor 'im2.png', 'view1.png'"),
    (lambda f: (f / "calib.txt").write_text("cam0=[1 0 2]"), r"calib.txt: 'cam0' is '\[1 0 2\]', expected \[f 0 cx"),
    (lambda f: (f / "calib.txt").write_text(CALIBRATION.replace("doffs", "x")), "'doffs' is 'missing', expected a number"),
    (lambda f: (f / "calib.txt").write_text(CALIBRATION.replace("=200", "=far")), "'baseline' is 'far', expected a number"),
    (lambda f: (f / "calib.txt").write_text(CALIBRATION.replace("=200", "=-1")), "the baseline is -0.001 m"),
    (lambda f: Image.new("RGB", (7, 4)).save(f / "im1.png"), "left and right picture are 8x4, 8x4, 7x4; expected one size"),
    (lambda f: (f / "disp0.pfm").unlink(), "disp0.pfm: cannot be read"),
    (lambda f: (f / "im0.png").unlink(), "im0.png: no such picture"),
])
def test_damage_is_named_by_place(new, damage, message):
    damage(new)
    with pytest.raises(DataError, match=message):
        load_frames(read_middlebury([new]))


@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/data/stereo_middlebury is not here")
@pytest.mark.parametrize("scene, published", [("cones", 4), ("Reindeer", 2)])
def test_real_disparities_take_the_right_picture_to_the_left(scene, published):
    """With any camera: the scale of the PNG is what must be right; the one chosen by the width is the best."""
    def error(scale):
        frames = load_frames(read_middlebury([REAL / scene], given_calibration((1000, 1000, 200, 180), 0.16, 0), scale))
        left, right, depth = frames.color[0].astype(float), frames.right[0].astype(float), frames.depth[0]
        disparity = np.rint(np.divide(1000 * 0.16, depth, out=np.zeros(depth.shape), where=depth > 0)).astype(int)
        column = np.arange(left.shape[1]) - disparity
        seen = (depth > 0) & (column >= 0)
        warped = np.take_along_axis(right, np.maximum(column, 0)[..., None], axis=1)
        return abs(warped - left).mean(axis=2)[seen].mean() / abs(right - left).mean(axis=2)[seen].mean()

    chosen = error(None)
    assert chosen == error(published) < 0.3
    assert chosen < 0.6 * min(error(scale) for scale in (1, 2, 3, 4) if scale != published)
