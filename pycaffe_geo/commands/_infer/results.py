"""What `infer` writes: depth as colours, 16 bits and points, panels of warps, motions."""

import logging

import numpy as np

from pycaffe_geo.commands._common import write_json
from pycaffe_geo.datasets.images import resize_color, resize_depth
from pycaffe_geo.errors import NumericError, SpecError
from pycaffe_geo.geometry import se3

log = logging.getLogger(__name__)
COARSE = 200  # steps of 16-bit depth that its median should be at least


class Results:
    """Writes what is made of `frames` to `folder` (None: nowhere): depth.png, depth_color.png, points.ply, panel.png, pose.json;
    of several frames depth/NAME.png and so on, and their trajectory."""

    def __init__(self, folder, frames, args):
        self.folder, self.frames, self.args = folder, frames, args
        self.warned = False

    def path(self, t, what, ending):
        """Return where `what` of frame t is written."""
        if not self.args.folder:
            return self.folder / f"{what}{ending}"
        (self.folder / what).mkdir(exist_ok=True)
        return self.folder / what / f"{self.frames.names[t]}{ending}"

    def write_depth(self, t, depth):
        """Write depth (H, W) of frame t, with --full-size at its picture's size."""
        from pycaffe_geo.plots.depth_map import colored, write_color, write_depth
        from pycaffe_geo.plots.ply import write_ply

        if self.args.full_size:
            depth = resize_depth(depth, *self.frames.size)
        share = write_depth(self.path(t, "depth", ".png"), depth, self.args.depth_scale)
        self._check_scale(self.frames.names[t], depth, share)
        write_color(self.path(t, "depth_color", ".png"), colored(depth))
        if self.args.ply:
            write_ply(self.path(t, "points", ".ply"), *self._points(t, depth))

    def _check_scale(self, name, depth, share):
        """Warn once where 16 bits hold depth badly: `share` of it is too far, or its steps are coarse."""
        scale, middle = self.args.depth_scale, np.median(depth[depth > 0])
        if not self.warned and share:
            log.warning("frame '%s': %.1f%% of the depth is beyond %.4g, the most that 16 bits hold by --depth-scale %g; a "
                        "smaller one reaches farther (this is told once)", name, 100 * share, 65535 / scale, scale)
        elif not self.warned and middle * scale < COARSE:
            log.warning("frame '%s': 16 bits hold depth in steps of %.3g by --depth-scale %g, and its median is %.3g; a larger "
                        "one is finer (this is told once)", name, 1 / scale, scale, middle)
        else:
            return
        self.warned = True

    def _points(self, t, depth):
        """Return the points (n, 3) of the pixels that have depth, and their colours (n, 3)."""
        from pycaffe_geo.geometry.camera import unit_rays

        x, y = unit_rays(self.frames.camera(t, *depth.shape), depth[None, None].astype(float))
        known = depth > 0
        points = np.stack([x * depth, y.T * depth, depth], axis=-1)
        return points[known], resize_color(self.frames.picture(t), *depth.shape)[known]

    def write_panel(self, t, net):
        """Draw the first warp of the net's last run; of several frames without titles and error maps, which take their time."""
        from pycaffe_geo.commands._warps import warp_picture, warp_rows
        from pycaffe_geo.plots.depth_map import write_color
        from pycaffe_geo.plots.panels import draw_panels

        if self.args.folder:
            write_color(self.path(t, "panel", ".png"), warp_picture(net))
        else:
            draw_panels(self.path(t, "panel", ".png"), *warp_rows(net))

    def write_pose(self, pose):
        """Write pose.json: the motion (4, 4) between the two pictures of a pair."""
        result = {"src": self.args.src, "tgt": self.args.tgt, "weights": self.args.weights or [], "T_src_tgt": pose.tolist()}
        write_json(self.folder / "pose.json", result)

    def write_trajectory(self, motions):
        """Write the chained motions {t: (4, 4) from frame t + 1 to t} as trajectory_kitti.txt and trajectory_tum.txt."""
        from pycaffe_geo.datasets.trajectory import write_kitti, write_tum
        from pycaffe_geo.metrics.trajectory import chain, path_length

        count = len(self.frames)
        if len(motions) < count - 1 or count < 2:
            print(f"no trajectory: the motions between {len(motions)} of {count - 1} neighbours are known")
            return
        poses = chain(np.stack([motions[t] for t in range(count - 1)]))
        print(f"trajectory of {count} frames, {path_length(poses)[-1]:.4g} long")
        write_kitti(self.folder / "trajectory_kitti.txt", poses)
        write_tum(self.folder / "trajectory_tum.txt", _times(self.frames.names), poses)


def _times(names):
    """Return the times (F,) that the frames are named by, as in TUM's sequences, or else their numbers."""
    try:
        times = np.array([float(name) for name in names])
    except ValueError:
        return np.arange(len(names))
    return times if np.isfinite(times).all() and (np.diff(times) > 0).all() else np.arange(len(names))


def as_depth(output, data, focal_baseline, frame):
    """Return the depth (H, W), 0 = none, that the blob `data` (N, 1, H, W) of an Output means; its first sample is taken.

    Of a disparity d it is focal_baseline / d. SpecError where the blob is no map, NumericError where nothing of it is above 0.
    """
    if data.ndim != 4 or data.shape[1] != 1:
        raise SpecError(f"blob '{output.blobs[0]}' is {data.shape}, expected a map of {output.kind} (N, 1, H, W)")
    values = data[0, 0].astype(np.float64)
    with np.errstate(all="ignore"):
        if output.kind == "log depth":
            values = np.exp(values)
        elif output.kind == "disparity":
            values = focal_baseline / values
    known = np.isfinite(values) & (values > 0)
    if not known.any():
        raise NumericError(f"frame '{frame}': the {output.kind} '{output.blobs[0]}' gives no finite depth above 0 at any pixel")
    return np.where(known, values, 0).astype(np.float32)


def gather_motions(motions, t, offsets, poses):
    """Add to `motions` {i: T (4, 4) from frame i + 1 to frame i} what transforms `poses` from frame t to those at `offsets` tell.

    What is told of a frame and the one before it by that frame itself counts more than what others tell.
    """
    known = {0: np.eye(4)} | dict(zip(offsets, poses))
    for offset in known:
        if offset + 1 in known:
            motion = known[offset] @ se3.inverse(known[offset + 1])
            if offset == -1:
                motions[t - 1] = motion
            else:
                motions.setdefault(t + offset, motion)
