
import numpy as np
import pytest

from pycaffe_geo.errors import WeightsError
from pycaffe_geo.weights import read_text, read_weights, write_weights

WEIGHTS = {"conv1": [np.arange(6.0).reshape(2, 3), np.ones(2)], "relu": [], "block/a": [np.zeros((1, 4), np.float32)]}


def test_round_trip_and_layout(tmp_path):
    import h5py

    path = tmp_path / "w.h5"
    write_weights(path, WEIGHTS, diffs={"conv1": [np.zeros((2, 3))]})
    with h5py.File(path) as f:
        assert sorted(f["data"]) == ["block", "conv1", "relu"] and f["data/conv1/1"].shape == (2,)
        assert f["diff/conv1/0"].shape == (2, 3)
    found = read_weights(path)
    assert sorted(found) == ["block/a", "conv1"] and found["block/a"][0].dtype == np.float32
    np.testing.assert_array_equal(found["conv1"][0], WEIGHTS["conv1"][0])


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n" + b"x" * 90])
def test_foreign_files(tmp_path, content):
    path = tmp_path / "w.h5"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=f"{path}: not a readable HDF5 file"):
        read_weights(path)


def test_a_text_file(tmp_path):
    (tmp_path / "net.yaml").write_text("name: net\n")
    with pytest.raises(WeightsError, match=r"net.yaml: .*; expected a weights file \(.caffemodel.h5 or .caffemodel\)"):
        read_weights(tmp_path / "net.yaml")


def test_missing_file_and_truncated_file(tmp_path):
    with pytest.raises(WeightsError, match="none.h5: no such file"):
        read_weights(tmp_path / "none.h5")
    path = tmp_path / "w.h5"
    write_weights(path, WEIGHTS)
    path.write_bytes(path.read_bytes()[:-1500])
    with pytest.raises(WeightsError, match="w.h5: "):
        read_weights(path)


def test_file_without_weights(tmp_path):
    import h5py

    path = tmp_path / "w.h5"
    with h5py.File(path, "w") as f:
        f["x"] = [1]
    with pytest.raises(WeightsError, match="has no group '/data'"):
        read_weights(path)


def test_a_parameter_that_another_layer_owns_leaves_its_place_empty(tmp_path):
    path = tmp_path / "w.h5"
    write_weights(path, {"b": [None, np.ones(2)]})
    first, second = read_weights(path)["b"]
    assert first is None and second.tolist() == [1, 1]


@pytest.mark.parametrize("text", ["", "a/b.caffemodel.h5", "é" * 500])
def test_texts_of_fixed_and_of_variable_length(tmp_path, text):
    import h5py

    path = tmp_path / "t.h5"
    with h5py.File(path, "w") as f:
        f["other"], f["variable"] = "another text in the heap", text
        f["fixed"] = np.array(text.encode(), f"S{len(text.encode()) + 1}")
        f["number"] = 3
    with h5py.File(path) as f:
        assert read_text(path, f["variable"]) == read_text(path, f["fixed"]) == text
        with pytest.raises(WeightsError, match="t.h5: /number is no text"):
            read_text(path, f["number"])


def test_a_damaged_heap(tmp_path):
    import h5py

    path = tmp_path / "t.h5"
    with h5py.File(path, "w") as f:
        f["variable"] = "a text"
    raw = path.read_bytes()
    for old, new in ((b"GCOL", b"GCOX"), (b"GCOL", b"GCOL" + b"\xff" * 8), (b"a text", b"\xff text")):
        damaged = raw.replace(old, new)
        path.write_bytes(damaged[:len(raw)])
        with h5py.File(path) as f, pytest.raises(WeightsError, match="t.h5: /variable is damaged, expected a text"):
            read_text(path, f["variable"])


def test_arrays_that_the_file_cannot_hold(tmp_path):
    import h5py

    path = tmp_path / "w.h5"
    with h5py.File(path, "w") as f:
        f.create_dataset("data/fc/0", (10**6, 10**6), "float32", chunks=(1, 1000))
    with pytest.raises(WeightsError, match="its arrays would take 4000000000000 bytes, which the file of .* bytes cannot hold"):
        read_weights(path)
    with h5py.File(path, "w") as f:
        f["data/fc/99999999999"] = 1.0
    with pytest.raises(WeightsError, match="w.h5: /data/fc/99999999999: expected a parameter number of at most 1000"):
        read_weights(path)
    with h5py.File(path, "w") as f:
        f["data/fc/0"] = "text"
    with pytest.raises(WeightsError, match="w.h5: /data/fc/0 holds no numbers"):
        read_weights(path)
