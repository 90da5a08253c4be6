"""Predict depth and motion of your own pictures, without ground truth: of one, of a pair, or of a folder of video frames.

    --image A          depth
    --src A --tgt B    depth of B, and the motion T_src_tgt, which maps points of tgt's camera into src's; for nets of stereo
                       pairs src is the right picture, tgt the left one
    --folder DIR       depth of every frame (in the order of the numbers in their names) and the trajectory; a net that looks at
                       neighbours sees those one step away. DIR may be a file made by tools/prepare_data.py

Pictures are resized to the size that the net was made for (of its data layer's file, else --size), intrinsics with them. Only
what the results need is run, so losses and ground truth do not matter. Depth is bottom 0 of the first DepthError layer, else of
EigenLoss, Transform3DGrid or Disparity1D (a disparity), of what is computed from the picture; --depth-blob or --disparity-blob
name another. Motion is bottom 0 of PoseError, else the top of the last SE3Generator or EulerGenerator; --pose-blob names another.
A disparity d becomes depth fx B / d by --intrinsics and --baseline B, without them 1 / d, of unknown scale.

With --out FOLDER, of a picture or pair: depth.png (16 bits, values depth * --depth-scale), depth_color.png (colours of inverse
depth), points.ply (--ply), pose.json, and panel.png (src, tgt, src warped to tgt, error) where the net warps an image. Of a
folder: depth/NAME.png (for `tools/eval_depth.py --pred FOLDER/depth`) and so on, panel/NAME.png being src, tgt and warped alone;
trajectory_kitti.txt and trajectory_tum.txt, camera to world, for tools/eval_odometry.py (times: the names of the frames where
these are rising numbers, else 0, 1, 2 ...).
"""

from pycaffe_geo.commands._common import (
    device_of,
    device_options,
    net_definition,
    net_options,
    option,
    output_folder,
    positive,
    progress,
    whole,
)
from pycaffe_geo.errors import PycaffeGeoError, SpecError

EXAMPLE = """
tools/infer.py --net prototxt/pose_early_fusion_small.yaml --src docs/example/src.png --tgt docs/example/tgt.png \\
    --depth docs/example/depth.png --intrinsics 65.6,70,79.5,63.5 --out runs/infer
tools/infer.py --net prototxt/sfmlearner_small.yaml --image docs/example/tgt.png --fov 101 --ply --out runs/infer_depth
tools/infer.py --net prototxt/sfmlearner_small.yaml --weights runs/sfmlearner_small/net_iter_4000.caffemodel.h5 \\
    --folder frames --step 3 --fov 65 --out runs/infer_video
"""


def arguments(parser):
    from pycaffe_geo.commands._prepare._recording import size

    net_options(parser, phase="TEST")
    option(parser, "weights", help="trained weights (default: the initial values, whose results mean nothing)")
    parser.add_argument("--image", metavar="FILE", help="one picture")
    parser.add_argument("--src", metavar="FILE", help="the picture that is warped, of a pair")
    parser.add_argument("--tgt", metavar="FILE", help="the picture that src is warped to, of a pair")
    parser.add_argument("--depth", metavar="FILE",
                        help="depth of tgt, for nets that warp by it: a 16-bit PNG, or .npy, .npz or HDF5 in metres; 0 = none")
    parser.add_argument("--folder", metavar="DIR",
                        help="video frames: a folder of pictures, or a file of prepare_data")
    parser.add_argument("--step", metavar="N", type=whole, default=1,
                        help="take every N-th picture of --folder (default: %(default)s)")
    camera = parser.add_mutually_exclusive_group()
    option(camera, "intrinsics")
    camera.add_argument("--fov", type=positive, metavar="DEGREES",
                        help="how wide the camera sees, where intrinsics are not known")
    parser.add_argument("--baseline", metavar="M", type=positive, help="metres to the right camera")
    parser.add_argument("--size", metavar="WxH", type=size,
                        help="what the pictures are resized to (default: what the net's file says)")
    maps = parser.add_mutually_exclusive_group()
    maps.add_argument("--depth-blob", metavar="NAME", help="the blob of predicted depth")
    maps.add_argument("--disparity-blob", metavar="NAME", help="the blob of predicted disparity")
    parser.add_argument("--pose-blob", metavar="NAME", help="the blob of predicted transforms")
    option(parser, "depth-scale")
    option(parser, "out", metavar="FOLDER", help="write the results to this folder")
    parser.add_argument("--ply", action="store_true", help="write point clouds; needs --intrinsics or --fov")
    parser.add_argument("--full-size", action="store_true", help="write depth and points at the size of the pictures")
    device_options(parser)


