"""Left and right, told by matching: swapped folders are named, and doubts are doubts."""

import numpy as np
import pytest

from pycaffe_geo.datasets.rooms import World
from pycaffe_geo.datasets.rooms_sequences import render_runs
from pycaffe_geo.datasets.verify import verify_arrays
from pycaffe_geo.datasets.verify_stereo import verify_stereo
from pycaffe_geo.errors import DataError


@pytest.fixture(scope="module")
def data():
    return render_runs(World(width=80, height=64, samples=2), "train", 3, 2, 0.2)


def test_the_disparity_is_found_in_pixels_of_the_pictures():
    """A random picture moved by 5 and, four times as large, by 20 pixels."""
    left = np.random.default_rng(0).integers(256, size=(2, 20, 60, 3), dtype=np.uint8)
    right = np.roll(left, -5, axis=2)  # the right camera sees everything further left
    report = verify_stereo(left, right)
    assert report.disparity == 5 and report.matched == 0 < report.swapped and report.proved
    large = [np.repeat(np.repeat(picture, 4, axis=1), 4, axis=2) for picture in (left, right)]
    assert verify_stereo(*large).disparity == 20


def test_stereo_pairs_pass_and_swapped_ones_are_refused(data):
    report = verify_stereo(data["color"], data["right"])
    assert report.proved and report.matched < 0.6 * report.unmatched and "6 stereo pairs" in str(report)
    with pytest.raises(DataError, match=r"x: 6 stereo pairs.*left and right are swapped \(wrongly named folders: --swap\), or"):
        verify_stereo(data["right"], data["color"], "x")
    flipped = (data[name][:, :, ::-1] for name in ("color", "right"))
    with pytest.raises(DataError, match="or the pictures are mirrored"):
        verify_stereo(*flipped)


def test_one_picture_twice_proves_nothing_and_warns(data, caplog):
    assert not verify_stereo(data["color"], data["color"], "x").proved
    assert "which picture is the left one is not proved: are these rectified pairs" in caplog.text


def test_pictures_smaller_than_a_block(data):
    assert np.isfinite(verify_stereo(data["color"][:, :3, :8], data["right"][:, :3, :8]).matched)


def test_all_that_an_arrays_file_holds_is_tried(data):
    assert [text.split(",")[0] for text in verify_arrays(**data)] == ["the stated motion", "left and right", "depth and baseline"]
    assert verify_arrays(data["color"], data["intrinsics"]) == []
    without = {name: data[name] for name in ("color", "intrinsics", "depth", "pairs", "sequence")}
    assert verify_arrays(**without) == []
    with pytest.raises(DataError, match="here: frame 0: every pixel has the colour value 3"):
        verify_arrays(np.full((1, 4, 4, 3), 3, np.uint8), data["intrinsics"][:1] / 20, "here")


@pytest.mark.parametrize("change, cause", [
    ({"depth": 1000}, "if the depth is 1000 times too large: millimetres were taken for metres"),
    ({"baseline": 0.2}, "if the depth is 5 times too large"),
])
def test_depth_that_does_not_fit_the_baseline_is_refused(data, change, cause):
    known = {name: data[name] for name in ("color", "right", "depth", "intrinsics", "baseline")}
    wrong = known | {name: data[name] * np.float32(factor) for name, factor in change.items()}
    with pytest.raises(DataError, match=f"x, left and right: warping by the stated depth, intrinsics and poses leaves .*{cause}"):
        verify_arrays(**wrong, source="x")


def test_depth_of_a_few_pixels_is_enough(data):
    """As a laser scanner gives it."""
    sparse = np.zeros_like(data["depth"])
    sparse[:, ::5, ::5] = data["depth"][:, ::5, ::5]
    found = verify_arrays(data["color"], data["intrinsics"], depth=sparse, right=data["right"], baseline=data["baseline"])
    assert found[1].startswith("depth and baseline, tried on 4 pairs, mean motion ")


@pytest.mark.parametrize("width", [1, 2])
def test_pictures_too_narrow_to_match(width):
    picture = np.arange(24 * width, dtype=np.uint8).reshape(2, 4, width, 3)
    with pytest.raises(DataError, match=f"narrow: the pictures are {width}x4, expected at least 3 columns to match"):
        verify_stereo(picture, picture, "narrow")
