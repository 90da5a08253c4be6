"""KITTI's raw drives (Geiger et al. 2013): stereo pictures in colour, and depth by the laser scanner."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pycaffe_geo.datasets.frames import Recording, picture_reader
from pycaffe_geo.datasets.kitti import (Camera, baseline_of, calibrated, camera_of, numbered_pictures, partner_pictures,
                                        read_calibration, runs_of)
from pycaffe_geo.datasets.kitti_oxts import camera_poses, read_packet, read_unit_to_scanner
from pycaffe_geo.datasets.text import read_lines
from pycaffe_geo.errors import DataError, listed, nearest
from pycaffe_geo.geometry.camera import scale_intrinsics

_DRIVE = re.compile(r"(\d{4}_\d\d_\d\d_drive_\d{4})(?:_sync)?")
_AFTER_DRIVE = re.compile(r"/image_0\d/data/(\d+)\.\S+.*| +(\d+) +[lr]|[ _]+0[23] +(\d+)|")
_LEAST_DEPTH = 0.1  # metres


@dataclass(frozen=True)
class Rig:
    """Cameras 2 and 3 of one day: the left Camera, metres to the right one, (width, height) of the pictures, and
    scanner_to_camera (4, 4), which takes points of the laser scanner into camera 2."""

    left: Camera
    baseline: float
    size: tuple
    scanner_to_camera: np.ndarray


@dataclass(frozen=True)
class _Frame:
    """One frame: its drive and name, the folder of its day, its pictures and scan, None where not asked for, and its packet of
    the navigation unit."""

    drive: str
    name: str
    day: Path
    color: Path
    right: Path
    scan: Path
    packet: Path


def read_kitti_raw(folder, wanted=None, leave_out=(), left_only=False, scans=True, poses=False, size=None):
    """Read the folders DATE/DATE_drive_NNNN_sync of a folder into a Recording of camera 2.

    wanted, leave_out: places (drive, number) as `read_places` gives them, number None: all of the drive; wanted is kept in its
    order, each frame once, None: all there are. left_only: without the right camera 3. scans: depth by the laser scanner, which
    sees about 4 % of the pixels; a drive's frames that have no scan are left out. poses: those of the navigation unit, each
    drive in a world of its own. size: (width, height) that the pictures will be resized to; the points are projected at that
    size, since resizing would lose most. Where a number is missing, a continuous run ends. Frames are called
    DRIVE/0000000005. Raises DataError with the path and the reason.
    """
    folder = Path(folder).resolve()
    drives = _drives(folder)
    frames = {}
    for drive, number in [(name, None) for name in drives] if wanted is None else wanted:
        if drive not in drives:
            raise DataError(f"{folder}: has no drive '{drive}'{nearest(drive, drives)} (there are {listed(drives)})")
        if drive not in frames:
            frames[drive] = _frames(drives[drive], left_only, scans)
    places = _chosen(frames, wanted, set(leave_out), drives)
    used = [frames[drive][number] for drive, number in places]
    rigs = {day: read_rig(day) for day in dict.fromkeys(frame.day for frame in used)}
    baseline = None if left_only else np.array([rigs[frame.day].baseline for frame in used])
    return Recording(
        f"KITTI raw, {len({drive for drive, _ in places})} drives", tuple(frame.name for frame in used),
        _reader(used, rigs, left_only, scans, size), np.array([rigs[frame.day].left.intrinsics for frame in used]),
        _poses(used, rigs) if poses else None, baseline, runs_of(places))


def read_places(path):
    """Return the places (drive, number) that a list names, number None where a line names a drive alone.

    A line begins with a drive, folders before it or not, and goes on as in the lists that are about: a picture's path
    (`2011_09_26/2011_09_26_drive_0002_sync/image_02/data/0000000069.png ...`), number and side (`2011_09_26/..._sync 69 l`),
    camera and number (`2011_09_26_drive_0002_sync 02 0000000069`), or nothing. Which camera it names does not matter.
    """
    path = Path(path)
    places = []
    for number, line in enumerate(read_lines(path), 1):
        drive = _DRIVE.search(line)
        rest = drive and _AFTER_DRIVE.fullmatch(line[drive.end():].rstrip())
        if rest:
            found = next((int(group) for group in rest.groups() if group), None)
            places.append((drive[1], found))
        elif line.strip():
            raise DataError(f"{path}:{number}: '{line}', expected a drive, or a picture of one, as "
                            "2011_09_26/2011_09_26_drive_0002_sync/image_02/data/0000000069.png")
    if not places:
        raise DataError(f"{path}: names no drive")
    return places


def read_rig(day):
    """Read calib_cam_to_cam.txt and calib_velo_to_cam.txt of a day's folder into a Rig."""
    path, scanner_path = day / "calib_cam_to_cam.txt", day / "calib_velo_to_cam.txt"
    calibration, scanner = read_calibration(path), read_calibration(scanner_path)
    left, right = (camera_of(calibration, key, path) for key in ("P_rect_02", "P_rect_03"))
    to_camera_0, rectified, shifted = np.eye(4), np.eye(4), np.eye(4)
    to_camera_0[:3, :3] = calibrated(scanner, "R", (3, 3), scanner_path)
    to_camera_0[:3, 3] = calibrated(scanner, "T", (3,), scanner_path)
    rectified[:3, :3] = calibrated(calibration, "R_rect_00", (3, 3), path)
    shifted[:3, 3] = left.shift
    size = tuple(calibrated(calibration, "S_rect_02", (2,), path).astype(int).tolist())
    return Rig(left, baseline_of(left, right, path), size, shifted @ rectified @ to_camera_0)


