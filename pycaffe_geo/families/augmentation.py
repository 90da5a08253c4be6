"""Changes of a batch of frames that keep its geometry right: pictures, depth, intrinsics and poses change together.

A batch is a dict of some of: color, right (N, K, 3, H, W) BGR 0..255, K frames; depth (N, 1, H, W), intrinsics (N, 4, 1, 1),
baseline (N, 1, 1, 1) of the frame at offset 0; pose (N, K - 1, 4, 4), T_offset_0. It is changed in place, on the host.
"""

import numpy as np

from pycaffe_geo.geometry.camera import flip_intrinsics, scale_intrinsics
from pycaffe_geo.geometry.sampling import warp


def mirror(batch, which, width):
    """Mirror the samples `which` (N,) bool left to right: cx' = width - 1 - cx, pose' = S pose S with S = diag(-1, 1, 1, 1).

    With `right`, the mirrored right camera stands left of the other and becomes `color`; intrinsics and baseline stay those
    of a rectified pair, and poses become those of the old right camera first. Depth, of the old left camera, must not be there.
    """
    for name in {"color", "right", "depth"} & set(batch):
        batch[name][which] = batch[name][which][..., ::-1]
    if "right" in batch:
        color, right = batch["color"][which], batch["right"][which]
        batch["color"][which], batch["right"][which] = right, color
    if "pose" in batch:
        flip_pose(batch["pose"], which, 0, batch.get("baseline") if "right" in batch else None)
    if "intrinsics" in batch:
        batch["intrinsics"][which] = flip_intrinsics(batch["intrinsics"][which], width=width)


def flip_pose(pose, which, axis, baseline=None):
    """Mirror the poses `which` of `pose` (N, K, 4, 4) along `axis` 0 = x or 1 = y, in place; baseline (N, 1, 1, 1): first make
    them the motion of a camera so many metres to the right."""
    if baseline is not None:
        rest = pose[which, :, :3, 0] - [1, 0, 0]  # T'(x) = T(x + b) - b: the translation grows by (R - 1) b
        pose[which, :, :3, 3] += rest * baseline[which, :, :, 0]
    pose[which, :, axis] *= -1
    pose[which, :, :, axis] *= -1


def zoom(batch, factors, places, height, width):
    """Enlarge every sample by factors (N, 2) >= 1, along x and y, and cut (height, width), the old size, out at places (N, 2) in
    0..1.

    Pictures are bilinear, depth takes the nearest pixel; fx' = fx s, cx' = (cx + 0.5) s - 0.5 - corner.
    """
    corners = places * (factors - 1) * [width, height]
    x, y = (np.clip((np.arange(size) + 0.5 + corner[:, None]) / factor[:, None] - 0.5, 0, size - 1)
            for size, corner, factor in zip((width, height), corners.T, factors.T))
    coords = np.stack(np.broadcast_arrays(x[:, None, :], y[:, :, None]), axis=1).astype(np.float32)
    for name in {"color", "right"} & set(batch):
        pictures = batch[name]
        batch[name] = warp(pictures.reshape(len(x), -1, height, width), coords)[0].reshape(pictures.shape)
    if "depth" in batch:
        rows, columns = (np.rint(axis).astype(int) for axis in (y, x))
        sample = np.arange(len(x))[:, None, None]
        batch["depth"] = batch["depth"][sample, 0, rows[:, :, None], columns[:, None, :]][:, None]
    if "intrinsics" in batch:
        scaled = scale_intrinsics(batch["intrinsics"].reshape(-1, 4), *factors.T)
        scaled[:, 2:] -= corners
        batch["intrinsics"] = scaled.reshape(-1, 4, 1, 1)


def jitter(batch, gamma, gain):
    """Change the colours c (0..255) of each sample, in all its pictures alike, to 255 gain (c / 255)^gamma, at most 255.

    gamma, gain: (N,), above 0.
    """
    gamma, gain = (values.astype(np.float32).reshape(-1, 1, 1, 1, 1) for values in (gamma, gain))
    for name in {"color", "right"} & set(batch):
        bright = (batch[name] / np.float32(255)) ** gamma
        batch[name] = np.minimum(np.float32(255) * gain * bright, np.float32(255))
