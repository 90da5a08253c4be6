"""BatchNorm layer."""

import math
from dataclasses import dataclass

from pycaffe_geo.fillers import Filler
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.batch_norm import plan_batch_norm


@dataclass(frozen=True)
class BatchNormParam:
    """`use_global_stats` left out means: in TEST. Given as false, the running statistics move in TEST too."""

    use_global_stats: bool | None = None
    moving_average_fraction: float = 0.999
    eps: float = 1e-5


@register
class BatchNorm(Layer):
    """y = (x - mean) / sqrt(variance + eps) per channel (axis 1), without scale and offset (Caffe's BatchNorm).

    Ioffe and Szegedy 2015. Parameters: running sum of means (C,), running sum of variances (C,), their common factor (1,).
    The batch's variance is the biased one; m / (m - 1) of it goes into the running sum, m = values per channel.
    """

    parameters = {"batch_norm_param": BatchNormParam}
    half = "follows"
    in_place = True
    fixed_blobs = True
    uses_bottom = False

    @property
    def uses_top(self):
        return "" if self._uses_running() else "values"

    def setup(self, bottom, top):
        channels = self._fold(self.expect(bottom[0], "N", ...))[1]
        for size in (channels, channels, 1):
            self.add_blob((size,), Filler())
        self.param_propagate_down = [False] * 3
        self.normalise, self.normalise_back = plan_batch_norm(self.device, self.dtype)

    def reshape(self, bottom, top):
        shape = bottom[0].shape
        if len(shape) > 1:
            self.expect(bottom[0], "N", self.blobs[0].count, ...)
        top[0].reshape(*shape)
        self.shape = self._fold(shape)

    def forward(self, bottom, top):
        x, y = bottom[0].data.reshape(self.shape), top[0].data.reshape(self.shape)
        if self._uses_running():
            mean, variance = self._running()
            self.xp.subtract(x, mean[:, None], out=y)
            self.inverse = 1 / self.xp.sqrt(variance + self.batch_norm_param.eps)
            y *= self.inverse[:, None]
            return
        count = self.shape[0] * self.shape[2]
        if not count:  # no sample (see Filter): nothing to normalise, nothing to learn from
            return
        mean, variance, self.inverse = self.normalise(x, y, self.batch_norm_param.eps)
        self._update(mean, variance * (count / (count - 1) if count > 1 else 1.0))

    def backward(self, top, propagate_down, bottom):
        dy, dx = top[0].diff.reshape(self.shape), bottom[0].diff.reshape(self.shape)
        if self._uses_running():
            self.xp.multiply(dy, self.inverse[:, None], out=dx)
        elif dy.size:
            self.normalise_back(dy, top[0].data.reshape(self.shape), self.inverse, dx, self.lend)

    def _uses_running(self):
        given = self.batch_norm_param.use_global_stats
        return self.frozen or (self.phase == "TEST" if given is None else given)

    def _running(self):
        """Return the running mean and variance (C,); 0 before the first update, as in Caffe."""
        factor = self.blobs[2].data
        scale = (factor != 0) / (factor + (factor == 0))
        return self.blobs[0].data * scale, self.blobs[1].data * scale

    def _update(self, mean, variance):
        for blob, value in zip(self.blobs, (mean, variance, 1)):
            blob.data[...] *= self.batch_norm_param.moving_average_fraction
            blob.data[...] += value

    def _fold(self, shape):
        return (*(*shape, 1)[:2], math.prod(shape[2:]))
