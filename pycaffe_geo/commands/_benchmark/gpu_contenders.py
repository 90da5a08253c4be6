"""The contenders on a GPU. A sample is the mean of ROUNDS iterations, begun and ended by waiting for the device."""

from pycaffe_geo.commands._benchmark.ours import RATE, Clock, OurNet
from pycaffe_geo.solvers.capture import Capture

ROUNDS = 10
COPIED = 1 << 28  # bytes of the array that is copied to see the device's bandwidth
PLAIN, CAPTURED = "plain", "captured"


def contender(work, kind, index, data):
    """Return the contender for `work` on CUDA device `index`; kind: "ours", or "torch LAYOUT" with " compiled" behind or not."""
    if kind == "ours":
        from pycaffe_geo.backend import Gpu

        return OurGpuNet(work, Gpu(index))
    import torch

    torch.set_default_device(f"cuda:{index}")
    return torch_contender(work, kind, data)


def torch_contender(work, kind, data):
    """Return PyTorch's contender on its default device."""
    import torch

    from pycaffe_geo.commands._benchmark.theirs import TorchNet

    class TorchGpuNet(TorchNet):
        def wait(self):
            if torch.cuda.is_available():
                torch.cuda.synchronize()

        def iterate(self, variant):
            return sample(self, work.phases[-1], lambda: TorchNet.iterate(self, variant))

        def losses(self, count):
            return [_first(self.loss(), TorchNet.iterate(self, self.variants[0])) for _ in range(count)]

        def memory(self):
            return torch.cuda.max_memory_reserved() / 2**20 if torch.cuda.is_available() else float("nan")

    _, layout, *compiled = kind.split()
    one = TorchGpuNet(work, layout, data)
    if compiled:
        one.model.compile()
    return one


def sample(one, phase, iterate):
    """Return {phase: milliseconds of one iteration}."""
    one.wait()
    clock = Clock()
    for _ in range(ROUNDS):
        iterate()
    one.wait()
    return {phase: clock() / ROUNDS}


def _first(value, _):
    return value


class OurGpuNet(OurNet):
    """A Net with Adam whose iterations run as they are, or recorded and repeated as one graph."""

    variants = (PLAIN, CAPTURED)

    def __init__(self, work, device, seed=0):
        super().__init__(work, seed, device)
        self.device, self.phase = device, work.phases[-1]
        self.capture = Capture(self.net, device.xp.zeros(2, "int32"))

    def wait(self):
        """Wait for the device."""
        self.device.synchronize()

    def iterate(self, variant):
        """Return {phase: milliseconds of one iteration}."""
        if variant == CAPTURED:
            for _ in range(2):  # the first one runs as it is, the second one is recorded
                self.step(variant)
        return sample(self, self.phase, lambda: self.step(variant))

    def step(self, variant):
        """Give one iteration to the device."""
        if self.steps:
            self.updater.together.load(1.0, self.updater.rule.numbers(RATE, self.iteration))
        self.iteration += 1
        self.net.clock.iteration = self.iteration
        self.capture.run(self._whole) if variant == CAPTURED else self._whole()

    def _whole(self):
        self.net.clear_param_diffs()
        self.net.forward()
        self.net.backward()
        if self.steps:
            self.updater.place()
            self.updater.together.launch()

    def losses(self, count):
        """Return the losses of `count` iterations, captured where that is possible."""
        return [_first(self.loss(), self.step(CAPTURED)) for _ in range(count)]

    def memory(self):
        """Return the MiB that CuPy's pools hold, which never shrink here."""
        return self.device.held_bytes() / 2**20

    def bytes_moved(self):
        """Return the bytes that the layers of one iteration read and write at least: each blob once a layer and direction."""
        net, count = self.net, 0
        for i, (layer, bottom, top) in enumerate(zip(net.layers, net.bottoms, net.tops)):
            count += sum(blob.count for blob in (*bottom, *top)) if bottom else 0
            if bottom and net.backward_layers[i]:
                data = [*(bottom if layer.uses_bottom else ()), *(top if layer.uses_top else ())]
                count += sum(blob.count for blob in (*top, *dict.fromkeys(data)))
                count += sum(blob.count for blob, wanted in zip(bottom, net.propagate_down(i)) if wanted)
        return count * net.dtype.itemsize

    def copy_bandwidth(self):
        """Return the bytes that a copy reads and writes in a second."""
        source = self.device.xp.zeros(COPIED, "uint8")
        target = self.device.xp.empty_like(source)
        copy = lambda: target.__setitem__(..., source)
        copy()
        return 2 * COPIED / sample(self, "copy", copy)["copy"] * 1e3
