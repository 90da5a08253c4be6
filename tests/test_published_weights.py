"""Published models, from prototxt and .caffemodel: our outputs beside those that OpenCV's importer computed from the same files.

The models lie beside the project, in ../shared/data/caffe_weights; where they are missing, these tests skip.
"""

from pathlib import Path

import numpy as np
import pytest

from pycaffe_geo.net import Net
from pycaffe_geo.weights import read_weights, write_weights

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MODELS = DATA / "caffe_weights"
NAMES = {
    "lenet_mnist/lenet": "lenet_iter_10000",
    "mtcnn/det1": "det1",
    "mtcnn/det2": "det2",
    "mtcnn/det3": "det3",
    "cnn_3dobj/3d_triplet": "3d_triplet_iter_30000",
}
pytestmark = pytest.mark.skipif(not MODELS.exists(), reason=f"{MODELS} is missing")


def files(name):
    """Return (prototxt, caffemodel, reference) of a model."""
    folder, stem = (MODELS / name).parent, Path(name).name
    return next(folder.glob(f"{stem}*.prototxt")), folder / f"{NAMES[name]}.caffemodel", folder / f"{stem}_cv2ref.npz"


def build(name, weights=None, **options):
    prototxt, caffemodel, reference = files(name)
    with np.load(reference) as arrays:
        inputs = {key[3:]: arrays[key] for key in arrays if key.startswith("in:")}
        outputs = {key[4:]: arrays[key] for key in arrays if key.startswith("out:")}
    net = Net(prototxt, "TEST", weights=weights or caffemodel, **options)
    for blob, value in inputs.items():
        net.blobs[blob].reshape(*value.shape)
    net.reshape()
    return net, inputs, outputs


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_those_of_opencv(name):
    net, inputs, outputs = build(name)
    results = net.forward(blobs=list(outputs), **inputs)
    assert outputs
    for blob, expected in outputs.items():
        np.testing.assert_allclose(results[blob].reshape(expected.shape), expected, rtol=0, atol=1e-4, err_msg=blob)


@pytest.mark.parametrize("name", NAMES)
def test_weights_survive_hdf5_and_back(name, tmp_path):
    """.caffemodel to .h5, through a net, and to .caffemodel again: the same numbers, and the same outputs."""
    original = files(name)[1]
    weights = read_weights(original)
    write_weights(tmp_path / "w.caffemodel.h5", weights)
    net, inputs, outputs = build(name, weights=tmp_path / "w.caffemodel.h5", dtype="float64")
    net.save(tmp_path / "again.caffemodel")
    again = read_weights(tmp_path / "again.caffemodel")
    assert list(again) == list(net.params)
    for layer, arrays in again.items():
        for ours, theirs in zip(arrays, weights[layer], strict=True):
            np.testing.assert_array_equal(ours, theirs)
    blob, expected = next(iter(outputs.items()))
    result = net.forward(blobs=[blob], **inputs)[blob]
    np.testing.assert_allclose(result.reshape(expected.shape), expected, rtol=0, atol=1e-4)


def test_lenet_reads_ten_thousand_digits():
    """9984 of mnist_10k, as many batches of 64 as there are: 99.89 % right."""
    net, _, _ = build("lenet_mnist/lenet")
    with np.load(DATA / "mnist_10k" / "mnist_10k.npz") as arrays:
        images, labels = arrays["images"].reshape(-1, 1, 28, 28), arrays["labels"]
    right = 0
    net.blobs["data"].reshape(64, 1, 28, 28)
    for i in range(0, 9984, 64):
        scores = net.forward(data=images[i:i + 64] / np.float32(256))["prob"]
        right += int((scores.argmax(axis=1) == labels[i:i + 64]).sum())
    assert round(100 * right / 9984, 2) == 99.89
