"""Middlebury's stereo scenes with structured light as ground truth (Scharstein and Szeliski 2003 to Scharstein et al. 2014)."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pycaffe_geo.datasets.frames import Recording, read_intrinsics
from pycaffe_geo.datasets.images import read_color, read_planes
from pycaffe_geo.datasets.pfm import read_pfm
from pycaffe_geo.datasets.text import read_lines
from pycaffe_geo.errors import DataError, listed

# Left, right and disparity, and the widths at which the pictures were published with the values per pixel of disparity there.
_OLD = {"2003": (("im2.png", "im6.png", "disp2.png"), ((1350, 1), (675, 2), (0, 4))),
        "2005 and 2006": (("view1.png", "view5.png", "disp1.png"), ((1000, 1), (550, 2), (0, 3)))}
_NEW = ("im0.png", "im1.png", "disp0.pfm")


@dataclass(frozen=True)
class Calibration:
    """What turns disparity into depth: fx, fy, cx, cy (4,) of the left picture; metres between the cameras; offset: what is
    added to a disparity, in pixels, so that it is 0 at infinity."""

    intrinsics: np.ndarray
    baseline: float
    offset: float


@dataclass(frozen=True)
class _Scene:
    left: Path
    right: Path
    disparity: Path
    calibration: Calibration


def read_middlebury(folders, calibration=None, scale=None):
    """Read scenes, one folder each, into a Recording of single stereo pairs with depth.

    A folder with calib.txt has im0.png, im1.png and disp0.pfm (2014). Others have im2.png, im6.png, disp2.png (2003) or
    view1.png, view5.png, disp1.png (2005, 2006); these come without calibration, so it must be given, for all of them, at the
    size as stored. scale: values of a disparity PNG per pixel; None: as published, by the width (2003: 4, 2 or 1, then 3, 2
    or 1). Unknown disparity is depth 0. The right picture is shifted by the offset, so that disparity is fx * baseline / depth,
    and all are cut to what both show then. Raises DataError with the path and the reason.
    """
    folders = [Path(folder).resolve() for folder in folders]
    scenes = [_scene(folder, calibration) for folder in folders]

    def read(i):
        scene = scenes[i]
        left, right = read_color(scene.left), read_color(scene.right)
        disparity = read_pfm(scene.disparity) if scene.disparity.suffix == ".pfm" else _png(scene.disparity, scale)
        if not left.shape[:2] == right.shape[:2] == disparity.shape:
            sizes = [f"{array.shape[1]}x{array.shape[0]}" for array in (disparity, left, right)]
            raise DataError(f"{scene.disparity}: disparity, left and right picture are {', '.join(sizes)}; expected one size")
        return _pictures(left, right, disparity, scene)

    return Recording(
        "Middlebury " + ", ".join(folder.name for folder in folders), tuple(folder.name for folder in folders), read,
        np.stack([scene.calibration.intrinsics for scene in scenes]),
        baseline=np.array([scene.calibration.baseline for scene in scenes]), sequence=np.arange(len(scenes)))


def read_calibration(path):
    """Read a scene's calib.txt (lines cam0=[f 0 cx; 0 f cy; 0 0 1], doffs=, baseline= in mm) into a Calibration."""
    words = dict(line.partition("=")[::2] for line in read_lines(path))
    values = {}
    for name, count in (("cam0", 9), ("doffs", 1), ("baseline", 1)):
        try:
            values[name] = [float(word) for word in re.sub(r"[][;,]", " ", words.get(name, "")).split()]
        except ValueError:
            values[name] = []
        if len(values[name]) != count or not np.isfinite(values[name]).all():
            raise DataError(f"{path}: '{name}' is '{words.get(name, 'missing')}', expected "
                            f"{'[f 0 cx; 0 f cy; 0 0 1]' if count == 9 else 'a number'}")
    return _checked(read_intrinsics(values["cam0"], f"{path}: cam0"), values["baseline"][0] / 1000, values["doffs"][0], path)


def given_calibration(intrinsics, baseline, offset):
    """Return the Calibration of numbers that a user gives: fx, fy, cx, cy; metres; pixels."""
    return _checked(read_intrinsics(intrinsics, "--intrinsics"), baseline, offset, "--baseline and --offset")


def _checked(intrinsics, baseline, offset, place):
    if not (baseline > 0 and offset >= 0):
        raise DataError(f"{place}: the baseline is {baseline:g} m, the offset {offset:g} pixels; expected more than 0, and at "
                        "least 0")
    return Calibration(intrinsics, baseline, offset)


def _scene(folder, calibration):
    if (folder / "calib.txt").is_file():
        if calibration is not None:
            raise DataError(f"{folder}: has its own calib.txt; leave --intrinsics, --baseline and --offset out")
        return _Scene(*(folder / name for name in _NEW), read_calibration(folder / "calib.txt"))
    names = next((names for names, _ in _OLD.values() if (folder / names[0]).is_file()), None)
    if names is None:
        wanted = [names[0] for names, _ in _OLD.values()]
        raise DataError(f"{folder}: holds neither calib.txt (2014) nor {listed(wanted)}")
    if calibration is None:
        raise DataError(f"{folder}: has no calib.txt, so disparity tells no depth; give --intrinsics, --baseline in metres and "
                        "--offset, all of the pictures as stored")
    return _Scene(*(folder / name for name in names), calibration)


def _png(path, scale):
    """Return the disparity (H, W) float32, pixels, of a PNG file; 0 = unknown."""
    values = read_planes(path, color=False)[0]
    widths = next(widths for names, widths in _OLD.values() if names[2] == path.name)
    scale = scale or next(published for least, published in widths if values.shape[1] >= least)
    return values.astype(np.float32) / np.float32(scale)


def _pictures(left, right, disparity, scene):
    fx, offset = scene.calibration.intrinsics[0], scene.calibration.offset
    width = left.shape[1] - math.ceil(offset)
    if width < 1:
        raise DataError(f"{scene.left}: an offset of {offset:g} pixels leaves nothing of {left.shape[1]} columns")
    known = np.isfinite(disparity) & (disparity > 0)
    depth = np.divide(fx * scene.calibration.baseline, disparity + offset, out=np.zeros(disparity.shape), where=known)
    return {"color": left[:, :width], "depth": depth[:, :width].astype(np.float32), "right": _shifted(right, offset, width)}


def _shifted(picture, offset, width):
    """Return picture(x + offset) for the columns x = 0 .. width - 1, between two columns the mean by nearness."""
    first = math.floor(offset)
    share = offset - first
    if not share:
        return picture[:, first:first + width]
    near, far = (picture[:, start:start + width] for start in (first, first + 1))
    return np.rint((1 - share) * near + share * far).astype(np.uint8)
