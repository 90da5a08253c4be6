"""Layers on a device with CUDA kernels against the CPU: on the emulator those that have kernels, on a real GPU all."""

import numpy as np
import pytest
from test_device_code import TYPES, example, run

from pycaffe_geo.backend import CPU, asnumpy

WITH_KERNELS = ["AbsLoss", "BatchNorm", "EuclideanLoss", "InverseWarping", "LRN", "PhotometricError", "PinholeProjection",
                "Pooling", "ReLU", "Resize", "SE3Generator", "SPP", "SSIMLoss", "Scale", "Transform3DGrid", "Warping"]
DRAWS = ["Dropout"]  # from the device's own generator, with other numbers than the CPU's


def check(type_name, device, folder):
    arguments = example(type_name, folder)
    expected, found = run(type_name, arguments, CPU), run(type_name, arguments, device)
    for name, array in found.items():
        np.testing.assert_allclose(asnumpy(array), expected[name], rtol=1e-9, atol=1e-12, err_msg=f"{type_name} {name}")


@pytest.mark.parametrize("type_name", WITH_KERNELS)
def test_kernels_of_a_layer(type_name, emulated_gpu, tmp_path):
    check(type_name, emulated_gpu, tmp_path)


@pytest.mark.gpu
@pytest.mark.parametrize("type_name", [t for t in TYPES if t not in DRAWS])
def test_layer_on_a_gpu(type_name, gpu, tmp_path):
    check(type_name, gpu, tmp_path)
