"""PyTorch's contender: the network of a work exported to torch, or torch's optimiser alone."""

import numpy as np
import torch

from pycaffe_geo.commands._benchmark.export import Exported
from pycaffe_geo.commands._benchmark.ours import ADAM, RATE, Clock
from pycaffe_geo.commands._benchmark.works import BACKWARD, STEP, definition

ADAM_VARIANTS = ("fused", "foreach")  # the one that needs less memory first


def contender(work, layout, threads, data):
    """Return the contender for `work`; layout: nchw or channels_last; data: the .npz file that ours saved."""
    torch.set_num_threads(threads)
    return TorchAdam(work, data) if work.tensors else TorchNet(work, layout, data)


class TorchNet:
    """The exported network, its weights and inputs in one memory layout."""

    def __init__(self, work, layout, data):
        format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        with np.load(data) as arrays:
            self.model = Exported(definition(work), arrays).to(memory_format=format)
            inputs = {key.removeprefix("input:"): arrays[key] for key in arrays if key.startswith("input:")}
        self.inputs = {name: torch.tensor(array) for name, array in inputs.items()}
        self.inputs = {name: t.contiguous(memory_format=format) if t.ndim == 4 else t for name, t in self.inputs.items()}
        self.parameters = [w for w in self.model.weights if w.requires_grad]
        self.adam = _adam(self.parameters) if STEP in work.phases else None
        self.variants = ADAM_VARIANTS if self.adam else ("",)

    def loss(self):
        """Return the loss of the weights as they are."""
        with torch.no_grad():
            return self.model(self.inputs).item()

    def iterate(self, variant):
        """Run one iteration; return {phase: milliseconds from its start}."""
        clock = Clock()
        for parameter in self.parameters:
            parameter.grad = None
        loss = self.model(self.inputs)
        times = {"forward": clock()}
        loss.backward()
        times[BACKWARD] = clock()
        if self.adam:
            _choose(self.adam, variant)
            self.adam.step()
            times[STEP] = clock()
        return times


class TorchAdam:
    """torch.optim.Adam on parameters whose gradients are there already."""

    variants = ADAM_VARIANTS

    def __init__(self, work, data):
        self.parameters = []
        with np.load(data) as arrays:
            for i in range(len(work.tensors)):
                parameter = torch.nn.Parameter(torch.from_numpy(arrays[f"data:p{i}"]))
                parameter.grad = torch.from_numpy(arrays[f"diff:p{i}"])
                self.parameters.append(parameter)
        self.adam = _adam(self.parameters)

    def loss(self):
        """Update once and return the mean square of all parameters."""
        self.iterate(self.variants[0])
        with torch.no_grad():
            return float(np.mean([p.square().mean().item() for p in self.parameters]))

    def iterate(self, variant):
        """Run one update; return {"update": milliseconds}."""
        _choose(self.adam, variant)
        clock = Clock()
        self.adam.step()
        return {"update": clock()}


def _adam(parameters):
    return torch.optim.Adam(parameters, lr=RATE, betas=(ADAM.momentum, ADAM.momentum2), eps=ADAM.delta)


def _choose(adam, variant):
    """Let one optimiser, with one set of moments, run by another implementation."""
    for group in adam.param_groups:
        group.update(fused=variant == "fused", foreach=variant == "foreach")
