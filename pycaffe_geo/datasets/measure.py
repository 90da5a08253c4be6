"""What pairs are like: their motion and depth, how far pixels move, and the colour error before and after the true warp."""

import numpy as np

from pycaffe_geo.geometry import se3, so3
from pycaffe_geo.geometry.camera import pinhole, transform_grid
from pycaffe_geo.geometry.sampling import warp


def warp_pairs(batch):
    """Warp src to tgt by the true motion of a batch (see `PairFile.batch`).

    Returns warped (N, 3, H, W), 0 where nothing is seen; seen (N, H, W) bool: pixels of tgt with depth that fall inside src;
    flow (N, 2, H, W) in pixels.
    """
    src, depth, intrinsics, pose = (np.asarray(batch[name], np.float32) for name in ("src", "depth", "intrinsics", "pose"))
    flow, coords, inside = pinhole(transform_grid(depth, pose, intrinsics), intrinsics)
    seen = (inside > 0) & (depth > 0)
    return np.where(seen, warp(src, coords)[0], 0), seen[:, 0], flow


def measure_pairs(batch):
    """Measure every pair of a batch (see `PairFile.batch`): a dict of arrays whose first axis is the pair.

    rotation (N, 3): rotation vector of T_src_tgt in degrees; translation (N, 3): metres. Over tgt's pixels: no_depth and seen
    (shares, see `warp_pairs`); depth (N, 3): least, median and largest, metres; and over the pixels seen: flow (mean length,
    pixels), unwarped and warped (mean absolute colour error to tgt, 0..255). wrong: that of the inverse motion's warp, over
    the pixels which that one sees. NaN where no pixel counts.
    """
    pose = np.asarray(batch["pose"], np.float64).reshape(-1, 4, 4)
    warped, seen, flow = warp_pairs(batch)
    backwards, seen_backwards, _ = warp_pairs({**batch, "pose": se3.inverse(pose)})
    return {
        "rotation": np.degrees(so3.log(pose[:, :3, :3])),
        "translation": pose[:, :3, 3],
        "no_depth": (batch["depth"] <= 0).mean(axis=(1, 2, 3)),
        "seen": seen.mean(axis=(1, 2)),
        "depth": np.stack([_depth_range(depth) for depth in batch["depth"]]),
        "flow": _mean(np.hypot(flow[:, 0], flow[:, 1]), seen),
        "unwarped": _error(batch["src"], batch["tgt"], seen),
        "warped": _error(warped, batch["tgt"], seen),
        "wrong": _error(backwards, batch["tgt"], seen_backwards),
    }


def _error(image, target, seen):
    return _mean(np.abs(image - target).mean(axis=1), seen)


def _mean(values, seen):
    """Return the means (N,) of values (N, H, W) where `seen`, NaN where nothing is."""
    count = seen.sum(axis=(1, 2))
    total = np.where(seen, values, 0).sum(axis=(1, 2), dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _depth_range(depth):
    known = depth[depth > 0]
    return [known.min(), np.median(known), known.max()] if known.size else [np.nan] * 3
