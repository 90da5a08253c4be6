"""prepare_data digits: files that HDF5Data reads."""

from pathlib import Path

import numpy as np
import pytest

from pycaffe_geo.net import Net

MNIST = Path(__file__).parents[3] / "shared" / "data" / "mnist_10k" / "mnist_10k.npz"
NET = """
layers:
- {name: digits, type: HDF5Data, top: [data, label], hdf5_data_param: {source: %s.txt, batch_size: 4}}
"""


@pytest.fixture
def digits(tmp_path):
    images = np.random.default_rng(0).integers(256, size=(9, 28, 28), dtype=np.uint8)
    labels = np.array([3, 5, 5, 3, 3, 5, 3, 5, 3])
    np.savez(tmp_path / "digits.npz", images=images, labels=labels)
    return images, labels


@pytest.mark.parametrize("words, rows", [
    (["--out", "a"], range(9)),
    (["--rows", "2:7", "--out", "a.txt"], range(2, 7)),
    (["--per-class", "2", "--out", "a.h5"], range(4)),
    (["--rows", "2:8", "--per-class", "2", "--out", "a"], [2, 3, 4, 5]),
])
def test_the_digits_chosen_reach_a_network(tool, tmp_path, digits, words, rows, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = tool("prepare_data", "digits", "digits.npz", *words)
    assert code == 0 and f"a.h5: written: {len(rows)} digits of 28x28 (" in out and "HDF5Data reads a.txt" in out
    Path("net.yaml").write_text(NET % "a", encoding="utf-8")
    net = Net("net.yaml", "TRAIN")
    net.forward()
    images, labels = (array[list(rows)[:4]] for array in digits)
    np.testing.assert_array_equal(net.blobs["data"].data, images[:, None])
    np.testing.assert_array_equal(net.blobs["label"].data, labels)


@pytest.mark.parametrize("words, message", [
    (["--rows", "3:2"], "got '3:2', expected FIRST:END with FIRST < END"),
    (["--rows", "3"], "got '3', expected FIRST:END"),
    (["--rows", "3:10"], "--rows 3:10: digits.npz holds 9 digits"),
    (["--per-class", "5"], "there are 4 digits with the label 5, expected at least 5"),
    (["--size", "3x3"], "unknown option '--size'"),
])
def test_mistakes(tool, tmp_path, digits, words, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = tool("prepare_data", "digits", "digits.npz", "--out", "a", *words)
    assert code == 1 and err.count("\n") == 1 and message in err and not Path("a.h5").exists()


@pytest.mark.skipif(not MNIST.exists(), reason="../shared/data/mnist_10k is not here")
def test_ten_of_each_of_mnist(tool, tmp_path):
    code, out, _ = tool("prepare_data", "digits", MNIST, "--rows", "0:8000", "--per-class", 10, "--out", tmp_path / "few")
    assert code == 0 and "100 digits of 28x28 (10 of 0, 10 of 1, " in out
