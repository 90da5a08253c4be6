"""Measure predicted depth against the ground truth: abs_rel, sq_rel, rmse, rmse_log, a1-a3, log10, silog.

--pred and --gt are folders of 16-bit PNG, .npy or .npz files (matched by name), or one such file or an HDF5 file of many maps
(matched by order); `file.h5:depth` names the array. Depth is in metres, 0 = none in the ground truth. Predictions are resized to
the ground truth's size (bilinear). Pixels with --min-depth < depth < --cap inside the crop count; predictions are clipped to that
range; errors are means over the pixels of an image, then over the images.

    garg    rows 0.40810811 .. 0.99189189, columns 0.03594771 .. 0.96405229 of the image (KITTI)
    eigen   rows 0.3324324 .. 0.91351351, columns 0.0359477 .. 0.96405229 (KITTI)
    nyu     rows 45 .. 470, columns 41 .. 600 of 480 x 640

--median-scaling multiplies each prediction by median(gt) / median(pred), for methods that do not know the scale. --disparity: the
predictions are disparities in pixels of their own width; depth = --focal-baseline / disparity, focal length in pixels of the
ground truth's width times baseline in metres. Without it they are inverse depths, which needs --median-scaling.
"""

import logging

from pycaffe_geo.commands._common import option, output_file, positive, progress, table, write_csv, write_json
from pycaffe_geo.errors import DataError, listed, nearest

log = logging.getLogger(__name__)

EXAMPLE = """
tools/eval_depth.py --pred predictions --gt ground_truth --depth-scale 256 --crop garg --cap 80 --csv errors.csv --out errors.png
tools/eval_depth.py --pred disparity.npy --disparity --focal-baseline 389.6 --gt depth.h5:depth --crop garg --cap 50
"""


def arguments(parser):
    parser.add_argument("--pred", required=True, metavar="PATH", help="predictions: a folder or a file")
    parser.add_argument("--gt", required=True, metavar="PATH", help="ground truth: a folder or a file")
    parser.add_argument("--crop", choices=("garg", "eigen", "nyu", "none"), default="none",
                        help="part of the image that counts (default: %(default)s)")
    parser.add_argument("--cap", metavar="M", type=positive, default=80, help="largest depth that counts (default: %(default)s)")
    parser.add_argument("--min-depth", metavar="M", type=positive, default=1e-3,
                        help="smallest depth that counts (default: %(default)s)")
    parser.add_argument("--median-scaling", action="store_true", help="bring each prediction to the median of its ground truth")
    parser.add_argument("--disparity", action="store_true", help="the predictions are disparities")
    parser.add_argument("--focal-baseline", metavar="X", type=positive, help="focal length (pixels) times baseline (metres)")
    option(parser, "depth-scale")
    parser.add_argument("--pred-scale", metavar="X", type=positive,
                        help="values of a predicted PNG per metre, or per pixel of disparity (default: --depth-scale)")
    parser.add_argument("--csv", metavar="FILE", help="write the errors of every image to this file")
    parser.add_argument("--json", metavar="FILE", help="write the means and how they were made to this file")
    option(parser, "out", metavar="FILE", help="draw the best, the median and the worst image by abs_rel to this PNG")


def run(args):
    from pycaffe_geo.metrics.depth import image_errors, mean_errors

    if args.focal_baseline and not args.disparity:
        raise DataError("--focal-baseline is for --disparity")
    if args.disparity and not (args.focal_baseline or args.median_scaling):
        raise DataError("--disparity has no scale: give --focal-baseline or --median-scaling")
    if args.cap <= args.min_depth:
        raise DataError(f"--cap {args.cap:g} is not above --min-depth {args.min_depth:g}")
    images, range_ = _images(args), dict(min_depth=args.min_depth, cap=args.cap, crop=args.crop)
    errors = []
    for i in progress(len(images), "measuring"):
        predicted, truth = _load(images[i], args)
        place = f"image '{images[i][0]}'"
        errors.append(image_errors(predicted, truth, place, **range_, median_scaling=args.median_scaling))
    means = mean_errors(errors)
    scaling = _scaling(errors) if args.median_scaling else None
    print(_text(args, len(images), means, scaling))
    _tell_without(args, *(sum(e[key] for e in errors) for key in ("without", "pixels")))
    if args.json:
        result = dict(images=len(images), pred=args.pred, gt=args.gt, **range_, disparity=args.disparity)
        result |= dict(median_scaling=scaling, errors=means)
        write_json(args.json, result)
    if args.csv:
        write_csv(args.csv, ["image", *errors[0]], [[image[0], *e.values()] for image, e in zip(images, errors)])
    if args.out:
        _draw(output_file(args.out), args, images, errors)


