"""Our contender: the network of a work, or its optimiser alone, run by pycaffe_geo."""

import time

import numpy as np

from pycaffe_geo.backend import CPU, asnumpy
from pycaffe_geo.blob import Blob
from pycaffe_geo.commands._benchmark.works import BACKWARD, STEP, definition
from pycaffe_geo.commands._inputs import fill_inputs
from pycaffe_geo.gradient_check_net import sample
from pycaffe_geo.net import Net
from pycaffe_geo.solvers.rules import Updater
from pycaffe_geo.spec import SolverDef

RATE = 1e-4
ADAM = SolverDef(type="Adam", base_lr=RATE, momentum=0.9, momentum2=0.999)


def contender(work, seed=0):
    """Return the contender for `work`."""
    return OurAdam(work, seed) if work.tensors else OurNet(work, seed)


class Clock:
    """Milliseconds since it was made, by the clock `now`: wall time, or this process's CPU time where its worker says so."""

    now = staticmethod(time.perf_counter)

    def __init__(self):
        self.start = self.now()

    def __call__(self):
        return (self.now() - self.start) * 1e3


class OurNet:
    """A Net with Adam. What is 0 at first gets random values, or else nothing below it would learn."""

    variants = ("",)

    def __init__(self, work, seed, device=CPU):
        self.steps = STEP in work.phases
        self.net = Net(definition(work), "TRAIN", seed=seed, device=device)
        self.net.share_memory()
        fill_inputs(self.net, seed)
        _fill_zeros(self.net, np.random.default_rng(seed))
        self.updater = Updater(ADAM, self.net.learnable, self.net.lr_mults, self.net.decay_mults) if self.steps else None
        self.iteration = 0

    def save(self, path):
        """Write parameters and inputs to an .npz file, by the names that `export` looks for."""
        parameters = {f"{name}[{i}]": asnumpy(b.data) for name, blobs in self.net.params.items() for i, b in enumerate(blobs)}
        np.savez(path, **parameters, **{f"input:{name}": asnumpy(self.net.blobs[name].data) for name in self.net.inputs})

    def loss(self):
        """Return the loss of the weights as they are."""
        self.net.forward()
        return self.net.loss

    def iterate(self, variant):
        """Run one iteration; return {phase: milliseconds from its start}."""
        clock = Clock()
        self.net.clear_param_diffs()
        self.net.forward()
        times = {"forward": clock()}
        self.net.backward()
        times[BACKWARD] = clock()
        if self.steps:
            self.updater.apply(RATE, self.iteration)
            times[STEP] = clock()
        self.iteration += 1
        return times


class OurAdam:
    """Adam on parameters whose gradients are there already. Its `loss` is the mean square of the parameters after one update."""

    variants = ("",)

    def __init__(self, work, seed):
        rng = np.random.default_rng(seed)
        self.blobs = [Blob(shape, name=f"p{i}") for i, shape in enumerate(work.tensors)]
        for blob in self.blobs:
            for array in (blob.data, blob.diff):
                array[...] = rng.standard_normal(blob.shape, np.float32)
        ones = [1.0] * len(self.blobs)
        self.updater = Updater(ADAM, self.blobs, ones, ones)
        self.iteration = 0

    def save(self, path):
        """Write parameters and gradients to an .npz file."""
        np.savez(path, **{f"{field}:{b.name}": getattr(b, field) for b in self.blobs for field in ("data", "diff")})

    def loss(self):
        """Update once and return the mean square of all parameters."""
        self.iterate("")
        return float(np.mean([np.mean(np.square(b.data)) for b in self.blobs]))

    def iterate(self, variant):
        """Run one update (the diffs are used up: what they hold next is as good); return {"update": milliseconds}."""
        clock = Clock()
        self.updater.apply(RATE, self.iteration)
        self.iteration += 1
        return {"update": clock()}


def _fill_zeros(net, rng):
    """Give parameters that are all 0 small random values, depths plausible ones; fit the intrinsics to the images."""
    for name, blobs in net.params.items():
        for blob in blobs:
            if not blob.data.any() and not _is_running(net, name):
                values = sample(name, blob.shape, rng) if name == "depth" else 0.01 * rng.standard_normal(blob.shape)
                blob.data[...] = net.device.asarray(values, dtype=blob.dtype)
    if "intrinsics" in net.inputs:
        height, width = net.blobs["src"].shape[2:]
        values = [0.6 * width, 0.6 * width, (width - 1) / 2, (height - 1) / 2]
        net.blobs["intrinsics"].data[...] = net.device.asarray(np.reshape(values, (4, 1, 1)), dtype=net.dtype)


def _is_running(net, name):
    return net.layers[net.layer_index(name)].fixed_blobs
