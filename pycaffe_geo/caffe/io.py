"""caffe.io: images in and out of the form that networks take."""

import numpy as np

from pycaffe_geo.caffemodel import blob_array
from pycaffe_geo.datasets.images import read_color
from pycaffe_geo.errors import DataError, ShapeError, listed, nearest
from pycaffe_geo.geometry.sampling import resize
from pycaffe_geo.wire import Message


def load_image(filename, color=True):
    """Return a picture as float32 in 0..1: (H, W, 3) RGB, or (H, W, 1) grey where `color` is False and the picture is grey."""
    image = read_color(filename).astype(np.float32) / 255
    grey = (image == image[..., :1]).all()
    return image[..., :1] if grey and not color else image


def resize_image(im, new_dims, interp_order=1):
    """Return (H, W, K) `im` resized to new_dims = (H', W'), float32.

    Bilinear with pixel centres at half pixels and edges repeated; interp_order 0 takes the nearest pixel. (pycaffe's depends on
    the version of scikit-image: on some the outermost row darkens, on others shrinking smooths first.)
    """
    height, width = new_dims
    if interp_order == 0:
        rows, columns = (np.minimum((np.arange(n) + 0.5) * old / n, old - 1).astype(int) for n, old in zip(new_dims, im.shape))
        return im[rows[:, None], columns].astype(np.float32)
    if interp_order != 1:
        raise ShapeError(f"resize_image: interp_order is {interp_order}, expected 0 (nearest) or 1 (bilinear)")
    planes = resize(np.asarray(im, np.float32).transpose(2, 0, 1), int(height), int(width))
    return np.ascontiguousarray(planes.transpose(1, 2, 0))


class Transformer:
    """Turns images into the input of a net and back.

    inputs: {input name: shape of the blob (N, C, H, W)}. `preprocess` resizes, then applies in this order what was set:
    transpose, channel_swap, raw_scale, mean (subtracted), input_scale.
    """

    def __init__(self, inputs):
        self.inputs = inputs
        self.transpose = {}
        self.channel_swap = {}
        self.raw_scale = {}
        self.mean = {}
        self.input_scale = {}

    def preprocess(self, in_, data):
        """Return the image `data` (H, W, K) as the input `in_` takes it: (C, H', W'), float32."""
        self._check(in_)
        result = np.asarray(data, np.float32)
        size = tuple(self.inputs[in_][2:])
        if result.shape[:2] != size:
            result = resize_image(result, size)
        if in_ in self.transpose:
            result = result.transpose(self.transpose[in_])
        if in_ in self.channel_swap:
            result = result[list(self.channel_swap[in_])]
        if in_ in self.raw_scale:
            result = result * np.float32(self.raw_scale[in_])
        if in_ in self.mean:
            result = result - self.mean[in_]
        if in_ in self.input_scale:
            result = result * np.float32(self.input_scale[in_])
        return result

    def deprocess(self, in_, data):
        """Return what `preprocess` made of an image as an image again; its size stays that of the net."""
        self._check(in_)
        result = np.array(data).squeeze()
        if in_ in self.input_scale:
            result = result / self.input_scale[in_]
        if in_ in self.mean:
            result = result + self.mean[in_]
        if in_ in self.raw_scale:
            result = result / self.raw_scale[in_]
        if in_ in self.channel_swap:
            result = result[np.argsort(self.channel_swap[in_])]
        if in_ in self.transpose:
            result = result.transpose(np.argsort(self.transpose[in_]))
        return result

    def set_transpose(self, in_, order):
        """Set the order of the image's axes in the net: (2, 0, 1) makes (C, H, W) of (H, W, C)."""
        self._check(in_)
        axes = len(self.inputs[in_]) - 1
        if sorted(order) != list(range(axes)):
            raise ShapeError(f"set_transpose('{in_}'): got {tuple(order)}, expected an order of the {axes} axes 0 to {axes - 1}")
        self.transpose[in_] = tuple(order)

    def set_channel_swap(self, in_, order):
        """Set the order of channels: (2, 1, 0) makes BGR of RGB."""
        self._check(in_)
        channels = self.inputs[in_][1]
        if len(order) != channels:
            raise ShapeError(f"set_channel_swap('{in_}'): got {tuple(order)}, expected {channels} channels")
        self.channel_swap[in_] = tuple(order)

    def set_raw_scale(self, in_, scale):
        """Multiply the image by `scale` before the mean is subtracted: 255 for images in 0..1."""
        self._check(in_)
        self.raw_scale[in_] = scale

    def set_mean(self, in_, mean):
        """Subtract `mean`: (C,) values of the channels, (H, W), or a whole image (C, H, W), which is resized to fit."""
        self._check(in_)
        mean = np.asarray(mean, np.float32)
        channels, *size = self.inputs[in_][1:]
        if mean.ndim == 2:
            mean = mean[None]
        fits = (mean.shape[0] in (1, channels)) if mean.ndim == 3 else mean.shape == (channels,)
        if not fits:
            expected = f"({channels},), ({channels}, H, W) or (H, W)"
            raise ShapeError(f"set_mean('{in_}'): the mean is {mean.shape}, expected {expected}")
        if mean.ndim == 1:
            mean = mean[:, None, None]
        elif list(mean.shape[1:]) != list(size):
            mean = resize(mean, *size)
        self.mean[in_] = mean

    def set_input_scale(self, in_, scale):
        """Multiply by `scale` after the mean was subtracted."""
        self._check(in_)
        self.input_scale[in_] = scale

    def _check(self, in_):
        if in_ not in self.inputs:
            raise ShapeError(f"Transformer: no input '{in_}'{nearest(in_, self.inputs)} (inputs: {listed(self.inputs)})")


def oversample(images, crop_dims):
    """Return the four corners and the centre of each image (H, W, K), and their mirror images: (10 N, h, w, K), float32.

    Ten of one image stand together: top left, top right, bottom left, bottom right, centre, and these five mirrored.
    """
    h, w = crop_dims
    crops = []
    for image in images:
        bottom, right = image.shape[0] - h, image.shape[1] - w
        if min(bottom, right) < 0:
            raise ShapeError(f"oversample: the image is {image.shape[:2]}, expected at least {(h, w)}")
        starts = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]
        five = [image[y:y + h, x:x + w] for y, x in starts]
        crops += five + [crop[:, ::-1] for crop in five]
    return np.array(crops, np.float32)


class BlobProto:
    """caffe_pb2.BlobProto as mean files need it: `blob.ParseFromString(data)`, then `blobproto_to_array(blob)`."""

    array = None

    def ParseFromString(self, data):
        """Read the bytes of a .binaryproto file; DataError where they are none."""
        self.array = blob_array(Message(data, "BlobProto"))[0]
        return len(data)

    @classmethod
    def FromString(cls, data):
        """Return the BlobProto of the bytes of a .binaryproto file."""
        blob = cls()
        blob.ParseFromString(data)
        return blob


def blobproto_to_array(blob):
    """Return the array of a BlobProto, in its shape: (1, C, H, W) for a mean file."""
    if blob.array is None:
        raise DataError("blobproto_to_array: the BlobProto is empty, call its ParseFromString first")
    return blob.array
