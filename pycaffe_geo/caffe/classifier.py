"""caffe.Classifier: a net with the preprocessing of its images."""

import numpy as np

from pycaffe_geo.caffe import io
from pycaffe_geo.caffe.mode import TEST
from pycaffe_geo.caffe.net import Net


class Classifier(Net):
    """A TEST net of one input and one output that classifies images (H, W, K), such as caffe.io.load_image gives.

    image_dims: (H, W) that images are resized to before they are cropped to the input's size (default: that size).
    mean, input_scale, raw_scale, channel_swap: the Transformer's.
    """

    def __init__(
        self, model_file, pretrained_file, image_dims=None, mean=None, input_scale=None, raw_scale=None, channel_swap=None
    ):
        super().__init__(model_file, pretrained_file, TEST)
        in_ = self.inputs[0]
        self.transformer = io.Transformer({in_: self.blobs[in_].shape})
        self.transformer.set_transpose(in_, (2, 0, 1))
        settings = {"mean": mean, "input_scale": input_scale, "raw_scale": raw_scale, "channel_swap": channel_swap}
        for name, value in settings.items():
            if value is not None:
                getattr(self.transformer, f"set_{name}")(in_, value)
        self.crop_dims = np.array(self.blobs[in_].shape[2:])
        self.image_dims = np.array(image_dims) if image_dims is not None and len(image_dims) else self.crop_dims

    def predict(self, inputs, oversample=True):
        """Return the output (N, classes) for N images; with `oversample` the mean over 10 crops of each, else of its centre."""
        images = [io.resize_image(image, self.image_dims) for image in inputs]
        crops = io.oversample(images, self.crop_dims) if oversample else [self._centre(image) for image in images]
        in_, out = self.inputs[0], self.outputs[0]
        predictions = self.forward_all(**{in_: np.stack([self.transformer.preprocess(in_, crop) for crop in crops])})[out]
        if oversample:
            predictions = predictions.reshape(len(images), -1, *predictions.shape[1:]).mean(axis=1)
        return predictions

    def _centre(self, image):
        y, x = (np.array(image.shape[:2]) - self.crop_dims) // 2
        return image[y:y + self.crop_dims[0], x:x + self.crop_dims[1]]