def run(args):
    from pycaffe_geo.commands._infer.frames import frames_of
    from pycaffe_geo.commands._infer.inputs import as_inputs
    from pycaffe_geo.commands._infer.outputs import choose_outputs
    from pycaffe_geo.commands._infer.results import Results

    definition, roles = as_inputs(net_definition(args), args.size)
    net = _build(definition, args)
    frames = frames_of(args, roles.values())
    if args.ply and not frames.has(0, ["intrinsics"]):
        raise PycaffeGeoError("--ply needs the camera: give --intrinsics or --fov")
    outputs, missing = choose_outputs(net, roles, frames, args.depth_blob, args.disparity_blob, args.pose_blob)
    net.share_memory([name for output in outputs.values() for name in output.blobs], trains=False)
    results = Results(args.out and output_folder(args.out), frames, args)
    motions = {}
    for t in progress(len(frames), "predicting") if args.folder else range(1):
        made = {what: output for what, output in outputs.items() if frames.has(t, output.roles)}
        _predict(net, roles, frames, t, made.values())
        if "depth" in made:
            _take_depth(net, made["depth"], results, t)
        if "motion" in made:
            _take_motion(net, made["motion"], roles.values(), results, t, motions)
        if "warp" in made and args.out:
            results.write_panel(t, net)
    if args.folder and "motion" in outputs:
        results.write_trajectory(motions)
    for text in missing:
        print(f"not made: {text}")
    if args.out:
        print(f"written to {args.out}")


def _build(definition, args):
    from pycaffe_geo.net import Net

    state = dict(level=args.level, stages=tuple(args.stage))
    return Net(definition, args.phase, args.weights, **state, device=device_of(args), seed=args.seed, max_memory=args.max_memory)


def _predict(net, roles, frames, t, outputs):
    """Run the layers that `outputs` need on frame t."""
    needed = {role for output in outputs for role in output.roles}
    size = next(net.blobs[name].shape[2:] for name, role in roles.items() if role == "color 0")
    for name, role in roles.items():
        if role in needed:
            net.blobs[name].data[...] = net.device.asarray(frames.blob(t, role, *size), dtype=net.dtype)
    for i in sorted({i for output in outputs for i in output.layers}):
        net.forward_layer(i)


def _take_depth(net, output, results, t):
    """Write the depth of frame t; of a single one print its range."""
    import numpy as np

    from pycaffe_geo.backend import asnumpy
    from pycaffe_geo.commands._infer.results import as_depth

    args, frames, data = results.args, results.frames, asnumpy(net.blobs[output.blobs[0]].data)
    known = output.kind != "disparity" or frames.has(t, ["intrinsics", "baseline"])
    focal_baseline = 1.0
    if known and output.kind == "disparity":
        focal_baseline = float(frames.camera(t, *data.shape[2:])[0, 0] * frames.blob(t, "baseline", *data.shape[2:]).item())
    depth = as_depth(output, data, focal_baseline, frames.names[t])
    if not args.folder:
        least, middle, most = np.percentile(depth[depth > 0], [0, 50, 100])
        unit = "" if known else ", of unknown scale: --intrinsics and --baseline give metres"
        print(f"depth '{output.blobs[0]}': {least:.4g} to {most:.4g}, median {middle:.4g}{unit}")
    if args.out:
        results.write_depth(t, depth)


def _take_motion(net, output, roles, results, t, motions):
    """Gather the motions that are known at frame t; of a pair print and write the motion."""
    from pycaffe_geo.backend import asnumpy
    from pycaffe_geo.commands._infer.results import gather_motions

    blob = net.blobs[output.blobs[0]]
    offsets = [int(role.split()[1]) for role in roles if role.startswith("color ") and role != "color 0"]
    if len(offsets) != blob.shape[0] or blob.count != 16 * len(offsets):
        raise SpecError(f"blob '{blob.name}' is {blob.shape}, expected a transform (4, 4) to each of the frames at {offsets}: "
                        "name the blob of the motions by --pose-blob")
    poses = asnumpy(blob.data).astype(float).reshape(-1, 4, 4)
    if results.args.folder:
        gather_motions(motions, t, offsets, poses)
        return
    _print_pose(poses[0])
    if results.args.out:
        results.write_pose(poses[0])


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
