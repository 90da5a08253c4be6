"""Predict the camera's motion between two images, and warp one into the other by it.

The pose is T_src_tgt: it maps points of tgt's camera into src's (metres; x right, y down, z forward). Images and depth are
resized to the network's size, and the intrinsics with them. The network reads them from its blobs src, tgt, depth, intrinsics.
With --out FOLDER: pose.json, and panel.png (src, tgt, src warped to tgt, error) where the net warps an image.
"""

import json

from pycaffe_geo.commands._common import build_net, device_of, device_options, net_options, option, output_folder
from pycaffe_geo.errors import DataError, SpecError, listed, nearest

EXAMPLE = """
tools/infer.py --net prototxt/pose_early_fusion_small.yaml --src docs/example/src.png --tgt docs/example/tgt.png \\
    --depth docs/example/depth.png --intrinsics 65.6,70,79.5,63.5 --out runs/infer
"""


def arguments(parser):
    net_options(parser, phase="TEST")
    option(parser, "weights", help="trained weights (default: the initial values, whose pose means nothing)")
    parser.add_argument("--src", required=True, metavar="IMAGE", help="the image that is warped")
    parser.add_argument("--tgt", required=True, metavar="IMAGE", help="the image that src is warped to")
    parser.add_argument("--depth", required=True, metavar="FILE", help="depth of tgt: a 16-bit PNG, or .npy in metres; 0 = none")
    option(parser, "depth-scale")
    option(parser, "intrinsics", required=True)
    option(parser, "out", metavar="FOLDER", help="write pose.json and panel.png to this folder")
    device_options(parser)


def run(args):
    from pycaffe_geo.backend import asnumpy
    from pycaffe_geo.solvers.monitor import seen_blobs

    net = build_net(args, device=device_of(args), weights=args.weights)
    pose_blob = _pose_blob(net)
    net.share_memory(seen_blobs(net), trains=False)
    height, width = _blob(net, "tgt").shape[2:]
    for name, value in _read(args, height, width).items():
        if name in net.blobs:
            _blob(net, name).reshape(*value.shape)
            net.blobs[name].data[...] = net.device.asarray(value, dtype=net.dtype)
    for i, layer in enumerate(net.layers):
        if not layer.is_data:
            net.forward_layer(i)
    pose = asnumpy(pose_blob.data).astype(float).reshape(4, 4)
    _print_pose(pose)
    if args.out:
        _write(output_folder(args.out), args, net, pose)


def _blob(net, name):
    if name not in net.blobs:
        raise SpecError(f"net '{net.name}' has no blob '{name}'{nearest(name, net.blobs)} (there are {listed(net.blobs)})")
    return net.blobs[name]


def _pose_blob(net):
    """Return the Blob with the predicted transform: the top of the last SE3Generator layer."""
    for layer, tops in zip(reversed(net.layers), reversed(net.tops)):
        if layer.type == "SE3Generator":
            return tops[0]
    raise SpecError(f"net '{net.name}' has no SE3Generator layer: it predicts no pose")


def _read(args, height, width):
    """Return {blob: array} of the files, at the network's size, as a batch of one."""
    import numpy as np

    from pycaffe_geo.datasets.images import read_color, resize_color, resize_depth
    from pycaffe_geo.geometry.camera import scale_intrinsics

    src, tgt = read_color(args.src), read_color(args.tgt)
    depth = _read_depth(args.depth, args.depth_scale)
    for name, array in (("src", src), ("depth", depth)):
        if array.shape[:2] != tgt.shape[:2]:
            sizes = [f"{a.shape[1]} x {a.shape[0]}" for a in (array, tgt)]
            raise DataError(f"--{name} is {sizes[0]} pixels, expected {sizes[1]}, the size of --tgt")
    scale = width / tgt.shape[1], height / tgt.shape[0]
    camera = scale_intrinsics(np.array([args.intrinsics]), *scale)
    return {
        "src": _bgr_blob(resize_color(src, height, width)),
        "tgt": _bgr_blob(resize_color(tgt, height, width)),
        "depth": resize_depth(depth, height, width)[None, None],
        "intrinsics": camera.reshape(1, 4, 1, 1),
        "pose": np.eye(4)[None, None],  # unknown; what compares with it is not shown
    }


def _bgr_blob(picture):
    """Return the RGB picture (H, W, 3) as BGR (1, 3, H, W)."""
    return picture[:, :, ::-1].transpose(2, 0, 1)[None]


def _read_depth(path, scale):
    """Return the depth (H, W) in metres of a 16-bit picture or a .npy file."""
    import numpy as np

    from pycaffe_geo.datasets.images import read_depth

    if not str(path).endswith(".npy"):
        return read_depth(path, scale)
    try:
        depth = np.load(path, allow_pickle=False)
    except FileNotFoundError as e:
        raise DataError(f"{path}: no such file") from e
    except (OSError, ValueError, EOFError) as e:
        raise DataError(f"{path}: cannot be read as a .npy file: {e}") from e
    if depth.ndim != 2 or depth.dtype.kind not in "fiu":
        raise DataError(f"{path}: has shape {depth.shape} and type {depth.dtype}, expected (H, W) numbers, metres")
    return np.nan_to_num(depth.astype(np.float32), nan=0, posinf=0, neginf=0)


def _print_pose(pose):
    import numpy as np

    from pycaffe_geo.geometry import se3

    twist = se3.log(pose[None])[0]
    print("T_src_tgt, which maps points of tgt's camera into src's:")
    print("\n".join("  " + " ".join(f"{value:9.5f}" for value in row) for row in pose))
    print(f"rotation {np.degrees(np.linalg.norm(twist[:3])):.4f} degrees; about x, y, z {_triple(np.degrees(twist[:3]))}")
    print(f"translation {np.linalg.norm(pose[:3, 3]):.4f} m; along x, y, z {_triple(pose[:3, 3])}")


def _triple(values):
    return ", ".join(f"{value:.4f}" for value in values)


def _write(folder, args, net, pose):
    from pycaffe_geo.commands._warps import warp_number, warp_rows
    from pycaffe_geo.plots.panels import draw_panels

    result = {"src": args.src, "tgt": args.tgt, "weights": args.weights or [], "T_src_tgt": pose.tolist()}
    (folder / "pose.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if warp_number(net) is not None:
        draw_panels(folder / "panel.png", *warp_rows(net))
    print(f"written to {folder}")
