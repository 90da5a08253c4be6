"""The losses and the norm of the gradients of every iteration, kept and judged on the device until somebody looks."""

from dataclasses import dataclass

import numpy as np

from pycaffe_geo.backend import asnumpy
from pycaffe_geo.ops.gpu.kernels import kernels
from pycaffe_geo.ops.gpu.update import GpuSquaredNorm, Places

LOSS, PART, BAD, BAD_LOSS, BAD_NORM, RING = range(6)  # as in iteration.cu


@dataclass(frozen=True)
class Trouble:
    """The first iteration whose numbers were not finite."""

    iteration: int
    loss: float
    norm: float


class GpuIteration:
    """begin, add_losses (both for each of `steps` batches), then judge, which writes the `scale` of a GpuUpdate.

    window: how many losses are kept; clip: the most that the norm of all gradients may be (negative: no limit). After numbers
    that are not finite the scale is NaN, so that no update happens any more, until `forget`.
    """

    def __init__(self, device, dtype, steps, window, clip):
        self._device = device
        self._kernels = kernels("iteration", device, dtype)
        self._steps, self._window, self._clip = steps, window, float(clip)
        self._square, self._places, self._weights = GpuSquaredNorm(device, dtype), Places(device), None
        self._state = device.xp.empty(RING + window, "float64")
        self.counts = device.xp.zeros(2, "int32")  # iteration and step: see layer.Clock
        self.forget()

    def begin(self, iteration, step):
        """Tell the device which batch comes."""
        self._kernels.launch("begin", (1, 1, 1), iteration, step, self.counts, self._state)

    def add_losses(self, arrays, weights):
        """Add the sum of weight * sum of the array; neither changes while the arrays' places do not."""
        if self._places.find([(a,) for a in arrays]):
            self._weights = self._device.asarray(np.array(weights, "float64"))
        _, counts, addresses = self._places.tables
        self._kernels.launch("add_losses", (1, 1, 1), len(arrays), counts, addresses, self._weights, self._state)

    def judge(self, gradients, scale):
        """Look at the losses and at the arrays `gradients`; write what they are to be multiplied by to the array `scale`."""
        sizes = self._steps, self._window, self._clip
        self._kernels.launch("judge", (1, 1, 1), *sizes, self.counts, self._square(gradients), self._state, scale)

    def fetch(self, first, end):
        """Wait for the device; return the losses of the iterations from `first` to `end` (exclusive; at most `window`, the last
        ones) and a Trouble, or None."""
        state = asnumpy(self._state)
        losses = [float(state[RING + i % self._window]) for i in range(max(first, end - self._window), end)]
        bad = int(state[BAD])
        return losses, Trouble(bad, float(state[BAD_LOSS]), float(state[BAD_NORM])) if bad >= 0 else None

    def forget(self):
        """Take all to be finite again."""
        self._state[...] = -1
