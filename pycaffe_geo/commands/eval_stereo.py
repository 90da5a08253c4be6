"""Measure disparities that a network predicts from one picture by how well they warp the right picture of a pair to the left one.

The network has FrameData with the items color and right, and Disparity1D. For each --fold its weights look at the left pictures
of TEST_FILE, at the network's size. The error is the mean absolute difference (0..255) over channels and over the columns that
--max-disparity leaves, the same pixels for all:

    identity    no disparity
    rows        for each row the disparity that is best for the pairs of TRAIN_FILE: the best guess without looking
    network     the prediction
    matching    block matching of both pictures: each pixel's disparity with the least error over --block x --block pixels

`way` is (identity - error) / (identity - matching). Disparities of rows and matching are tried from 0 to --max-disparity in steps
of --step pixels.
"""

import argparse

from pycaffe_geo.commands._common import (
    device_of,
    device_options,
    index,
    option,
    output_folder,
    positive,
    progress,
    table,
    whole,
    write_json,
)
from pycaffe_geo.errors import DataError, SpecError

EXAMPLE = """
tools/eval_stereo.py --net prototxt/ravi_garg_stereo_small.yaml --fold runs/fold0/net_iter_150.caffemodel.h5 \\
    train0.h5 test0.h5 --out runs/stereo
"""
_AS_STORED = ("world={}", "batch_size=1", "prefetch=false", "shuffle=false", "mirror=false", "random_scale=1", "color_jitter=0")
METHODS = ("identity", "rows", "network", "matching")


def arguments(parser):
    option(parser, "net", required=True)
    parser.add_argument("--fold", nargs=3, action="append", required=True, metavar=("WEIGHTS", "TRAIN_FILE", "TEST_FILE"),
                        help="trained weights, the pairs they were trained on, and held-out pairs; repeatable")
    parser.add_argument("--max-disparity", metavar="PX", type=index, default=24,
                        help="at the network's size (default: %(default)s)")
    parser.add_argument("--step", metavar="PX", type=positive, default=0.25, help="between disparities (default: %(default)s)")
    parser.add_argument("--block", metavar="PX", type=_odd, default=3, help="side of a block, odd (default: %(default)s)")
    option(parser, "out", metavar="FOLDER", help="write errors.json, and for each fold a PNG of pictures, disparities and warps")
    device_options(parser)


def _odd(text):
    value = whole(text)
    if value % 2 == 0:
        raise argparse.ArgumentTypeError(f"got '{text}', expected an odd number")
    return value


def run(args):
    from pycaffe_geo.metrics.stereo import way

    folder = output_folder(args.out) if args.out else None
    rows, size = [], None
    for i in progress(len(args.fold), "measuring"):
        found, size = _fold(args, *args.fold[i], folder and folder / f"fold{i}.png")
        rows.append(found)
    means = {name: sum(row[name] for row in rows) / len(rows) for name in METHODS}
    for row in (*rows, means):
        row.update({f"way {name}": way(row["identity"], row["matching"], row[name]) for name in ("rows", "network")})
    print(f"{len(rows)} fold(s) at {size[1]}x{size[0]}, columns from {args.max_disparity}; errors 0..255")
    cells = [[f"{value:.3f}" for value in row.values()] for row in (*rows, means)]
    print(table([["fold", *means], *([name, *row] for name, row in zip([*range(len(rows)), "mean"], cells))]))
    if folder:
        result = dict(max_disparity=args.max_disparity, step=args.step, block=args.block, size=size, folds=rows, mean=means)
        write_json(folder / "errors.json", result)
        print(f"written to {folder}")


def _fold(args, weights, train, test, panel):
    """Return {method: error} and the size (H, W); draw the PNG `panel` unless that is None."""
    import numpy as np

    from pycaffe_geo.metrics import stereo

    left, right, predicted = _predict(args, weights, test)
    candidates = np.arange(0, args.max_disparity + 1e-6, args.step)
    shape = left.shape[2:]
    if args.max_disparity >= shape[1]:
        raise DataError(f"--max-disparity {args.max_disparity}: the pictures are {shape[1]} pixels wide")
    rows = stereo.row_disparities(stereo.candidate_errors(*_pictures(train, shape), candidates), candidates)
    matched = stereo.block_matching(stereo.candidate_errors(left, right, candidates), candidates, args.block)
    disparities = dict(zip(METHODS, (np.zeros_like(matched), np.broadcast_to(rows[:, None], matched.shape), predicted, matched)))
    errors = {name: stereo.photometric_error(left, right, d.astype(np.float32)) for name, d in disparities.items()}
    if panel:
        _draw(panel, left, right, disparities, errors)
    return {name: float(error[..., args.max_disparity:].mean()) for name, error in errors.items()}, shape


def _pictures(path, shape):
    """Return the left and right pictures (F, 3, H, W) of a file of pairs."""
    import numpy as np

    from pycaffe_geo.datasets.pairs import PairFile

    file = PairFile(path)
    file.require("color", "right")
    frames = np.arange(file.frames)
    file.check_frames(frames)
    left, right = (file.images(name, frames) for name in ("color", "right"))
    if left.shape[2:] != tuple(shape):
        sizes = [f"{s[1]}x{s[0]}" for s in (left.shape[2:], shape)]
        raise DataError(f"{path}: pictures are {sizes[0]}, expected {sizes[1]}, the size of those held out")
    return left, right


def _predict(args, weights, test):
    """Return the left and right pictures (F, 3, H, W) of the file `test` and the disparities (F, H, W) of the left ones."""
    import numpy as np

    from pycaffe_geo.backend import asnumpy
    from pycaffe_geo.net import Net
    from pycaffe_geo.spec import NetState, filter_net, load_net

    definition = filter_net(load_net(args.net), NetState("TEST"))
    data = [layer.name for layer in definition.layers if layer.type == "FrameData"]
    if not data or "Disparity1D" not in [layer.type for layer in definition.layers]:
        raise SpecError(f"{args.net}: has no FrameData or no Disparity1D layer in TEST, expected both")
    words = [f"{data[0]}.frame_data_param.{word}" for word in (f"source={test}", *_AS_STORED)]
    net = Net(load_net(args.net, overrides=words), "TEST", weights, device=device_of(args))
    number = net.layer_index(data[0])
    names = net.layers[number].top_names()
    if not {"color 0", "right 0"} <= set(names):
        raise SpecError(f"{net.layers[number].where}: has the items {', '.join(names)}, expected color and right")
    blobs = [net.tops[number][names.index(name)] for name in ("color 0", "right 0")]
    layer, bottoms = next((layer, bottoms) for layer, bottoms in zip(net.layers, net.bottoms) if layer.type == "Disparity1D")
    blobs += bottoms
    found = []
    for _ in net.layers[number].good:
        net.forward()
        found.append([asnumpy(blob.data).copy() for blob in blobs])
    left, right, disparity = (np.concatenate(arrays) for arrays in zip(*found))
    return left, right, -layer.disparity_1d_param.sign * disparity[:, 0]


def _draw(path, left, right, disparities, errors):
    from pycaffe_geo.metrics.stereo import warp_right
    from pycaffe_geo.plots.panels import draw_panels, to_rgb

    titles = ["left", "right, warped", "disparity, network", "disparity, matching", "error, no disparity", "error, network"]
    warped = warp_right(right, disparities["network"])
    rows = [[to_rgb(left[k]), to_rgb(warped[k]), disparities["network"][k], disparities["matching"][k], errors["identity"][k],
             errors["network"][k]] for k in range(len(left))]
    draw_panels(path, titles, rows)
