"""Small nets of grid, flow and camera layers, from YAML: nothing moves where nothing should, and the gradients are right."""

import numpy as np
import pytest

from pycaffe_geo import Net, check_net
from pycaffe_geo.spec import load_net

RNG = np.random.default_rng(0)
IMAGE = RNG.uniform(size=(2, 3, 7, 9))
K = np.array([[9.0, 8.0, 4.1, 3.2], [7.0, -8.0, 3.9, 2.8]]).reshape(2, 4, 1, 1)
WARP = """
- {name: warped, type: InverseWarping, bottom: [image, coords], top: [warped, seen]}
- {name: loss, type: EuclideanLoss, bottom: [warped, image]}
"""

SPATIAL_TRANSFORMER = """
- {name: A, type: SimilarityGenerator, bottom: numbers}
- {name: coords, type: AffineGrid, bottom: [A, image], affine_grid_param: {origin: center}}
"""
OVER_PARAMETERISED = """
- {name: coords, type: OverParameterizedFlow, bottom: numbers, over_parameterised_flow_param: {around_identity: true}}
"""
PER_PIXEL_SE2 = """
- {name: coords, type: PerPixelSE2, bottom: numbers, per_pixel_se2_param: {origin: center}}
"""
SLANTED_STEREO = """
- {name: disparity, type: SlantedPlaneDisparity, bottom: numbers}
- {name: coords, type: Disparity1D, bottom: disparity, disparity_1d_param: {sign: -1}}
"""
FLOW = """
- {name: coords, type: OpticalFlow, bottom: numbers}
"""
CAMERA_WITH_LENS = """
- {name: small, type: IntrinsicsScale, bottom: [intrinsics, twice, image]}
- {name: points, type: Grid3D, bottom: [depth, small]}
- {name: moved, type: Eltwise, bottom: [points, motion]}
- {name: ideal, type: PinholeProjection, bottom: [moved, small], top: [flow, ideal]}
- {name: coords, type: LensDistortion, bottom: [ideal, small], lens_distortion_param: {k1: -0.2, k2: 0.03, p1: 0.01}}
"""
TURNING_CAMERA = """
- {name: T, type: SO3Generator, bottom: numbers}
- {name: points, type: RotateGrid3D, bottom: [T, intrinsics, image]}
- {name: coords, type: PinholeProjection, bottom: [points, intrinsics], top: [flow, coords]}
"""
CAMERA = {
    "depth": RNG.uniform(1, 3, (2, 1, 7, 9)),
    "motion": RNG.uniform(-0.2, 0.2, (2, 3, 7, 9)),
    "intrinsics": 2 * K,
    "twice": np.zeros((2, 1, 14, 18)),
}
CASES = {  # layers, and their inputs beside the image
    "spatial_transformer": (SPATIAL_TRANSFORMER, {"numbers": 0.1 * RNG.normal(size=(2, 4))}),
    "over_parameterised": (OVER_PARAMETERISED, {"numbers": 0.05 * RNG.normal(size=(2, 6, 7, 9))}),
    "per_pixel_se2": (PER_PIXEL_SE2, {"numbers": 0.2 * RNG.normal(size=(2, 3, 7, 9))}),
    "slanted_stereo": (SLANTED_STEREO, {"numbers": 0.2 * RNG.normal(size=(2, 3, 7, 9))}),
    "flow": (FLOW, {"numbers": RNG.normal(size=(2, 2, 7, 9))}),
    "turning_camera": (TURNING_CAMERA, {"numbers": 0.1 * RNG.normal(size=(2, 3)), "intrinsics": K}),
    "camera_with_lens": (CAMERA_WITH_LENS, CAMERA),
}


def net_file(layers, inputs):
    """Return the NetDef: Input layers for `inputs`, then `layers`, then the warp and a loss."""
    lines = [
        f"- {{name: {name}, type: Input, input_param: {{shape: {{dim: {list(value.shape)}}}}}}}" for name, value in inputs.items()
    ]
    return load_net("chain.yaml", "force_backward: true\nlayers:\n" + "\n".join(lines) + layers + WARP)


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_the_whole_net(name):
    layers, inputs = CASES[name]
    inputs = {"image": IMAGE, **inputs}
    report = check_net(net_file(layers, inputs), inputs=inputs)
    assert report.ok, report


@pytest.mark.parametrize("name", [name for name in CASES if name != "camera_with_lens"])
def test_no_motion_leaves_the_image_as_it_is(name):
    layers, inputs = CASES[name]
    inputs = {"image": IMAGE, **inputs, "numbers": np.zeros_like(inputs["numbers"])}
    net = Net(net_file(layers, inputs), "TEST", dtype="float64")
    for key, value in inputs.items():
        net.blobs[key].data[...] = value
    net.forward()
    inner = (..., slice(1, -1), slice(1, -1))  # at the border rounding may lead out of the image
    np.testing.assert_allclose(net.blobs["warped"].data[inner], IMAGE[inner], atol=1e-13)
