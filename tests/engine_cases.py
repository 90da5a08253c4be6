"""What tests/ops/test_engines.py runs on every fast engine: functions of a dtype that return {name: array}.

They go forward and take all gradients. What is overwritten starts as NaN, what is added to as 1; plans run twice, so that
their buffers are used again.
"""

import numpy as np

from pycaffe_geo.backend import CPU
from pycaffe_geo.blob import Blob
from pycaffe_geo.geometry.se3 import TRANSLATIONS
from pycaffe_geo.ops.batch_norm import plan_batch_norm
from pycaffe_geo.ops.camera import camera_functions
from pycaffe_geo.ops.convolution import plan_convolution
from pycaffe_geo.ops.element_cost import plan_element_cost
from pycaffe_geo.ops.eltwise import plan_eltwise
from pycaffe_geo.ops.lrn import plan_lrn
from pycaffe_geo.ops.pooling import plan_pooling
from pycaffe_geo.ops.product import plan_product
from pycaffe_geo.ops.relu import plan_relu
from pycaffe_geo.ops.scale import plan_scale
from pycaffe_geo.ops.se3 import se3_functions
from pycaffe_geo.ops.warping import plan_warping
from pycaffe_geo.solvers.rules import Updater
from pycaffe_geo.spec import SolverDef

CASES = {}


def case(name, run, *arguments):
    """Enter a case: `run(dtype, rng, *arguments)`."""
    CASES[name] = lambda dtype: run(np.dtype(dtype), np.random.default_rng(0), *arguments)


def normal(rng, dtype, *shapes):
    """Return normally distributed arrays that float32 holds exactly."""
    return [rng.normal(size=s).astype("float32").astype(dtype) for s in shapes]


def unset(*arrays):
    """Return arrays of the same shapes, all NaN."""
    return [np.full_like(a, np.nan) for a in arrays]


def convolution(dtype, rng, x_shape, w_shape, options):
    plan = plan_convolution(x_shape, w_shape, **options, dtype=dtype, device=CPU)
    w, b = normal(rng, dtype, w_shape, w_shape[:1])
    for _ in range(2):
        x, dy = normal(rng, dtype, x_shape, plan.out_shape)
        y, plain, dx = unset(dy, dy, x)
        dw, db = np.ones_like(w), np.ones_like(b)
        plan.forward(x, w, None, plain)
        plan.forward(x, w, b, y)
        plan.backward_weights(x, dy, dw, x_unchanged=True)
        plan.backward_bias(dy, db)
        plan.backward_data(dy, w, dx, dy_unchanged=True)
    return {"y": y, "y without bias": plain, "dx": dx, "dw": dw, "db": db}


def pooling(dtype, rng, method, shape, kernel, stride, pad):
    plan = plan_pooling(method, shape, kernel, stride=stride, pad=pad, dtype=dtype, device=CPU)
    for _ in range(2):
        x, dy = rng.integers(-3, 0, shape).astype(dtype), normal(rng, dtype, plan.out_shape)[0]  # with ties
        y, dx = unset(dy, x)
        plan.forward(x, y)
        plan.backward(dy, dx)
    return {"y": y, "dx": dx}


def product(dtype, rng, m, k, n, transposed):
    left, right, out = normal(rng, dtype, (m, k), (k, n), (m, n))
    left = left.T.copy().T if "left" in transposed else left
    right = right.T.copy().T if "right" in transposed else right
    written, added = unset(out)[0], out.copy()
    plan_product(dtype, CPU)(left, right, written)
    plan_product(dtype, CPU)(left, right, added, add=True)
    return {"written": written, "added": added}


def lrn(dtype, rng, shape, size, beta):
    plan = plan_lrn("ACROSS_CHANNELS", shape, size, alpha=0.7, beta=beta, k=1.5, dtype=dtype, device=CPU)
    for _ in range(2):
        x, dy = normal(rng, dtype, shape, shape)
        y, dx = unset(x, dy)
        plan.forward(x, y)
        plan.backward(x, dy, dx)
    return {"y": y, "dx": dx}


def relu(dtype, rng, shape, slope, in_place):
    plan = plan_relu(shape, slope, dtype, CPU)
    for _ in range(2):
        x, dy = normal(rng, dtype, shape, shape)
        x[rng.random(shape) < 0.1] = 0
        y, dx = (x, dy) if in_place else unset(x, dy)
        plan.forward(x, y)
        plan.backward(x, dy, dx)
    return {"y": y, "dx": dx}