def read_scan(path):
    """Return the points (n, 3) float64, metres, of a laser scan: rows of x, y, z and reflectance, float32."""
    try:
        values = np.fromfile(path, "<f4")
    except OSError as e:
        raise DataError(f"{path}: cannot be read: {e}") from e
    if values.size % 4 or not values.size or not np.isfinite(values).all():
        raise DataError(f"{path}: holds {values.size} float32 numbers, expected rows of 4 finite ones: x, y, z, reflectance")
    return values.reshape(-1, 4)[:, :3].astype(float)


def scan_depth(points, scanner_to_camera, intrinsics, height, width):
    """Return depth (height, width) float32, metres, 0 = none: each point's goes to the nearest pixel, of several the least.

    points: (n, 3) of the scanner; scanner_to_camera: (4, 4); intrinsics: fx, fy, cx, cy (4,).
    """
    x, y, z = scanner_to_camera[:3, :3] @ points.T + scanner_to_camera[:3, 3:]
    front = z > _LEAST_DEPTH
    x, y, z = x[front], y[front], z[front]
    fx, fy, cx, cy = intrinsics
    column, row = np.rint(fx * x / z + cx), np.rint(fy * y / z + cy)
    seen = np.flatnonzero((column >= 0) & (column < width) & (row >= 0) & (row < height))
    seen = seen[np.argsort(-z[seen])]  # the nearest is written last
    depth = np.zeros((height, width), np.float32)
    depth[row[seen].astype(int), column[seen].astype(int)] = z[seen]
    return depth


def _drives(folder):
    """Return {drive: its folder}."""
    found = {}
    for path in sorted(folder.glob("*/*_drive_*")):
        drive = _DRIVE.fullmatch(path.name)
        if drive and path.is_dir():
            found[drive[1]] = path
    if not found:
        raise DataError(f"{folder}: holds no drive, expected folders such as 2011_09_26/2011_09_26_drive_0001_sync")
    return found


def _frames(drive, left_only, scans):
    """Return {number: _Frame} of the folder of a drive."""
    color = numbered_pictures(drive / "image_02" / "data")
    right, scan = {}, {}
    if not left_only:
        hint = "expected the right picture of each (or --left-only)"
        right = dict(zip(color, partner_pictures(color, drive / "image_03" / "data", hint)))
    if scans:
        folder = drive / "velodyne_points" / "data"
        scan = {number: folder / f"{path.stem}.bin" for number, path in color.items()}
        color = {number: path for number, path in color.items() if scan[number].is_file()}
        if not color:
            raise DataError(f"{folder}: holds no laser scan of any picture, expected 0000000000.bin and so on (or --no-depth)")
    name = _DRIVE.fullmatch(drive.name)[1]
    return {number: _Frame(name, f"{name}/{number:010}", drive.parent, path, right.get(number), scan.get(number),
                           drive / "oxts" / "data" / f"{path.stem}.txt") for number, path in color.items()}


def _chosen(frames, wanted, leave_out, drives):
    """Return the places (drive, number), each once, of `wanted` that are not in `leave_out`."""
    places = {}
    for drive, number in wanted or [(drive, None) for drive in frames]:
        if number is not None and number not in frames[drive]:
            raise DataError(f"{drives[drive]}: has no frame {number}, or no laser scan of it (or --no-depth)")
        places.update({(drive, n): None for n in (frames[drive] if number is None else [number])})
    places = [(drive, number) for drive, number in places if not {(drive, number), (drive, None)} & leave_out]
    if not places:
        raise DataError("KITTI raw: every frame is left out")
    return places


def _poses(frames, rigs):
    """Return the camera-to-world poses (F, 4, 4) of camera 2."""
    poses = np.empty((len(frames), 4, 4))
    for drive in dict.fromkeys(frame.drive for frame in frames):
        rows = [i for i, frame in enumerate(frames) if frame.drive == drive]
        day = frames[rows[0]].day
        unit_to_camera = rigs[day].scanner_to_camera @ read_unit_to_scanner(day)
        poses[rows] = camera_poses(np.stack([read_packet(frames[i].packet) for i in rows]), unit_to_camera)
    return poses


def _reader(frames, rigs, left_only, scans, size):
    """Return the `read` of the Recording."""
    pictures = picture_reader([frame.color for frame in frames], right=None if left_only else [frame.right for frame in frames])

    def read(i):
        frame, found = frames[i], pictures(i)
        rig, (height, width) = rigs[frame.day], found["color"].shape[:2]
        if (width, height) != rig.size:
            raise DataError(f"{frame.color}: is {width}x{height}, the calibration is for {rig.size[0]}x{rig.size[1]}; expected "
                            "the rectified pictures as published")
        if scans:
            new = size or rig.size
            intrinsics = scale_intrinsics(rig.left.intrinsics[None], new[0] / width, new[1] / height)[0]
            found["depth"] = scan_depth(read_scan(frame.scan), rig.scanner_to_camera, intrinsics, new[1], new[0])
        return found

    return read
