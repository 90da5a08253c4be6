"""The 10,000 digits of ../shared/data/mnist_10k in the formats that Caffe's networks read.

    images, labels = mnist()
    hdf5_list = write_hdf5(folder / "train", images[:8000], labels[:8000])
    lmdb_folder = write_digits_lmdb(folder / "train_lmdb", images[:8000], labels[:8000])
"""

from pathlib import Path

import h5py
import numpy as np
import pytest

from lmdb_files import datum, write_lmdb

MNIST = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist_10k" / "mnist_10k.npz"


def mnist():
    """Return (images (10000, 1, 28, 28) uint8, labels (10000,)); skips where the file is missing."""
    if not MNIST.exists():
        pytest.skip(f"{MNIST} is missing")
    with np.load(MNIST) as file:
        return file["images"].reshape(-1, 1, 28, 28), file["labels"].reshape(-1)


def write_hdf5(folder, images, labels):
    """Write `data.h5` with the datasets data and label into `folder`; return the path of the list that HDF5Data reads."""
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(folder / "data.h5", "w") as file:
        file["data"], file["label"] = images, labels
    (folder / "list.txt").write_text("data.h5\n")
    return str(folder / "list.txt")


def write_digits_lmdb(path, images, labels):
    """Write the LMDB folder `path` as Caffe's convert_mnist_data does; return it as text. Needs the package lmdb."""
    return write_lmdb(path, (datum(image, int(label)) for image, label in zip(images, labels)))
