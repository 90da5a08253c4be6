"""Local response normalisation across channels and within each channel, planned once per shape."""

import numpy as np

from pycaffe_geo.ops import threads
from pycaffe_geo.ops.engines import fast, gpu_allowed, own_asked
from pycaffe_geo.ops.gpu.lrn import GpuAcrossChannels
from pycaffe_geo.ops.pooling import plan_pooling
from pycaffe_geo.ops.wide import WidePlan, is_half


def plan_lrn(region, x_shape, size=5, *, alpha=1.0, beta=0.75, k=1.0, dtype, device, engine="DEFAULT"):
    """Return a plan for Caffe's LRN of x (N, C, H, W), `region` "ACROSS_CHANNELS" or "WITHIN_CHANNEL":

        across   y = x (k + alpha / size * sum of x^2 over `size` channels around)^-beta       (Krizhevsky et al. 2012, 3.3)
        within   y = x (1 + alpha * mean of x^2 over size x size pixels around)^-beta, the mean as AVE pooling; no k, as in Caffe

    size is odd. engine "CAFFE" asks for NumPy on the CPU even where a faster engine is installed. A plan has forward(x, y), which
    writes y, and backward(x, dy, dx), which writes dx for the last forward.
    """
    on_gpu = region == "ACROSS_CHANNELS" and gpu_allowed(device, dtype, half=True)
    if is_half(dtype) and not on_gpu:
        options = dict(alpha=alpha, beta=beta, k=k, device=device, engine=engine)
        return WidePlan(plan_lrn(region, x_shape, size, dtype="float32", **options), forward=[1], backward=[2])
    if region == "ACROSS_CHANNELS":
        across = GpuAcrossChannels if on_gpu else AcrossChannels
        if not own_asked(engine, device) and (kernels := fast("lrn", device, dtype)):
            across = kernels.AcrossChannels
        arguments = size, alpha / size, beta, k, np.dtype(dtype), device
        if across is AcrossChannels and threads.worth(device, x_shape):  # each has some rows of all images
            batch, channels, height, width = x_shape
            return threads.SharedPlan(lambda rows: AcrossChannels((batch, channels, rows, width), *arguments), height, axis=2)
        return across(x_shape, *arguments)
    return WithinChannel(x_shape, size, alpha, beta, np.dtype(dtype), device, engine)


class _Lrn:
    """y = x s^-beta with s = k + alpha A(x^2), where A (`_average`) is linear, and its adjoint is `_average_adjoint`."""

    def __init__(self, x_shape, alpha, beta, k, dtype, device):
        self.xp = device.xp
        self._alpha, self._beta, self._k = alpha, beta, k
        self._scale, self._power, self._scratch = (self.xp.empty(x_shape, dtype) for _ in range(3))

    def forward(self, x, y):
        xp, scale = self.xp, self._scale
        xp.multiply(x, x, out=self._scratch)
        self._average(self._scratch, scale)
        scale *= self._alpha
        scale += self._k
        self._raise(scale, self._power)
        xp.multiply(x, self._power, out=y)

    def backward(self, x, dy, dx):
        xp, part = self.xp, self._scratch
        xp.multiply(dy, x, out=part)
        part *= self._power
        part /= self._scale
        self._average_adjoint(part, dx)
        dx *= x
        dx *= -2 * self._alpha * self._beta
        xp.multiply(dy, self._power, out=part)
        dx += part

    def _raise(self, scale, out):
        """Write scale ^ -beta; beta 0.75, everybody's choice, by two square roots, which cost far less than a power."""
        xp = self.xp
        if self._beta != 0.75:
            xp.power(scale, -self._beta, out=out)
            return
        root = xp.sqrt(scale, out=self._scratch)
        xp.sqrt(root, out=out)
        out *= root
        xp.reciprocal(out, out=out)


class AcrossChannels(_Lrn):
    """A is the sum over a window of channels; its own adjoint."""

    def __init__(self, x_shape, size, alpha, beta, k, dtype, device):
        super().__init__(x_shape, alpha, beta, k, dtype, device)
        self._reach = min(size // 2, x_shape[1] - 1)

    def _average(self, source, out):
        out[...] = source
        for shift in range(1, self._reach + 1):
            out[:, shift:] += source[:, :-shift]
            out[:, :-shift] += source[:, shift:]

    _average_adjoint = _average


class WithinChannel(_Lrn):
    """A is average pooling with stride 1, which keeps the size."""

    def __init__(self, x_shape, size, alpha, beta, dtype, device, engine="DEFAULT"):
        super().__init__(x_shape, alpha, beta, 1, dtype, device)
        options = {"pad": (size // 2, size // 2), "dtype": dtype, "device": device, "engine": engine}
        self._pooling = plan_pooling("AVE", x_shape, (size, size), **options)

    def _average(self, source, out):
        self._pooling.forward(source, out)

    def _average_adjoint(self, source, out):
        self._pooling.backward(source, out)
