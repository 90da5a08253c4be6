"""Depth maps from folders, pictures, arrays and HDF5: what is read, its order and names, and refusals."""

import h5py
import numpy as np
import pytest

from pycaffe_geo.datasets.depth_files import depth_maps
from pycaffe_geo.errors import DataError

MAPS = np.random.default_rng(0).uniform(1, 9, (3, 4, 5)).astype(np.float32)


def read_all(path, **options):
    return {name: read() for name, read in depth_maps(path, **options)}


@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 1, 4, 5), (3, 4, 5, 1)])
@pytest.mark.parametrize("kind", ["npy", "npz", "h5", "h5:x", "npz:x"])
def test_stacks_of_maps(tmp_path, shape, kind):
    values, (suffix, _, name) = MAPS.reshape(shape), kind.partition(":")
    path = tmp_path / f"d.{suffix}"
    arrays = {name or "depth": values, "other": np.zeros(3)}
    if suffix == "npy":
        np.save(path, values)
    elif suffix == "npz":
        np.savez(path, **arrays)
    else:
        with h5py.File(path, "w") as file:
            for key, array in arrays.items():
                file[key] = array
    maps = read_all(f"{path}:{name}" if name else path)
    assert list(maps) == ["d[0]", "d[1]", "d[2]"]
    np.testing.assert_array_equal(list(maps.values()), MAPS)


def test_a_single_map(tmp_path):
    np.save(tmp_path / "d.npy", MAPS[0].astype(np.float64))
    maps = read_all(tmp_path / "d.npy")
    np.testing.assert_array_equal(maps["d"], MAPS[0])
    assert maps["d"].dtype == np.float32


def test_a_folder_is_sorted_and_named_by_stems(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    np.save(tmp_path / "b.npy", MAPS[1][None])
    np.savez(tmp_path / "c.npz", anything=MAPS[2])
    Image.fromarray(np.full((4, 5), 512, np.uint16)).save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("x")
    maps = read_all(tmp_path, scale=256)
    assert list(maps) == ["a", "b", "c"]
    np.testing.assert_array_equal(list(maps.values()), [np.full((4, 5), 2), MAPS[1], MAPS[2]])


def test_numbers_in_names_are_in_order(tmp_path):
    for name in ("10", "9", "1", "._1"):
        np.save(tmp_path / f"{name}.npy", MAPS[0])
    assert list(read_all(tmp_path)) == ["1", "9", "10"]


def damaged(folder):
    """Write files that cannot be used."""
    (folder / "empty").mkdir()
    (folder / "twice").mkdir()
    np.save(folder / "twice" / "a.npy", MAPS[0])
    np.savez(folder / "twice" / "a.npz", MAPS[0])
    (folder / "many").mkdir()
    np.save(folder / "many" / "a.npy", MAPS)
    np.save(folder / "flat.npy", np.zeros(4))
    np.save(folder / "none_in.npy", np.zeros((0, 4, 5)))
    np.save(folder / "rgb.npy", np.zeros((2, 4, 5, 3)))
    np.save(folder / "text.npy", np.array(["a"]))
    np.save(folder / "object.npy", np.array([{}, None]), allow_pickle=True)
    for suffix in ("npy", "npz", "h5"):
        (folder / f"cut.{suffix}").write_bytes(b"PK\x03\x04 no such file")
    (folder / "a.txt").write_text("1 2 3")
    np.savez(folder / "two.npz", left=MAPS, right=MAPS)


@pytest.mark.parametrize("suffix", ["npy", "npz", "h5"])
def test_every_byte_may_be_damaged(tmp_path, suffix):
    path = tmp_path / f"d.{suffix}"
    if suffix == "h5":
        with h5py.File(path, "w") as file:
            file["depth"] = MAPS
    else:
        (np.save if suffix == "npy" else np.savez_compressed)(path, MAPS)
    good, random = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for place in random.integers(0, len(good), 100):
        path.write_bytes(good[:place] + bytes([random.integers(256)]) + good[place + 1:])
        try:
            read_all(path)
        except DataError:
            refused += 1
    assert refused  # and nothing else came out


@pytest.mark.parametrize("name, message", [
    ("none.npy", "none.npy: no such file or folder"),
    ("empty", "empty: no maps in this folder, expected files of '.png', '.npy', '.npz'"),
    ("twice", "twice: has a.npy and a.npz; expected one file for each map"),
    ("many", "a.npy: has 3 maps, expected one in each file of a folder"),
    ("flat.npy", r"flat.npy: the array is \(4,\), expected \(H, W\)"),
    ("none_in.npy", r"none_in.npy: the array is \(0, 4, 5\), expected"),
    ("rgb.npy", r"rgb.npy: the array is \(2, 4, 5, 3\), expected"),
    ("text.npy", "text.npy: the array holds <U1, expected numbers"),
    ("object.npy", "object.npy: cannot be read as .npy"),
    ("cut.npy", "cut.npy: cannot be read as .npy"),
    ("cut.npz", "cut.npz: cannot be read as .npz"),
    ("cut.h5", "cut.h5: cannot be read as .h5"),
    ("a.txt", "a.txt: expected a folder or a file of '.png'"),
    ("two.npz", r"two.npz: has no array 'depth' \(there are 'left', 'right'\); say which: two.npz:NAME"),
    ("two.npz:lefd", r"two.npz: has no array 'lefd' \(there are 'left', 'right'\), did you mean 'left'"),
])
def test_refusals(tmp_path, name, message):
    damaged(tmp_path)
    with pytest.raises(DataError, match=message):
        read_all(tmp_path / name)
