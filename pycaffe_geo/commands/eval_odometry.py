"""Measure an estimated camera trajectory against the ground truth: ATE, RPE and KITTI's errors per length.

Files hold camera-to-world poses in metres: KITTI, 12 numbers for each frame, or TUM, `timestamp tx ty tz qx qy qz qw`, whose
frames are matched by time. The estimate is aligned to the truth first; all errors are of the aligned estimate:

    ATE    root mean square of the distances between the positions
    RPE    root mean square of the errors of the motions over --delta frames, from every frame on
    KITTI  means over segments of 100, 200 .. 800 m from every 10th frame on: percent of the length, degrees per 100 m

--snippets adds SfMLearner's error over snippets of 5 frames (mean and standard deviation): each starts at its own first camera
and has its own scale; it is the norm of the errors divided by 5, as their program computes it.
With --out FOLDER: trajectory.png, frames.csv, segments.csv, and aligned.txt in the format of the input.
"""

from pycaffe_geo.commands._common import option, output_folder, positive, table, whole, write_csv, write_json
from pycaffe_geo.errors import DataError

EXAMPLE = "tools/eval_odometry.py --gt poses/09.txt --est 09.txt --format kitti --align sim3 --json errors.json --out runs/09"


def arguments(parser):
    parser.add_argument("--gt", required=True, metavar="FILE", help="the true trajectory")
    parser.add_argument("--est", required=True, metavar="FILE", help="the estimated trajectory")
    parser.add_argument("--format", choices=("kitti", "tum"), default="kitti", help="of both files (default: %(default)s)")
    parser.add_argument("--align", choices=("none", "se3", "sim3"), default="se3",
                        help="what moves the estimate onto the truth; sim3 also scales it (default: %(default)s)")
    parser.add_argument("--delta", metavar="N", type=whole, default=1, help="frames of a motion of RPE (default: %(default)s)")
    parser.add_argument("--max-difference", metavar="S", type=positive, default=0.01,
                        help="largest difference of matched TUM time stamps, in seconds (default: %(default)s)")
    parser.add_argument("--snippets", action="store_true", help="add SfMLearner's error over snippets of 5 frames")
    parser.add_argument("--json", metavar="FILE", help="write the errors to this file; null where the trajectory is too short")
    option(parser, "out", metavar="FOLDER", help="write a picture and tables to this folder")


def run(args):
    from pycaffe_geo.metrics.trajectory import ate_5_frame, path_length, trajectory_errors

    times, truth, estimate = _read(args)
    summary, aligned = trajectory_errors(estimate, truth, args.align, args.delta)
    if args.snippets:
        summary |= zip(("ate_5_frame_mean", "ate_5_frame_std"), ate_5_frame(estimate, truth))
    way = path_length(truth)
    print(f"{len(truth)} frames, {way[-1]:.3f} m; alignment: {args.align}, scale {summary['scale']:.6f}")
    print(_text(summary, args.delta))
    if args.json:
        write_json(args.json, summary)
    if args.out:
        _write(output_folder(args.out), args, times, truth, aligned, way)


def _read(args):
    """Return (times (F,) or None, true and estimated poses (F, 4, 4)) of the frames that are in both files."""
    from pycaffe_geo.datasets.trajectory import matched, read_kitti, read_tum_trajectory

    if args.format == "kitti":
        truth, estimate = read_kitti(args.gt), read_kitti(args.est)
        if len(truth) != len(estimate):
            raise DataError(f"{args.est}: has {len(estimate)} poses, expected {len(truth)} as in {args.gt}: "
                            "KITTI files have one line for each frame")
        return None, truth, estimate
    times, truth = read_tum_trajectory(args.gt)
    own_times, estimate = read_tum_trajectory(args.est)
    i, j = matched(own_times, times, args.max_difference)
    print(f"{len(i)} of {len(estimate)} estimated frames have a ground truth within {args.max_difference:g} s")
    return own_times[i], truth[j], estimate[i]


def _text(summary, delta):
    """Return the table of the errors."""
    frames = "1 frame" if delta == 1 else f"{delta} frames"
    names = {
        "ate_rmse": "ATE, rmse, m",
        "rpe_trans_rmse": f"RPE over {frames}, translation, rmse, m",
        "rpe_rot_rmse_deg": f"RPE over {frames}, rotation, rmse, degrees",
        "t_err_percent": "KITTI 100 .. 800 m, translation, %",
        "r_err_deg_per_100m": "KITTI 100 .. 800 m, rotation, degrees per 100 m",
        "ate_5_frame_mean": "ATE of 5-frame snippets (SfMLearner's), mean, m",
        "ate_5_frame_std": "ATE of 5-frame snippets, standard deviation, m",
    }
    shown = {name: summary[key] for key, name in names.items() if key in summary}
    return table([[name, "too short" if value is None else f"{value:.6f}"] for name, value in shown.items()])


def _write(folder, args, times, truth, aligned, way):
    """Write the picture, the tables and the aligned trajectory."""
    from pycaffe_geo.datasets.trajectory import write_kitti, write_tum
    from pycaffe_geo.metrics.trajectory import absolute_errors, relative_errors, segment_errors
    from pycaffe_geo.plots.trajectory import draw_trajectory

    errors = absolute_errors(aligned, truth)
    shifts, turns = relative_errors(aligned, truth, args.delta) if len(truth) > args.delta else ((), ())
    title = f"{args.est}, alignment {args.align}"
    draw_trajectory(folder / "trajectory.png", truth[:, :3, 3], aligned[:, :3, 3], way, errors, title)
    frames = [[i, *row] for i, row in enumerate(zip(way, errors))]
    for frame, shift, turn in zip(frames, shifts, turns):
        frame += [shift, turn]
    write_csv(folder / "frames.csv", ["frame", "way_m", "ate_m", "rpe_trans_m", "rpe_rot_deg"], frames)
    segments = [[int(first), int(metres), *rest] for first, metres, *rest in segment_errors(aligned, truth)]
    write_csv(folder / "segments.csv", ["first_frame", "metres", "t_err_percent", "r_err_deg_per_100m"], segments)
    if times is None:
        write_kitti(folder / "aligned.txt", aligned)
    else:
        write_tum(folder / "aligned.txt", times, aligned)
    print(f"written to {folder}")
