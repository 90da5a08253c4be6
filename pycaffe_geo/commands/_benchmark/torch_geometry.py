"""The geometry layers composed of torch's operations, as its users write them; the constant pixel grid is made once.

Shapes and conventions are those of the layers (layers/se3_generator.py ...). Points at or behind the camera are moved before it
instead of being left without a gradient: cheaper, and the measured data have none.
"""

import torch
import torch.nn.functional as F


def se3(twist):
    """Return (N, 1, 4, 4): R = I + a K + b K^2, V = I + b K + c K^2 of the rotation vector's matrix K; t = V u."""
    w, u = twist.reshape(-1, 6).split(3, dim=1)
    square = (w * w).sum(1)[:, None, None].clamp_min(1e-8)
    angle = square.sqrt()
    a, b = torch.sin(angle) / angle, (1 - torch.cos(angle)) / square
    c = (1 - a) / square
    zero = torch.zeros_like(w[:, 0])
    x, y, z = w.unbind(1)
    k = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).view(-1, 3, 3)
    k2, one = k @ k, torch.eye(3, dtype=w.dtype)
    rotation = one + a * k + b * k2
    translation = (one + b * k + c * k2) @ u[:, :, None]
    bottom = torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=w.dtype).expand(len(w), 1, 4)
    return torch.cat([torch.cat([rotation, translation], 2), bottom], 1)[:, None]


class TransformGrid:
    """(depth, transform, intrinsics) -> moved points (N, 3, H, W)."""

    grid = None

    def __call__(self, depth, transform, intrinsics):
        n, _, height, width = depth.shape
        if self.grid is None:
            v, u = torch.meshgrid(*(torch.arange(s, dtype=depth.dtype) for s in (height, width)), indexing="ij")
            self.grid = torch.stack([u, v]).reshape(1, 2, -1)
        f, c = intrinsics.reshape(n, 4, 1).split(2, dim=1)
        rays = torch.cat([(self.grid - c) / f, self.grid.new_ones(1, 1, height * width).expand(n, -1, -1)], 1)
        points = depth.reshape(n, 1, -1) * rays
        moved = torch.baddbmm(transform[:, 0, :3, 3:], transform[:, 0, :3, :3], points)
        return moved.view(n, 3, height, width)


class Pinhole:
    """(points, intrinsics) -> (None, coordinates, validity); the flow, which no measured network reads, is left out."""

    def __init__(self, min_depth):
        self.min_depth = min_depth

    def __call__(self, points, intrinsics):
        height, width = points.shape[2:]
        f, c = intrinsics.split(2, dim=1)
        coords = f * points[:, :2] / points[:, 2:].clamp_min(self.min_depth) + c
        with torch.no_grad():
            limits = torch.tensor([width - 1, height - 1], dtype=points.dtype).view(1, 2, 1, 1)
            seen = ((coords >= 0) & (coords <= limits)).all(1, keepdim=True).to(points.dtype)
        return None, coords, seen


def warp(image, coords):
    """Return `image` sampled at pixel coordinates (N, 2, H, W), 0 outside."""
    height, width = image.shape[2:]
    scale = torch.tensor([2 / (width - 1), 2 / (height - 1)], dtype=image.dtype)
    grid = coords.permute(0, 2, 3, 1) * scale - 1
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=True)
