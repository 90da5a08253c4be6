"""The kernels between backward and update: loss, window, norm, clipping, and the stop at numbers that are not finite."""

import math

import numpy as np
import pytest

from pycaffe_geo.ops.iteration import plan_iteration


class Loop:
    """Iterations of two batches with one scalar loss, one loss of many elements and two gradients."""

    def __init__(self, device, window=3, clip=-1.0):
        self.device, self.iteration = device, 0
        self.numbers = plan_iteration(device, "float32", 2, window, clip)
        self.losses = [device.xp.zeros((), "float32"), device.xp.zeros((2, 300), "float32")]
        self.gradients = [device.xp.zeros((2, 3), "float32"), device.xp.zeros(5000, "float32")]
        self.scale = device.xp.zeros(1, "float32")

    def run(self, first, second=0.0, gradient=0.0):
        """Run an iteration whose two batches lose `first` and `second`, and return the scale."""
        for step, loss in enumerate((first, second)):
            self.numbers.begin(self.iteration, step)
            self.losses[0][...] = loss / 2
            self.losses[1][...] = loss / 2 / 3 / 600
            self.numbers.add_losses(self.losses, (1.0, 3.0))
        self.gradients[1][7] = gradient
        self.numbers.judge(self.gradients, self.scale)
        self.iteration += 1
        return float(self.scale[0])


def test_losses_of_the_window(kernel_gpu):
    loop = Loop(kernel_gpu)
    for i in range(5):
        assert loop.run(i, i + 1) == 0.5
    np.testing.assert_array_equal(loop.numbers.counts.get(), [4, 1])
    losses, trouble = loop.numbers.fetch(0, 5)
    assert losses == pytest.approx([2.5, 3.5, 4.5], rel=1e-5) and trouble is None
    assert loop.numbers.fetch(4, 5)[0] == pytest.approx([4.5], rel=1e-5)


def test_clipping(kernel_gpu):
    loop = Loop(kernel_gpu, clip=2.0)
    assert loop.run(1, gradient=8.0) == 2 / 8 / 2
    assert loop.run(1, gradient=1.0) == 0.5
    assert Loop(kernel_gpu, clip=0.0).run(1, gradient=8.0) == 0
    assert Loop(kernel_gpu).run(1, gradient=8.0) == 0.5


@pytest.mark.parametrize("loss, gradient", [(math.nan, 1.0), (math.inf, 1.0), (4.0, math.nan), (4.0, -math.inf)])
def test_the_first_trouble_is_kept_and_stops_updates(loss, gradient, kernel_gpu):
    loop = Loop(kernel_gpu)
    assert loop.run(1, gradient=1e30) == 0.5  # its square is more than float32 holds
    assert math.isnan(loop.run(loss, gradient=gradient)) and math.isnan(loop.run(1))
    trouble = loop.numbers.fetch(0, 3)[1]
    assert trouble.iteration == 1
    np.testing.assert_allclose([trouble.loss, trouble.norm], [loss / 2, abs(gradient)])
    loop.numbers.forget()
    assert loop.run(1) == 0.5 and loop.numbers.fetch(3, 4)[1] is None
