"""Point clouds as PLY files, which Meshlab, CloudCompare and Blender open."""

from pathlib import Path

import numpy as np

_POINT = np.dtype([("position", "<f4", 3), ("color", "u1", 3)])
_HEADER = """ply
format binary_little_endian 1.0
comment metres; x right, y down, z forward
element vertex {count}
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
end_header
"""


def write_ply(path, points, colors):
    """Write points (n, 3) in metres with RGB colors (n, 3) uint8 to the binary PLY file `path`."""
    vertices = np.empty(len(points), _POINT)
    vertices["position"], vertices["color"] = points, colors
    Path(path).write_bytes(_HEADER.format(count=len(points)).encode("ascii") + vertices.tobytes())