def scale(dtype, rng, shape, in_place):
    forward, backward = plan_scale(CPU, dtype)
    x, dy, factor, offset = normal(rng, dtype, shape, shape, shape[1:2], shape[1:2])
    y, dx = (x.copy(), dy.copy()) if in_place else unset(x, dy)
    kept, plain, rectified, only = unset(x, x, x, x)
    dfactor, doffset = np.ones_like(factor), np.ones_like(factor)
    forward(x, factor, None, plain)
    forward(x, factor, offset, rectified, rectify=True)
    forward(y if in_place else x, factor, offset, y, kept)
    backward(kept, dy, factor, only)
    backward(kept, dx if in_place else dy, factor, dx, dfactor, doffset)
    more = np.ones_like(factor)
    backward(kept, dy, factor, dfactor=more)
    return {"y": y, "y without offset": plain, "rectified": rectified, "kept": kept, "dx": dx, "dx alone": only,
            "dfactor": dfactor, "doffset": doffset, "dfactor alone": more}


def batch_norm(dtype, rng, shape, in_place):
    forward, backward = plan_batch_norm(CPU, dtype)
    x, dy = normal(rng, dtype, shape, shape)
    x += 3
    y, dx = (x, dy) if in_place else unset(x, dy)
    mean, variance, inverse = forward(x, y, 1e-2)
    backward(dy, y, inverse, dx, lambda shape: np.full(shape, np.nan, dtype))
    return {"y": y, "mean": mean, "variance": variance, "inverse": inverse, "dx": dx}


def element_cost(dtype, rng, kind, shape, weights_shape):
    a, b = (np.asarray(rng.integers(-3, 4, shape) / 2, dtype) for _ in range(2))  # with ties, where |d| has slope 0
    weights = None
    if weights_shape:
        weights = rng.integers(0, 3, weights_shape).astype(dtype)
        a[np.broadcast_to(weights == 0, shape)] = np.nan
    da, db, da_alone, db_alone = unset(a, a, a, a)
    plan = plan_element_cost(kind, CPU, dtype)
    total = plan.forward(a, b, weights, np.empty_like(a))
    for diffs in ((da, db), (da_alone, None), (None, db_alone)):
        plan.backward(a, b, weights, np.asarray(0.75, dtype), *diffs)
    return {"total": np.asarray(total), "da": da, "db": db, "da alone": da_alone, "db alone": db_alone}


def eltwise(dtype, rng, operation, shape, coeff):
    plan = plan_eltwise(operation, shape, coeff, dtype, CPU)
    for _ in range(2):
        x = [np.asarray(rng.integers(-3, 4, shape) / 2, dtype) for _ in coeff]  # with ties
        x[0].reshape(-1)[:1] = np.nan
        y, rectified, *diffs = unset(x[0], x[0], *x)
        dy, = normal(rng, dtype, shape)
        plan.forward(x, y)
        if operation == "SUM":
            plan.forward_rectified(x, rectified)
        for i, dx in enumerate(diffs):
            plan.backward(i, x, None, dy, dx)
    return {"y": y, "rectified": rectified, **{f"d{i}": dx for i, dx in enumerate(diffs)}}


def warping(dtype, rng, image_shape, size):
    batch, channels, height, width = image_shape
    image, dout = normal(rng, dtype, image_shape, (batch, channels, *size))
    coords = rng.uniform(-1.9, 1.9, (batch, 2, *size)) + rng.random((batch, 2, *size)) * [[[width - 1]], [[height - 1]]]
    coords[-1] = np.round(coords[-1])  # on the pixels, where the derivative has a step
    plan = plan_warping(image_shape, coords.shape, dtype, CPU)
    found = {}
    for shift in (0, 0.7):
        moved = (coords + shift).astype(dtype)
        out, dcoords, dimage, seen = unset(dout, moved, image, moved[:, :1])
        plan.forward(image, moved, out, None if shift else seen)
        plan.backward_coords(dout, dcoords)
        plan.backward_image(dout, dimage)
        found |= {f"{name} at {shift}": a for name, a in
                  zip(("out", "dcoords", "dimage", "validity"), (out, dcoords, dimage, seen)) if not (shift and a is seen)}
    return found


