"""The update of all parameters, and the sum of squares of their gradients, as one CUDA kernel each."""

import numpy as np

from pycaffe_geo.ops.gpu.kernels import Scratch, kernels

RULES = ("SGD", "Nesterov", "Adam", "AdaGrad", "RMSProp", "AdaDelta")  # in the order of update.cu's enum
CHUNK = 4096  # as in update.cu
NUMBERS = 7  # scale, rate, the rule's other numbers a, b, c, then 1 - a, 1 - b


class Places:
    """Where the arrays of the parameters lie, kept on the device and written again when that changes."""

    def __init__(self, device):
        self._device = device
        self._known = None
        self.blocks, self.tables = 0, ()

    def find(self, arrays):
        """Look at `arrays`, for each parameter up to 4 of one size; return True where they lie elsewhere than before."""
        addresses = [[self._device.address(a) for a in parameter] for parameter in arrays]
        if addresses == self._known:
            return False
        self._known = addresses
        counts = [parameter[0].size for parameter in arrays]
        chunks = [(p, i) for p, count in enumerate(counts) for i in range(-(-count // CHUNK))]
        rows = [[*row, 0, 0, 0][:4] for row in addresses]
        self.blocks = len(chunks)
        self.tables = tuple(self._device.asarray(np.array(table, dtype))
                            for table, dtype in ((chunks, "int32"), (counts, "int32"), (rows, "uint64")))
        return True


class GpuUpdate:
    """Call it as ops.update.plan_update_of_all says.

    `numbers` on the device holds all that changes from step to step: scale, rate and the rule's own. `load` writes it, `launch`
    reads it; a scale of NaN lets `launch` change nothing. `scale` is a view of it.
    """

    def __init__(self, rule, regularization, device, dtype):
        self._rule, self._absolute = RULES.index(rule), int(regularization == "L1")
        self._device, self._dtype = device, np.dtype(dtype)
        self._kernels = kernels("update", device, dtype)
        self._places = Places(device)
        self._mults = None
        self.numbers = device.xp.empty(NUMBERS, dtype)
        self.scale = self.numbers[:1]

    def __call__(self, arrays, mults, scale, numbers):
        self.place(arrays, mults)
        self.load(scale, numbers)
        self.launch()

    def place(self, arrays, mults):
        """Tell the device where the parameters' arrays lie, unless it knows."""
        if self._places.find(arrays) or mults != self._mults:
            self._mults = mults
            self._mult_table = self._device.asarray(np.array(mults, self._dtype))

    def load(self, scale, numbers):
        """Write the step's numbers to the device."""
        rate, a, b, c = map(float, (*numbers, 0, 0, 0)[:4])
        self._kernels.launch("load", (1, 1, 1), float(scale), rate, a, b, c, 1 - a, 1 - b, self.numbers)

    def launch(self):
        """Run the step."""
        arguments = self._rule, self._absolute, *self._places.tables, self._mult_table, self.numbers
        self._kernels.launch("update", (self._places.blocks, 1, 1), *arguments)


class GpuSquaredNorm:
    """Call it with arrays: it returns the sum of squares of all their elements, an array of shape () in float64.

    The next call overwrites it. The sum does not overflow where float32 would.
    """

    def __init__(self, device, dtype):
        self._kernels = kernels("update", device, dtype)
        self._places = Places(device)
        self._sums = Scratch(device, "float64")
        self._total = device.xp.zeros((), "float64")

    def __call__(self, arrays):
        self._places.find([(a,) for a in arrays])
        blocks = self._places.blocks
        sums = self._sums.get(blocks)
        self._kernels.launch("squares", (blocks, 1, 1), *self._places.tables, sums)
        self._kernels.launch("total", (1, 1, 1), blocks, sums, self._total)
        return self._total
