"""caffe.Classifier: oversampling and preprocessing."""

import numpy as np
import pytest

import pycaffe_geo.caffe as caffe

NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 4 dim: 3 dim: 4 dim: 4 } } }
layer { name: "score" type: "InnerProduct" bottom: "data" top: "score"
        inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "prob" type: "Softmax" bottom: "score" top: "prob" }
"""
MEAN = np.array([0.1, 0.2, 0.3])


@pytest.fixture
def classifier(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    file, weights = str(tmp_path / "net.prototxt"), str(tmp_path / "w.caffemodel")
    caffe.Net(file, caffe.TEST).save(weights)
    return caffe.Classifier(file, weights, image_dims=(6, 6), mean=MEAN, raw_scale=2, channel_swap=(2, 1, 0))


def expected(net, crop):
    """The classes' probabilities of one crop (H, W, 3)."""
    x = (2 * crop[..., ::-1] - MEAN).transpose(2, 0, 1).reshape(-1)
    score = net.params["score"][0].data @ x + net.params["score"][1].data
    e = np.exp(score - score.max())
    return e / e.sum()


def test_centre_crop(classifier):
    images = np.random.default_rng(0).random((3, 6, 6, 3)).astype(np.float32)
    found = classifier.predict(images, oversample=False)
    np.testing.assert_allclose(found, [expected(classifier, im[1:5, 1:5]) for im in images], rtol=1e-5)


def test_ten_crops(classifier):
    images = np.random.default_rng(1).random((2, 6, 6, 3)).astype(np.float32)
    found = classifier.predict(images)
    for image, row in zip(images, found):
        crops = [image[y:y + 4, x:x + 4] for y, x in ((0, 0), (0, 2), (2, 0), (2, 2), (1, 1))]
        crops += [crop[:, ::-1] for crop in crops]
        np.testing.assert_allclose(row, np.mean([expected(classifier, c) for c in crops], axis=0), rtol=1e-5)
    assert classifier.predict([np.ones((9, 12, 3), np.float32)]).shape == (1, 5)  # resized to image_dims first
