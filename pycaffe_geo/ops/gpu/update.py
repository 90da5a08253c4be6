"""The update of all parameters as one CUDA kernel."""

import numpy as np

from pycaffe_geo.ops.gpu.kernels import kernels

RULES = ("SGD", "Nesterov", "Adam", "AdaGrad", "RMSProp", "AdaDelta")  # in the order of update.cu's enum
CHUNK = 4096  # as in update.cu
NUMBERS = 7  # scale, rate, the rule's other numbers a, b, c, then 1 - a, 1 - b


class GpuUpdate:
    """Call it as ops.update.plan_update_of_all says.

    Where the arrays lie is kept on the device and written again when that changes. `numbers` on the device holds all that
    changes from step to step: scale, rate and the rule's own; `load` writes it and `launch` reads it.
    """

    def __init__(self, rule, regularization, device, dtype):
        self._rule, self._absolute = RULES.index(rule), int(regularization == "L1")
        self._device, self._dtype = device, np.dtype(dtype)
        self._kernels = kernels("update", device, dtype)
        self._known = None
        self.numbers = device.xp.empty(NUMBERS, dtype)

    def __call__(self, arrays, mults, scale, numbers):
        self.place(arrays, mults)
        self.load(scale, numbers)
        self.launch()

    def place(self, arrays, mults):
        """Tell the device where the parameters' arrays lie, unless it knows."""
        addresses = [[self._device.address(a) for a in parameter] for parameter in arrays]
        if (addresses, mults) == self._known:
            return
        self._known = addresses, mults
        counts = [parameter[0].size for parameter in arrays]
        chunks = [(p, i) for p, count in enumerate(counts) for i in range(-(-count // CHUNK))]
        table = [[*row, 0][:4] for row in addresses]
        upload = self._device.asarray
        self._blocks = len(chunks)
        self._tables = (upload(np.array(chunks, "int32")), upload(np.array(counts, "int32")), upload(np.array(table, "uint64")),
                        upload(np.array(mults, self._dtype)))

    def load(self, scale, numbers):
        """Write the step's numbers to the device."""
        rate, a, b, c = (*numbers, 0, 0, 0)[:4]
        self.numbers.set(np.array([scale, rate, a, b, c, 1 - a, 1 - b], self._dtype))

    def launch(self):
        """Run the step."""
        self._kernels.launch("update", (self._blocks, 1, 1), self._rule, self._absolute, *self._tables, self.numbers)
