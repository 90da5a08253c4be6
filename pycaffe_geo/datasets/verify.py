"""Does data mean what it says? Frames and intrinsics are looked at, and motion and stereo pairs are tried out by warping.

The source picture, warped by the stated depth, intrinsics and poses, must look more like the target than it did before.
Where it does not, the same warp is tried under the usual mistakes, and the one that fits best is named.
"""

import logging
from dataclasses import dataclass

import numpy as np

from pycaffe_geo.datasets.verify_stereo import verify_stereo
from pycaffe_geo.errors import DataError
from pycaffe_geo.geometry import se3
from pycaffe_geo.geometry.camera import pinhole, scale_intrinsics, transform_grid
from pycaffe_geo.geometry.sampling import warp

log = logging.getLogger(__name__)

_MOST_PAIRS = 16
_MOST_STEREO = 4
_LEAST_DEPTH = 0.01    # share of pixels with depth; a laser scanner gives about 0.04
_LEAST_SEEN = 0.1      # share of the pixels with depth that a warp must keep to be judged
_LEAST_FLOW = 0.5      # pixels; below it resampling blurs as much as the motion moves, and nothing is proved
_CLEARLY_BETTER = 0.7  # a mistake is named when it leaves less than this share of the stated convention's error
_NO_BETTER = 0.95      # ... and a warp that leaves more than this share of the unwarped error helps nothing


@dataclass(frozen=True)
class View:
    """What is needed of one pair to warp it: depth of tgt (1, 1, H, W), intrinsics (1, 4), the two camera-to-world poses."""

    depth: np.ndarray
    intrinsics: np.ndarray
    src: np.ndarray
    tgt: np.ndarray

    def motion(self):
        """T_src_tgt (1, 4, 4)."""
        return se3.relative(self.src, self.tgt)[None]


def _axes(pose):
    return pose @ np.diag([1.0, -1.0, -1.0, 1.0])


def _changed(**change):
    """Return a function of a View that gives the View with the named parts passed through functions."""
    return lambda v: View(**{name: change.get(name, lambda x: x)(getattr(v, name)) for name in View.__dataclass_fields__})


STATED = "as stated"
CONVENTIONS = {
    STATED: lambda view: view,
    "the poses are world to camera: invert them": _changed(src=se3.inverse, tgt=se3.inverse),
    "source and target (or left and right) are swapped": lambda v: View(v.depth, v.intrinsics, v.tgt, v.src),
    "the poses have y up and z backwards (OpenGL): multiply them by diag(1, -1, -1, 1) from the right":
        _changed(src=_axes, tgt=_axes),
    "fy has the wrong sign": _changed(intrinsics=lambda k: k * [1, -1, 1, 1]),
    "fx has the wrong sign, or the pictures are mirrored": _changed(intrinsics=lambda k: k * [-1, 1, 1, 1]),
    "the intrinsics are those of a picture twice the size": _changed(intrinsics=lambda k: scale_intrinsics(k, 0.5, 0.5)),
    "the intrinsics are those of a picture half the size": _changed(intrinsics=lambda k: scale_intrinsics(k, 2, 2)),
    "the depth is 5 times too large: the scale is 5000, not 1000": _changed(depth=lambda d: d / 5),
    "the depth is 5 times too small: the scale is 1000, not 5000": _changed(depth=lambda d: d * 5),
    "the depth is 1000 times too large: millimetres were taken for metres": _changed(depth=lambda d: d / 1000),
    "the depth is 1000 times too small: metres were taken for millimetres": _changed(depth=lambda d: d * 1000),
}


@dataclass(frozen=True)
class Report:
    """What the warps of `pairs` pairs say.

    unwarped, warped: mean absolute colour error (0..255) over the pixels seen in both, as stated. flow: mean motion
    (pixels). ratios: warped / unwarped per convention (inf where too few pixels are seen). proved: the motion is large
    enough to tell.
    """

    pairs: int
    unwarped: float
    warped: float
    flow: float
    ratios: dict
    proved: bool

    def __str__(self):
        doubt = "" if self.proved else "; the motion is too small to prove the convention"
        return (f"{self.pairs} pairs, mean motion {self.flow:.2f} px: mean colour error {self.unwarped:.2f} unwarped -> "
                f"{self.warped:.2f} warped as stated{doubt}")


def verify_arrays(color, intrinsics, source="", depth=None, pose_c2w=None, pairs=None, right=None, baseline=None, **others):
    """Check the arrays of a pair file (see pairs.py), whichever there are, and return what was found, a list of texts.

    Raises DataError, with `source` and the likely cause, for frames, motion or stereo pairs that cannot be right.
    """
    _check_frames(color, depth, intrinsics, source)
    found = []
    if pairs is not None and depth is not None and pose_c2w is not None:
        found.append(f"the stated motion, tried on {verify_pairs(color, depth, pose_c2w, intrinsics, pairs, source)}")
    if right is not None:
        found.append(f"left and right, tried on {verify_stereo(color, right, source)}")
    if right is not None and depth is not None and baseline is not None:
        found.append(f"depth and baseline, tried on {_verify_baseline(color, right, depth, intrinsics, baseline, source)}")
    return found