def camera(dtype, rng, batch, height, width):
    """A random depth image with holes, transforms near 1, intrinsics with fy < 0, and points without a place in the image."""
    functions = camera_functions(CPU, dtype)
    depth = rng.uniform(1, 5, (batch, 1, height, width)).astype(dtype)
    depth[rng.random(depth.shape) < 0.1] = 0
    T = (np.eye(4) + rng.normal(0, 0.05, (batch, 1, 4, 4)) * (np.arange(4) < 3)[:, None]).astype(dtype)
    K = np.array([width * 0.8, -width * 0.7, width / 2, height / 2]) + rng.random((batch, 4))
    K = K.astype(dtype).reshape(batch, 4, 1, 1)
    points = functions.transform_grid(depth, T, K)
    dpoints, = normal(rng, dtype, points.shape)
    found = {"points": points.copy()}
    for wanted in ((1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1)):
        diffs = [a if w else None for a, w in zip(unset(depth, T, K), wanted)]
        functions.transform_grid_backward(depth, T, K, dpoints, *diffs)
        found |= {f"d{n} of {wanted}": d for n, d in zip(("depth", "T", "K"), diffs) if d is not None}
    points = np.round(points * 64) / 64  # the same for both engines
    points[0, 2, 0, 0] = -1
    points[-1, :, -1, -1] = np.nan
    found |= dict(zip(("flow", "coords", "validity"), functions.pinhole(points, K, 0.5)))
    dflow, dcoords = normal(rng, dtype, found["flow"].shape, found["flow"].shape)
    for name, slope in (("both", dcoords), ("flow", 0)):
        diffs = unset(points, K)
        functions.pinhole_backward(points, K, dflow, slope, 0.5, *diffs)
        found |= {f"d{n} from {name}": d for n, d in zip(("points", "intrinsics"), diffs)}
    return found


def se3(dtype, rng, translation):
    """Angles at and near 0, where series meet closed forms, ordinary, and near pi."""
    functions = se3_functions(CPU, dtype)
    axes, = normal(rng, "float64", (7, 3))
    angles = np.array([0, 1e-7, 1e-3, 0.999, 1.001, 2, np.pi - 1e-5])
    twist = np.hstack([axes / np.linalg.norm(axes, axis=1, keepdims=True) * angles[:, None], axes[:, ::-1]]).astype(dtype)
    dT, = normal(rng, dtype, (7, 4, 4))
    return {"T": functions.exp(twist, translation), "dtwist": functions.exp_backward(twist, dT, translation)}


def update(dtype, rng, rule, size):
    """Three updates with decay, clipped gradients and two learning rates."""
    blobs = [Blob((size,), dtype), Blob((2, 3), dtype)]
    updater = Updater(SolverDef(type=rule, momentum=0.9, weight_decay=0.1), blobs, [1.0, 2.0], [1.0, 0.0])
    for blob in blobs:
        blob.data = rng.normal(size=blob.shape)
    for t in range(3):
        for blob in blobs:
            blob.diff = rng.normal(size=blob.shape)
        updater.apply(0.05, t, 0.25)
    return {str(i): a for i, a in enumerate([*(b.data for b in blobs), *(b.diff for b in blobs), *updater.history])}


CONVOLUTIONS = {  # x shape, weights' shape, options
    "odd": ((2, 3, 7, 9), (5, 3, 3, 3), dict(pad=(1, 1))),
    "batch of one": ((1, 17, 9, 6), (33, 17, 3, 3), dict(pad=(1, 1))),
    "stride": ((3, 6, 32, 40), (32, 6, 5, 5), dict(stride=(2, 2), pad=(2, 2))),
    "strides differ": ((2, 16, 9, 12), (7, 16, 3, 5), dict(stride=(2, 3), pad=(0, 2))),
    "rows left over": ((2, 8, 8, 11), (5, 8, 3, 2), dict(stride=(3, 4))),
    "dilation": ((2, 16, 13, 11), (16, 16, 3, 3), dict(stride=(2, 1), pad=(2, 3), dilation=(2, 3))),
    "group": ((2, 32, 6, 5), (48, 16, 3, 3), dict(pad=(1, 1), group=2)),
    "group of three": ((2, 9, 6, 5), (6, 3, 3, 2), dict(pad=(1, 0), group=3)),
    "depthwise": ((2, 19, 6, 7), (19, 1, 3, 3), dict(stride=(2, 2), pad=(1, 1), group=19)),
    "depthwise bilinear": ((2, 2, 10, 12), (2, 1, 4, 4), dict(stride=(2, 2), pad=(1, 1), group=2)),
    "pointwise": ((3, 20, 8, 17), (24, 20, 1, 1), {}),
    "pointwise, group": ((2, 8, 11, 13), (6, 4, 1, 1), dict(group=2)),
    "pointwise, stride": ((2, 16, 7, 8), (32, 16, 1, 1), dict(stride=(2, 3))),
    "whole image": ((4, 16, 4, 5), (6, 16, 4, 5), {}),
    "one channel": ((4, 1, 12, 12), (20, 1, 5, 5), {}),
    "one row": ((2, 4, 1, 15), (8, 4, 1, 3), dict(pad=(0, 1))),
    "one pixel": ((1, 1, 1, 1), (1, 1, 1, 1), {}),
}
THIN_CONVOLUTIONS = {  # few outputs, or a channel or two beyond a multiple of sixteen
    "a channel too many": ((2, 17, 9, 45), (18, 17, 3, 3), dict(pad=(1, 1))),
    "two channels too many, no pad": ((1, 34, 5, 40), (3, 34, 2, 5), {}),
    "one output": ((2, 5, 9, 83), (1, 5, 3, 3), dict(pad=(1, 1))),
    "two outputs, no pad": ((1, 3, 7, 70), (2, 3, 2, 5), {}),
    "one output, wide pad": ((2, 2, 1, 65), (1, 2, 7, 3), dict(pad=(4, 3))),
}
for _name, _case in (CONVOLUTIONS | THIN_CONVOLUTIONS).items():
    case(f"convolution, {_name}", convolution, *_case)

