"""Layers as users write them, for the tests of the Python layer."""

import numpy as np

from pycaffe_geo import Layer


class Scaled:
    """y = param_str * x * w, with one parameter w; written for pycaffe, any class will do."""

    def setup(self, bottom, top):
        self.factor = float(self.param_str or 1)
        self.blobs.add_blob(1)
        self.blobs[0].data[...] = 3

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        assert isinstance(bottom[0].data, np.ndarray)
        top[0].data[...] = self.factor * bottom[0].data * self.blobs[0].data

    def backward(self, top, propagate_down, bottom):
        self.blobs[0].diff[...] += np.sum(self.factor * bottom[0].data * top[0].diff)
        if propagate_down[0]:
            bottom[0].diff[...] = self.factor * self.blobs[0].data * top[0].diff


class Native(Layer):
    """y = -x on the device's own arrays."""

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        self.xp.negative(bottom[0].data, out=top[0].data)

    def backward(self, top, propagate_down, bottom):
        self.xp.negative(top[0].diff, out=bottom[0].diff)


class Looks(Scaled):
    """Notes what a user can see of a blob."""

    def forward(self, bottom, top):
        b = bottom[0]
        self.seen = (self.phase, b.num, b.channels, b.height, b.width, b.count, b.shape)


class Fails(Scaled):
    def forward(self, bottom, top):
        raise ZeroDivisionError("the user's own mistake")


class NativeFails(Native):
    def forward(self, bottom, top):
        raise ZeroDivisionError("the user's own mistake")


class NoBackward:
    def setup(self, bottom, top):
        pass

    reshape = forward = setup