def _verify_baseline(color, right, depth, intrinsics, baseline, source):
    """Check that depth takes the right camera's pictures to the left ones, as a motion along x, and return a Report."""
    chosen = np.unique(np.linspace(0, len(color) - 1, _MOST_STEREO).astype(int))
    count = len(chosen)
    pose = np.tile(np.eye(4), (2 * count, 1, 1))
    pose[count:, 0, 3] = baseline[chosen]
    pairs = np.stack([np.arange(count) + count, np.arange(count)], axis=1)
    return verify_pairs(np.concatenate([color[chosen], right[chosen]]), np.concatenate([depth[chosen]] * 2), pose,
                        np.concatenate([intrinsics[chosen]] * 2), pairs, f"{source}, left and right")


def verify_pairs(color, depth, pose_c2w, intrinsics, pairs, source=""):
    """Check the arrays of a pair file (see pairs.py) and return a Report.

    `source` names the data in messages. Raises DataError for frames or intrinsics that cannot be right, and where the stated
    convention makes the picture worse or a usual mistake explains it clearly better; then the message names that mistake.
    """
    _check_frames(color, depth, intrinsics, source)
    if len(pairs) == 0:
        raise DataError(f"{source}: no pairs; are the gaps longer than the sequence, or was every frame skipped?")
    chosen = pairs[np.unique(np.linspace(0, len(pairs) - 1, _MOST_PAIRS).astype(int))]
    totals = {name: np.zeros(4) for name in CONVENTIONS}
    for src, tgt in chosen:
        view = View(depth[tgt].astype(np.float64)[None, None], intrinsics[tgt][None], pose_c2w[src], pose_c2w[tgt])
        pictures = [color[i].astype(np.float64).transpose(2, 0, 1)[None] for i in (src, tgt)]
        for name, convention in CONVENTIONS.items():
            totals[name] += _errors(*pictures, convention(view))
    least = _LEAST_SEEN * sum(np.count_nonzero(depth[tgt] > 0) for _, tgt in chosen)
    ratios = {name: warped / max(unwarped, 1e-9) if seen >= least else np.inf
              for name, (warped, unwarped, _, seen) in totals.items()}
    warped, unwarped, flow = totals[STATED][:3] / max(totals[STATED][3], 1)
    report = Report(len(chosen), unwarped, warped, flow, ratios, bool(flow >= _LEAST_FLOW))
    _judge(report, source)
    return report


def _errors(src, tgt, view):
    """Return the sums over seen pixels of: warped error, unwarped error, length of flow, and 1."""
    flow, coords, seen = pinhole(transform_grid(view.depth, view.motion(), view.intrinsics), view.intrinsics)
    seen = (seen * (view.depth > 0))[0, 0]
    warped, _ = warp(src, coords)
    return np.array([(np.abs(warped - tgt).mean(axis=1)[0] * seen).sum(), (np.abs(src - tgt).mean(axis=1)[0] * seen).sum(),
                     (np.hypot(*flow[0]) * seen).sum(), seen.sum()])


def _judge(report, source):
    best = min(report.ratios, key=report.ratios.get)
    stated, other = report.ratios[STATED], report.ratios[best]
    explained = other < min(1, _CLEARLY_BETTER * stated)
    if not report.proved and not explained:
        log.warning("%s: %s", source, report)
    elif stated > _NO_BETTER or explained:
        cause = (f"it becomes {other:.2f} times if {best}" if explained else "no usual mistake explains it: do pictures, "
                 "depth, poses and intrinsics belong to one recording, and are the frames close enough?")
        raise DataError(f"{source}: warping by the stated depth, intrinsics and poses leaves {stated:.2f} times the colour "
                        f"error of not warping ({report.pairs} pairs), expected clearly less than 1; {cause}")


def _check_frames(color, depth, intrinsics, source):
    height, width = color.shape[1:3]
    for i in range(len(color)):
        fx, fy, cx, cy = intrinsics[i]
        near = abs(cx - width / 2) <= width and abs(cy - height / 2) <= height  # twice the size passes: warping names it
        if not (near and 0.1 < abs(fx) / width < 20 and 0.1 < abs(fy) / height < 20):
            raise DataError(f"{source}: frame {i}: fx, fy, cx, cy = {np.round(intrinsics[i], 2).tolist()} do not fit pictures of "
                            f"{width}x{height}; expected the camera of the frames at this size")
        known = height * width if depth is None else np.count_nonzero(depth[i] > 0)
        if known < _LEAST_DEPTH * height * width:
            raise DataError(f"{source}: frame {i}: {known} of {height * width} pixels have depth, expected at least "
                            f"{_LEAST_DEPTH:.0%}")
        if color[i].min() == color[i].max():
            raise DataError(f"{source}: frame {i}: every pixel has the colour value {color[i].min()}, expected a picture")