POOLINGS = {  # x shape, kernel, stride, pad
    "k3s2": ((2, 5, 9, 11), (3, 3), (2, 2), (0, 0)),
    "k3s1 pad": ((1, 3, 5, 6), (3, 3), (1, 1), (1, 1)),
    "rectangular": ((2, 17, 8, 9), (2, 3), (2, 3), (0, 0)),
    "stride over kernel": ((2, 2, 5, 8), (2, 2), (3, 3), (0, 0)),
    "global": ((2, 3, 4, 6), None, (1, 1), (0, 0)),
    "wide": ((1, 2, 1, 300), (1, 290), (1, 2), (0, 0)),
}
BEYOND = ((2, 3, 8, 9), (3, 3), (2, 2), (0, 0))  # the last window reaches beyond the image
for _name, _case in (POOLINGS | {"beyond the image": BEYOND}).items():
    for _method in ("MAX", "AVE"):
        case(f"pooling {_method}, {_name}", pooling, _method, *_case)

for _sizes in ((1, 1, 1), (1, 37, 5), (8, 3, 21), (9, 40, 33), (130, 17, 1), (0, 3, 2), (2, 0, 3), (5, 3, 0)):
    for _transposed in ("", "left", "right", "left right"):
        case(f"product {_sizes} transposed {_transposed}", product, *_sizes, _transposed)

for _place in (False, True):
    for _slope in (0, 0.1):
        for _shape in ((2, 3, 5, 7), (1, 3, 41, 83), (3,)):
            case(f"relu {_shape} slope {_slope} in place {_place}", relu, _shape, _slope, _place)
    for _shape in ((2, 3, 35), (1, 1, 1), (3, 2, 1031), (5, 4, 1), (2, 1, 3072)):
        case(f"scale {_shape} in place {_place}", scale, _shape, _place)
        case(f"batch norm {_shape} in place {_place}", batch_norm, _shape, _place)

for _kind in ("abs", "square"):
    for _shapes in (((2, 3, 5, 7), None), ((2, 3, 5, 7), (2, 1, 5, 7)), ((2, 3, 5, 7), (2, 3, 5, 7)),
                    ((1, 1, 70, 130), (1, 1, 70, 130)), ((2, 3, 70, 90), (2, 1, 70, 90)), ((4, 6), (4, 1)),
                    ((0, 2, 3, 3), (0, 1, 3, 3)), ((5,), None), ((), None)):
        case(f"cost {_kind} {_shapes}", element_cost, _kind, *_shapes)

for _operation in ("SUM", "PROD", "MAX"):
    for _shape, _coeff in (((2, 3, 7), (1.0, 1.0)), ((9001,), (0.3, -2, 1)), ((), (1.0, 1, 0.1, 2)), ((0, 2), (1.0, 1))):
        case(f"eltwise {_operation} {_shape} {_coeff}", eltwise, _operation, _shape, _coeff)

for _shapes in (((2, 3, 4, 5), (3, 6)), ((1, 1, 1, 1), (2, 2)), ((3, 2, 7, 1), (1, 4)), ((2, 5, 1, 6), (4, 1)),
                ((2, 3, 33, 47), (33, 47))):
    case(f"warping {_shapes}", warping, *_shapes)
for _shape in ((1, 5, 7), (2, 33, 61), (3, 1, 1)):
    case(f"camera {_shape}", camera, *_shape)
for _rule in ("SGD", "Nesterov", "Adam"):
    for _size in (1, (1 << 15) + 5):
        case(f"update {_rule} {_size}", update, _rule, _size)
for _translation in TRANSLATIONS:
    case(f"se3 {_translation}", se3, _translation)
for _numbers in (((2, 7, 5, 9), 5, 0.75), ((1, 3, 11, 13), 3, 0.5), ((2, 2, 1, 1), 5, 0.75), ((1, 5, 4, 6), 1, 1.2)):
    case(f"lrn {_numbers}", lrn, *_numbers)
