"""Every layer's work, recorded and done again on other data, is what the layer does on them: but for those that say `on_host`.

A layer fails here that decides on the host by values, uploads something in forward or backward, or keeps a number of the batch.
Those of BY_CUPY call cuSOLVER, which CuPy refuses to record: training runs them unrecorded, with a notice.
"""

import numpy as np
import pytest
from test_device_code import TYPES, example

from pycaffe_geo.backend import asnumpy
from pycaffe_geo.errors import DeviceError
from pycaffe_geo.gradient_check import build_layer
from pycaffe_geo.layer import layer_types

RECORDED = [t for t in TYPES if not (layer_types()[t].is_data or layer_types()[t].on_host)]
BY_CUPY = ("SE3Log",)


class Run:
    """A layer on a device, with diffs of its own, and what one forward and backward of it writes."""

    def __init__(self, type_name, arguments, device):
        arguments = dict(arguments)
        prepare = arguments.pop("prepare", lambda layer: None)
        self.layer, self.bottom, self.top = build_layer(type_name, device=device, **arguments)
        prepare(self.layer)
        fixed = {i % len(self.bottom) for i in self.layer.no_gradient if -len(self.bottom) <= i < len(self.bottom)}
        self.propagate_down = [i not in fixed for i in range(len(self.bottom))]
        self.layer.clock.iteration = 1
        self.layer.clock.counts = device.asarray(np.array([1, 0], "int32"))
        self.diffs = [device.asarray(np.random.default_rng(i).normal(size=t.shape)) for i, t in enumerate(self.top)]

    def __call__(self):
        layer, bottom, top = self.layer, self.bottom, self.top
        layer.forward(bottom, top)
        for i, (t, diff) in enumerate(zip(top, self.diffs)):
            if not layer.is_loss or i == 0:
                t.diff[...] = diff
        for blob in (*bottom, *layer.blobs):
            blob.diff[...] = 0
        layer.backward(top, self.propagate_down, bottom)

    def turn(self):
        """Turn the order of the images: other data, as valid as these."""
        for blob in self.bottom:
            blob.data[...] = blob.data[::-1].copy() if blob.shape else blob.data

    def results(self):
        found = {f"top {i}": asnumpy(t.data).copy() for i, t in enumerate(self.top)}
        found |= {f"bottom {i} diff": asnumpy(b.diff).copy() for i, b in enumerate(self.bottom)}
        return found | {f"parameter {i} diff": asnumpy(b.diff).copy() for i, b in enumerate(self.layer.blobs)}


@pytest.mark.parametrize("type_name", [t for t in RECORDED if t not in BY_CUPY])
def test_a_recorded_layer(type_name, emulated_gpu, tmp_path):
    arguments, recorder = example(type_name, tmp_path), emulated_gpu.recorder()
    recorded, plain = Run(type_name, arguments, emulated_gpu), Run(type_name, arguments, emulated_gpu)
    for run in (recorded, plain):
        run()
    graph = recorder.record(recorded)
    for run in (recorded, plain):
        run.turn()
    recorder.launch(graph)
    plain()
    for name, array in plain.results().items():
        np.testing.assert_array_equal(recorded.results()[name], array, err_msg=name)


def test_what_waits_is_refused(kernel_gpu):
    recorder, array = kernel_gpu.recorder(), kernel_gpu.xp.ones(3)
    recorder.run(lambda: float(array.sum()))
    with pytest.raises(DeviceError, match="captur"):
        recorder.record(lambda: float(array.sum()))
    graph = recorder.record(lambda: array.__iadd__(1))  # the recorder still works
    np.testing.assert_array_equal(array.get(), [1, 1, 1])
    recorder.launch(graph)
    recorder.launch(graph)
    np.testing.assert_array_equal(array.get(), [3, 3, 3])
