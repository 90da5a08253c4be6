"""Errors of camera trajectories: alignment, absolute and relative errors, KITTI's segments, SfMLearner's snippets.

A trajectory is P (F, 4, 4) float64, camera to world, in the order of time; the motion between two of its cameras is
inv(P_i) P_j, which maps points of camera j into camera i.
"""

import numpy as np

from pycaffe_geo.errors import DataError
from pycaffe_geo.geometry import se3
from pycaffe_geo.metrics.pose import rotation_error, translation_error

ALIGNMENTS = ("none", "se3", "sim3")
SEGMENT_LENGTHS = (100, 200, 300, 400, 500, 600, 700, 800)  # metres
SEGMENT_STEP = 10  # frames between the first frames of KITTI's segments


def chain(motions):
    """Return the trajectory (F + 1, 4, 4) that begins at the identity and moves by motions (F, 4, 4), inv(P_i) P_(i+1).

    The products are formed by doubling: in round k every pose takes the one 2^k before it on its left.
    """
    poses = np.concatenate([np.eye(4)[None], motions])
    step = 1
    while step < len(poses):
        poses[step:] = poses[:-step] @ poses[step:]
        step *= 2
    return poses


def motions(poses, delta=1):
    """Return the motions inv(P_i) P_(i+delta) (F - delta, 4, 4), one for each i."""
    return se3.relative(poses[:-delta], poses[delta:])


def umeyama(points, targets, with_scale):
    """Return s, R (3, 3), t (3,) that make sum |s R p + t - q|^2 least over points p and targets q (n, 3) (Umeyama 1991).

    s is 1 unless with_scale. DataError where the scale is asked for and the points, or the targets, are all one.
    """
    mean_p, mean_q = points.mean(axis=0), targets.mean(axis=0)
    p, q = points - mean_p, targets - mean_q
    u, values, vt = np.linalg.svd(q.T @ p)
    sign = np.array([1, 1, np.sign(np.linalg.det(u) * np.linalg.det(vt))])  # keeps R from being a reflection
    rotation = u * sign @ vt
    scale = 1.0
    if with_scale:
        for name, places in (("estimate", points), ("ground truth", targets)):
            if (places == places[0]).all():
                raise DataError(f"the {name} does not move: no scale aligns the two")
        scale = float(values @ sign / (p**2).sum())
    return scale, rotation, mean_q - scale * rotation @ mean_p


def align(estimate, truth, mode):
    """Return (the estimate aligned to the truth (F, 4, 4), the scale); mode is one of ALIGNMENTS.

    The similarity is that of `umeyama` on the cameras' positions; it moves the positions and turns the rotations.
    """
    if mode == "none":
        return estimate, 1.0
    scale, rotation, shift = umeyama(estimate[:, :3, 3], truth[:, :3, 3], mode == "sim3")
    aligned = estimate.copy()
    aligned[:, :3, :3] = rotation @ estimate[:, :3, :3]
    aligned[:, :3, 3] = scale * estimate[:, :3, 3] @ rotation.T + shift
    return aligned, scale


def root_mean_square(errors):
    """Return sqrt(mean(errors^2)) of errors (n,) as a float."""
    return float(np.sqrt((errors**2).mean()))


def absolute_errors(estimate, truth):
    """Return the distances (F,) of the positions; ATE (Sturm et al. 2012) is their root mean square after `align`."""
    return translation_error(estimate, truth)


def relative_errors(estimate, truth, delta=1):
    """Return translation (metres) and rotation (degrees) errors, each (F - delta,), of all motions over `delta` frames (RPE)."""
    found, wanted = motions(estimate, delta), motions(truth, delta)
    return translation_error(found, wanted), rotation_error(found, wanted)


def path_length(poses):
    """Return the length (F,) in metres of the way to each camera; the first is 0."""
    steps = np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1)
    return np.concatenate([[0.0], steps.cumsum()])


def segment_errors(estimate, truth):
    """Return rows (first frame, metres, t_err percent, r_err degrees per 100 m), (n, 4), of KITTI's odometry benchmark.

    From every 10th frame on, and for every length of 100 .. 800 m, a segment ends at the first frame whose way in the truth is
    longer than that; one that does not end is left out. Errors are those of the segment's motion, over its nominal length.
    """
    way = path_length(truth)
    first, metres = (a.ravel() for a in np.meshgrid(np.arange(0, len(way), SEGMENT_STEP), SEGMENT_LENGTHS, indexing="ij"))
    last = np.searchsorted(way, way[first] + metres, side="right")
    ends = last < len(way)
    first, metres, last = first[ends], metres[ends], last[ends]
    found, wanted = (se3.relative(poses[first], poses[last]) for poses in (estimate, truth))
    errors = 100 * translation_error(found, wanted), 100 * rotation_error(found, wanted)
    return np.stack([first, metres, *(error / metres for error in errors)], axis=1)


def ate_5_frame(estimate, truth):
    """Return (mean, standard deviation) in metres of SfMLearner's error over all snippets of 5 frames, (None, None) below 5.

    Zhou et al. 2017, as their program computes it: each snippet starts at its own first camera, the estimate is scaled by
    sum(p q) / sum(p p) and not turned, and the error is sqrt(sum |s p - q|^2) / 5: a fifth of the norm, not a root mean square.
    An estimate that stands still has the scale 0.
    """
    count = len(truth) - 4
    if count < 1:
        return None, None
    frames = np.arange(count)[:, None] + np.arange(5)
    p, q = (se3.relative(poses[frames[:, :1]], poses[frames])[..., :3, 3] for poses in (estimate, truth))
    squares = (p * p).sum(axis=(1, 2))
    scale = (p * q).sum(axis=(1, 2)) / np.where(squares > 0, squares, 1)
    errors = np.sqrt(((scale[:, None, None] * p - q) ** 2).sum(axis=(1, 2))) / 5
    return float(errors.mean()), float(errors.std())


def trajectory_errors(estimate, truth, alignment="se3", delta=1):
    """Return the summary of an estimate (F, 4, 4), and the aligned estimate.

    {ate_rmse (m), scale, rpe_trans_rmse (m), rpe_rot_rmse_deg, t_err_percent, r_err_deg_per_100m}: all of the aligned estimate,
    so a sim3 alignment also scales the relative errors. KITTI's two are means over all segments. A value is None where the
    trajectory is too short for it.
    """
    aligned, scale = align(estimate, truth, alignment)
    summary = {"ate_rmse": root_mean_square(absolute_errors(aligned, truth)), "scale": scale, "rpe_trans_rmse": None,
               "rpe_rot_rmse_deg": None, "t_err_percent": None, "r_err_deg_per_100m": None}
    if len(truth) > delta:
        shift, turn = relative_errors(aligned, truth, delta)
        summary |= {"rpe_trans_rmse": root_mean_square(shift), "rpe_rot_rmse_deg": root_mean_square(turn)}
    segments = segment_errors(aligned, truth)
    if len(segments):
        summary |= {"t_err_percent": float(segments[:, 2].mean()), "r_err_deg_per_100m": float(segments[:, 3].mean())}
    return summary, aligned
