"""Calibration files, cameras and numbered pictures of KITTI data."""

import numpy as np
import pytest

from pycaffe_geo.datasets.kitti import baseline_of, camera_of, numbered_pictures, partner_pictures, read_calibration, runs_of
from pycaffe_geo.errors import DataError

# Of the benchmark's sequence 00.
P2 = "7.188560e+02 0 6.071928e+02 4.538225e+01 0 7.188560e+02 1.852157e+02 -1.130887e-01 0 0 1 3.779761e-03"
P3 = "7.188560e+02 0 6.071928e+02 -3.372877e+02 0 7.188560e+02 1.852157e+02 2.369057e+00 0 0 1 4.915215e-03"


@pytest.fixture
def write(tmp_path):
    def write(text):
        (tmp_path / "calib.txt").write_text(text, encoding="utf-8")
        return tmp_path / "calib.txt"

    return write


def test_cameras_and_their_baseline(write):
    path = write(f"calib_time: 09-Jan-2012 13:57:47\nP2: {P2}\nP3: {P3}\n")
    calibration = read_calibration(path)
    left, right = (camera_of(calibration, key, path) for key in ("P2", "P3"))
    np.testing.assert_array_equal(left.intrinsics, [718.856, 718.856, 607.1928, 185.2157])
    point = np.array([1.0, 2.0, 9.0])  # projected by the matrix itself, and by the camera
    u, v, w = np.array(P2.split(), float).reshape(3, 4) @ [*point, 1]
    x, y, z = point + left.shift
    fx, fy, cx, cy = left.intrinsics
    np.testing.assert_allclose([fx * x / z + cx, fy * y / z + cy], [u / w, v / w])
    assert baseline_of(left, right, path) == pytest.approx(0.5323, abs=1e-3)
    with pytest.raises(DataError, match="the right camera lies -0.53.* m right of the left one, expected more than 0"):
        baseline_of(right, left, path)


@pytest.mark.parametrize("text, message", [
    ("P1: 1", r"calib.txt: has no line 'P2:' of numbers, did you mean 'P1'\? \(it has 'P1'\)"),
    ("P2: 1 2 3", r"'P2' is \[1.0, 2.0, 3.0\], expected 12 finite numbers"),
    ("P2: " + P2.replace("7.1", "nan 7.1", 1).rsplit(" ", 1)[0], "expected 12 finite numbers"),
    ("P2: " + P2.replace(" 0 ", " 1 ", 1), r"'P2' begins with .* expected the matrix \[fx 0 cx"),
    ("P2: 0 0 1 0 0 1 1 0 0 0 1 0", "intrinsics are .* expected fx fy cx cy"),
])
def test_wrong_calibration_is_named(write, text, message):
    path = write(text)
    with pytest.raises(DataError, match=message):
        camera_of(read_calibration(path), "P2", path)


def test_cameras_of_no_pair(write):
    path = write(f"P2: {P2}\nP3: {P3.replace('7.188', '7.288')}\n")
    calibration = read_calibration(path)
    with pytest.raises(DataError, match="expected the same for a rectified pair"):
        baseline_of(camera_of(calibration, "P2", path), camera_of(calibration, "P3", path), path)
    with pytest.raises(DataError, match="nowhere.txt: cannot be read as text"):
        read_calibration(path.with_name("nowhere.txt"))


def test_pictures_are_told_by_number(tmp_path):
    for name in ("a/000010.png", "a/000009.png", "b/9.jpg", "b/10.png", "b/11.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    color = numbered_pictures(tmp_path / "a")
    assert [path.name for path in color.values()] == ["000009.png", "000010.png"] and list(color) == [9, 10]
    assert [path.name for path in partner_pictures(color, tmp_path / "b", "")] == ["9.jpg", "10.png"]
    (tmp_path / "b" / "9.jpg").unlink()
    with pytest.raises(DataError, match="b: has no picture 9 for .*000009.png; say so"):
        partner_pictures(color, tmp_path / "b", "say so")
    (tmp_path / "a" / "x.png").write_bytes(b"")
    with pytest.raises(DataError, match="x.png: the name is no number"):
        numbered_pictures(tmp_path / "a")


def test_runs_end_at_gaps_and_between_drives():
    assert runs_of([("a", 0), ("a", 1), ("a", 3), ("b", 4), ("b", 5), ("b", 5)]).tolist() == [0, 0, 1, 2, 2, 3]