def _images(args):
    """Return [(name, function that reads the prediction, function that reads the truth)]."""
    from pathlib import Path

    from pycaffe_geo.datasets.depth_files import depth_maps

    predictions, truths = depth_maps(args.pred, args.pred_scale or args.depth_scale), depth_maps(args.gt, args.depth_scale)
    if Path(args.pred).is_dir() and Path(args.gt).is_dir():
        by_name = dict(predictions)
        missing = [name for name, _ in truths if name not in by_name]
        if missing:
            raise DataError(f"{args.pred}: no prediction for {len(missing)} of {len(truths)} maps of {args.gt}: "
                            f"{listed(missing, 5)}{nearest(missing[0], by_name)}")
        return [(name, by_name[name], read) for name, read in truths]
    if len(predictions) != len(truths):
        raise DataError(f"{args.pred}: has {len(predictions)} maps, {args.gt} has {len(truths)}; expected as many")
    return [(name, prediction, truth) for (name, truth), (_, prediction) in zip(truths, predictions)]


def _load(image, args):
    """Return the predicted depth, resized, and the true depth, each (H, W)."""
    import numpy as np

    from pycaffe_geo.geometry.sampling import resize

    _, read_prediction, read_truth = image
    predicted, truth = read_prediction(), read_truth()
    width = predicted.shape[1]
    if predicted.shape != truth.shape:
        predicted = resize(predicted, *truth.shape)
    if args.disparity:
        disparity = predicted * (truth.shape[1] / width)
        predicted = np.full_like(disparity, np.inf)
        np.divide(args.focal_baseline or 1, disparity, out=predicted, where=~(disparity <= 0))  # a NaN stays one
    return predicted, truth


def _scaling(errors):
    """Return the median of the factors on the predictions, and their standard deviation over it."""
    import numpy as np

    factors = np.array([e["scale"] for e in errors])
    middle = float(np.median(factors))
    return {"median_factor": middle, "relative_spread": float((factors / middle).std())}


def _text(args, count, means, scaling):
    told = "median scaling: none"
    if scaling:
        told = ("median scaling: every prediction times median(gt) / median(pred); median of the factors "
                "{median_factor:.4f}, their standard deviation over it {relative_spread:.4f}".format(**scaling))
    return "\n".join([
        f"{count} image(s); {args.min_depth:g} < depth < {args.cap:g} m; crop: {args.crop}; means per image, then over images",
        told,
        table([list(means), [f"{value:.4f}" for value in means.values()]], left=0),
    ])


def _tell_without(args, without, pixels):
    if without:
        log.warning("%s: at %d of %d pixels that count (%.1f%%) the prediction is not above 0 and is taken as %g m: is it a map "
                    "with holes, or are --pred and --gt swapped?", args.pred, without, pixels, 100 * without / pixels,
                    args.min_depth)


def _draw(path, args, images, errors):
    """Draw prediction, truth and relative error of the best, the median and the worst image by abs_rel."""
    import numpy as np

    from pycaffe_geo.metrics.depth import valid_mask
    from pycaffe_geo.plots.panels import draw_panels

    order = sorted(range(len(images)), key=lambda i: errors[i]["abs_rel"])
    rows, captions = [], []
    for i, label in {order[-1]: "worst", order[len(order) // 2]: "median", order[0]: "best"}.items():
        predicted, truth = _load(images[i], args)
        predicted = np.clip(predicted * errors[i]["scale"], args.min_depth, args.cap)
        valid = valid_mask(truth, args.min_depth, args.cap, args.crop)
        rows.append([predicted, truth, np.where(valid, abs(predicted - truth) / np.where(valid, truth, 1), 0)])
        captions.append([f"{label}: {images[i][0]}, predicted", "ground truth", f"abs_rel {errors[i]['abs_rel']:.4f}"])
    draw_panels(path, ["depth, m", "depth, m", "relative error"], rows, captions)
