"""caffe.Layer: what Python layers written for pycaffe derive from."""


class Layer:
    """Base class of Python layers; subclasses write `setup`, `reshape`, `forward` and `backward`.

    Before `setup` the net gives it `param_str`, `phase` (equal to caffe.TRAIN or caffe.TEST) and `blobs`
    (`self.blobs.add_blob(*shape)` adds a parameter). Bottoms and tops have NumPy arrays `data` and `diff` on any device.
    """

    def __init__(self, *args):
        """pycaffe's takes the layer's definition."""
