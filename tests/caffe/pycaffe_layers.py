"""Python layers as people wrote them for pycaffe, unchanged: `import caffe`, NumPy loops, diffs in place."""

import numpy as np

import caffe


class WeightedRows(caffe.Layer):
    """Each row of the bottom times a learned factor, plus an offset from param_str; loops over samples and channels."""

    def setup(self, bottom, top):
        if len(bottom) != 1:
            raise Exception("one bottom, please")
        self.offset = float(self.param_str)
        self.blobs.add_blob(bottom[0].channels)
        self.blobs[0].data[...] = np.arange(1, bottom[0].channels + 1)

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        for n in range(bottom[0].num):
            for c in range(bottom[0].channels):
                top[0].data[n, c] = bottom[0].data[n, c] * self.blobs[0].data[c] + self.offset
        if self.phase == caffe.TEST:
            top[0].data[...] += 1

    def backward(self, top, propagate_down, bottom):
        for n in range(bottom[0].num):
            for c in range(bottom[0].channels):
                self.blobs[0].diff[c] += np.sum(top[0].diff[n, c] * bottom[0].data[n, c])
        if not propagate_down[0]:
            return
        bottom[0].diff[...] = top[0].diff
        for c in range(bottom[0].channels):
            bottom[0].diff[:, c] *= self.blobs[0].data[c]


class HuberLoss(caffe.Layer):
    """A loss that multiplies by its weight, with a buffer that is kept from forward to backward; top of shape (1,)."""

    def setup(self, bottom, top):
        if len(bottom) != 2:
            raise Exception("Need two inputs to compute distance.")
        self.delta = float(self.param_str)

    def reshape(self, bottom, top):
        if bottom[0].count != bottom[1].count:
            raise Exception("Inputs must have the same dimension.")
        self.error = np.zeros_like(bottom[0].data)
        top[0].reshape(1)

    def forward(self, bottom, top):
        self.error[...] = bottom[0].data - bottom[1].data
        total = 0.0
        for e in self.error.flat:
            total += e * e / 2 if abs(e) <= self.delta else self.delta * (abs(e) - self.delta / 2)
        top[0].data[...] = total / bottom[0].num

    def backward(self, top, propagate_down, bottom):
        for i in range(2):
            if not propagate_down[i]:
                continue
            sign = 1 if i == 0 else -1
            bottom[i].diff[...] = np.clip(self.error, -self.delta, self.delta)
            bottom[i].diff[...] *= sign * top[0].diff[0] / bottom[i].num


class ForgetsItsWeight(HuberLoss):
    """The mistake of the classic example: backward never looks at top[0].diff."""

    def backward(self, top, propagate_down, bottom):
        for i, sign in ((0, 1), (1, -1)):
            if propagate_down[i]:
                bottom[i].diff[...] = sign * np.clip(self.error, -self.delta, self.delta) / bottom[i].num


class SinglePrecision(HuberLoss):
    """Keeps its buffer in float32, as many layers do whose author only knew float32 nets."""

    def reshape(self, bottom, top):
        HuberLoss.reshape(self, bottom, top)
        self.error = np.zeros_like(bottom[0].data, dtype=np.float32)


class SinglePrecisionForgets(ForgetsItsWeight, SinglePrecision):
    """Both habits in one."""


class Rounds(HuberLoss):
    """Computes in float32 whatever it is given."""

    def forward(self, bottom, top):
        HuberLoss.forward(self, bottom, top)
        top[0].data[...] = np.abs(bottom[0].data - bottom[1].data).astype(np.float32).sum()


class Batches(caffe.Layer):
    """A data layer: no bottom, counts its batches."""

    def __init__(self, p_object, *args):
        super(Batches, self).__init__(p_object, *args)
        self.batch = 0

    def setup(self, bottom, top):
        pass

    def reshape(self, bottom, top):
        top[0].reshape(2, 3, 4)
        top[1].reshape(2, 3, 4)

    def forward(self, bottom, top):
        rng = np.random.RandomState(self.batch)
        top[0].data[...] = rng.randn(2, 3, 4)
        top[1].data[...] = rng.randn(2, 3, 4)
        self.batch += 1

    def backward(self, top, propagate_down, bottom):
        pass
