"""Cost growth: step time and memory of our networks against batch, image area and depth, with fitted exponents."""

from statistics import median

import numpy as np

from pycaffe_geo.commands._benchmark.contest import Contender
from pycaffe_geo.commands._benchmark.works import STEP, Work

STACK = """
name: stack
modules:
  conv_relu:
    bottom: x
    top: conv
    layers:
    - name: conv
      type: Convolution
      bottom: x
      convolution_param: {{num_output: 16, kernel_size: 3, pad: 1, weight_filler: msra}}
    - {{name: relu, type: ReLU, bottom: conv, top: conv}}
layers:
- {{name: image, type: Input, input_param: {{shape: {{dim: [4, 16, 64, 64]}}}}}}
- {{name: deep, module: conv_relu, repeat: {depth}, bottom: image}}
- {{name: loss, type: Reduction, bottom: deep, reduction_param: {{operation: MEAN}}, loss_weight: 1}}
"""
BATCHES = (1, 2, 4, 8, 16, 32)
SIDES = ((64, 128), (64, 256), (128, 256), (128, 512), (256, 512))
DEPTHS = (2, 4, 8, 16, 32)


def sweeps(batches=BATCHES, sides=SIDES, depths=DEPTHS):
    """Return {what grows: [(its size, Work)]}."""
    return {
        "batch": [(batch, _dispnet(batch, 64, 128)) for batch in batches],
        "area": [(height * width, _dispnet(1, height, width)) for height, width in sides],
        "depth": [(depth, _stack(depth)) for depth in depths],
    }


def _dispnet(batch, height, width):
    name, dims = f"dispnet {batch} x 3 x {height} x {width}", f"{batch}, 3, {height}, {width}"
    return Work(name, "dispnet", changes=(f"image.input_param={{shape: {{dim: [{dims}]}}}}",), phases=(STEP,))


def _stack(depth):
    return Work(f"{depth} convolutions", "stack", STACK.format(depth=depth), phases=(STEP,))


def measure(what, points, repeats, threads, clock, progress):
    """Return {size, ms, mib, ms_exponent, mib_exponent} of one sweep: median step times, and the memory that the net adds.

    The exponents are fitted to the larger half of the sizes, where constant costs (parameters, libraries) hide least of them.
    points: [(size, Work)]. `progress(steps, what)` yields range(steps).
    """
    times, memory = [], []
    for i in progress(len(points), what):
        one = Contender("ours", points[i][1], threads, clock, "")
        try:
            one.ask("iterate")
            times.append(median(one.ask("iterate")[STEP] for _ in range(repeats)))
            memory.append(one.ask("memory") - one.ask("base"))
        finally:
            one.close()
    sizes = [size for size, _ in points]
    large = slice(min(len(sizes) // 2, len(sizes) - 2), None)
    fits = {f"{key}_exponent": exponent(sizes[large], costs[large]) for key, costs in (("ms", times), ("mib", memory))}
    return {"size": sizes, "ms": times, "mib": memory, **fits}


def exponent(sizes, values):
    """Return e of the best fit values ~ sizes^e, by least squares of the logarithms; NaN where they tell none."""
    if len(set(sizes)) < 2 or not min(values) > 0:
        return float("nan")
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])
