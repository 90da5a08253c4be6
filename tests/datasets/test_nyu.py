"""NYU Depth v2: the axes of the file, its split, the border, and refusals."""

import h5py
import numpy as np
import pytest

from pycaffe_geo.datasets.frames import load_frames
from pycaffe_geo.datasets.nyu import official_split, read_numbers, read_nyu
from pycaffe_geo.errors import DataError

WIDTH, HEIGHT = 8, 6


@pytest.fixture
def arrays():
    """Four frames as they are seen: color (F, H, W, 3), depth and raw depth (F, H, W)."""
    rng = np.random.default_rng(0)
    depth = rng.uniform(1, 9, (4, HEIGHT, WIDTH)).astype(np.float32)
    return rng.integers(256, size=(4, HEIGHT, WIDTH, 3), dtype=np.uint8), depth, depth * (rng.random(depth.shape) < 0.8)


@pytest.fixture
def path(tmp_path, arrays):
    color, depth, raw = arrays
    with h5py.File(tmp_path / "nyu.mat", "w") as file:
        file["images"] = color.transpose(0, 3, 2, 1)
        file["depths"], file["rawDepths"] = depth.transpose(0, 2, 1), raw.transpose(0, 2, 1)
        file["scenes"] = np.zeros((1, 4))
    return tmp_path / "nyu.mat"


def test_frames_stand_upright(path, arrays):
    color, depth, raw = arrays
    frames = load_frames(read_nyu(path))
    np.testing.assert_array_equal(frames.color, color)
    np.testing.assert_allclose(frames.depth, depth, rtol=1e-6)
    np.testing.assert_allclose(load_frames(read_nyu(path, raw=True)).depth, raw, rtol=1e-6)
    np.testing.assert_array_equal(frames.intrinsics[0], [518.857901, 519.469611, 325.582449, 253.736166])
    assert frames.names == ("0001", "0002", "0003", "0004") and frames.sequence.tolist() == [0, 1, 2, 3]
    assert frames.pose_c2w is None


def test_chosen_frames_without_their_border(path, arrays):
    frames = load_frames(read_nyu(path, np.array([[4.0], [2.0]]).ravel(), border=2, intrinsics=(9, 9, 4, 3)))
    np.testing.assert_array_equal(frames.color, arrays[0][[3, 1], 2:-2, 2:-2])
    np.testing.assert_allclose(frames.depth, arrays[1][[3, 1], 2:-2, 2:-2], rtol=1e-6)
    assert frames.names == ("0004", "0002") and frames.intrinsics[0].tolist() == [9, 9, 2, 1]


def test_the_official_split(tmp_path):
    savemat = pytest.importorskip("scipy.io").savemat
    savemat(tmp_path / "splits.mat", {"trainNdxs": [[3], [4]], "testNdxs": [[1], [2], [5]]}, do_compression=True)
    assert official_split(tmp_path / "splits.mat", "train").tolist() == [3, 4]
    assert official_split(tmp_path / "splits.mat", "test").tolist() == [1, 2, 5]
    (tmp_path / "numbers.txt").write_text("1\n7\n", encoding="utf-8")
    assert read_numbers(tmp_path / "numbers.txt").tolist() == [1, 7]


def replace(path, name, values):
    with h5py.File(path, "a") as file:
        del file[name]
        if values is not None:
            file[name] = values


@pytest.mark.parametrize("damage, options, message", [
    (lambda p: p.unlink(), {}, "nyu.mat: no such file"),
    (lambda p: p.write_bytes(b"MATLAB 5.0"), {}, r"cannot be read as HDF5, expected nyu_depth_v2_labeled.mat \(MATLAB 7.3\)"),
    (lambda p: replace(p, "images", None), {}, "has no array 'images'"),
    (lambda p: replace(p, "rawDepths", None), {"raw": True},
     r"no array 'rawDepths', did you mean 'depths'\? \(it has 'depths', "),
    (lambda p: replace(p, "images", np.zeros((4, HEIGHT, WIDTH, 3), np.uint8)), {},
     r"'images' is uint8 \(4, 6, 8, 3\), expected"),
    (lambda p: replace(p, "depths", np.zeros((4, HEIGHT, WIDTH), np.float32)), {},
     r"'depths' is float32 \(4, 6, 8\), expected float32 \(4, 8, 6\) as 'images' has"),
    (lambda p: replace(p, "depths", np.full((4, WIDTH, HEIGHT), np.nan, np.float32)), {}, "depth of frame 1 has a .* non-finite"),
    (lambda p: None, {"numbers": [1, 5]}, "there is no frame 5, expected numbers of 1 to 4"),
    (lambda p: None, {"numbers": [0]}, "there is no frame 0"),
    (lambda p: None, {"numbers": [1.5]}, "there is no frame 1.5"),
    (lambda p: None, {"numbers": [float("nan")]}, "there is no frame nan"),
    (lambda p: None, {"border": 3}, "a border of 3 pixels leaves nothing of pictures of 8x6"),
])
def test_what_is_wrong_is_named(path, damage, options, message):
    damage(path)
    with pytest.raises(DataError, match=message):
        load_frames(read_nyu(path, **options))
