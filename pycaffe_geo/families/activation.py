"""What activations share that may work in place: scratch, and their input where the gradient needs it."""

from pycaffe_geo.blob import Blob
from pycaffe_geo.layer import Layer


class Activation(Layer):
    """One bottom, one top of the same shape. Where they are one blob, `keep` saves the input and `input` returns it.

    `work.diff` is scratch for forward and backward.
    """

    in_place = True

    def setup(self, bottom, top):
        self.work = Blob((), self.dtype, self.device)

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)
        self.work.reshape(*bottom[0].shape)

    def keep(self, bottom, top):
        """Save the bottom's data if forward is about to overwrite them."""
        if top[0].shares_data(bottom[0]):
            self.work.data[...] = bottom[0].data

    def input(self, bottom, top):
        """Return what the bottom's data were before forward."""
        return self.work.data if top[0].shares_data(bottom[0]) else bottom[0].data
