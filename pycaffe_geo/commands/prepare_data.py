"""Make a pair file for RGBDPairData layers out of RGB-D frames with poses, or out of the procedural world.

--folder DIR   color/, depth/ (16 bit), poses_c2w.txt (a row-major 4x4 camera-to-world matrix per frame) and K.txt
--tum DIR      a sequence of the TUM RGB-D benchmark: rgb.txt, depth.txt, groundtruth.txt
--rooms        procedural rooms; --set changes the parameters of the world, --size and --intrinsics its camera

Frames `gap` apart make pairs, in both directions. Pairs are tried before anything is written: the source picture, warped by
depth, intrinsics and poses as stated, must look more like the target. Data that does not is refused, with the likely cause.
"""

import argparse

from pycaffe_geo.commands._common import names, option, whole
from pycaffe_geo.errors import DataError, PycaffeGeoError, nearest

EXAMPLE = """
tools/prepare_data.py --folder livingroom --size 40x32 --gaps 1,2 --breaks 00100 --hold-out 8 --out train.h5 --test-out test.h5
tools/prepare_data.py --tum rgbd_dataset_freiburg2_desk --step 3 --size 160x120 --out desk.h5
tools/prepare_data.py --rooms --size 40x32 --set rotation_deg=3 --set clusters=100 --out rooms.h5
"""
_SEQUENCES = ("--folder", "--tum")
_BREAKS = ("no pair reaches back over the beginning of these frames, told by the name of the colour file without ending, "
           "or its number: 100 is 00100")
_BELONGS = {  # the options that only some kinds of data have
    "depth_scale": ("--folder",),
    "camera": ("--tum",),
    "step": ("--tum",),
    "set": ("--rooms",),
    "gaps": _SEQUENCES,
    "breaks": _SEQUENCES,
    "hold_out": _SEQUENCES,
    "test_out": _SEQUENCES,
}


def size(text):
    """Argument type: `40x32` -> (40, 32), width and height."""
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise argparse.ArgumentTypeError(f"got '{text}', expected WIDTHxHEIGHT in pixels, for example 40x32")
    return int(sides[0]), int(sides[1])


def gaps(text):
    """Argument type: `1,2` -> [1, 2]."""
    return sorted({whole(word) for word in names(text)})


def arguments(parser):
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--folder", metavar="DIR", help="a folder of RGB-D frames")
    data.add_argument("--tum", metavar="DIR", help="a TUM RGB-D sequence")
    data.add_argument("--rooms", action="store_true", help="the procedural world")
    parser.add_argument("--size", type=size, metavar="WxH", help="resize to this (default: as stored; with --rooms: 40x32)")
    option(parser, "intrinsics", help="of the stored pictures (default: K.txt or the TUM camera); of --rooms, at --size")
    option(parser, "depth-scale", default=None, help="values of the folder's depth PNGs per metre (default: 1000)")
    parser.add_argument("--camera", metavar="NAME", help="TUM camera: fr1, fr2, fr3 or ros (default: by the folder's name)")
    parser.add_argument("--step", type=whole, metavar="N", help="keep every N-th frame of a TUM sequence (default: 1)")
    parser.add_argument("--gaps", type=gaps, metavar="N,..", help="frames between the two of a pair (default: 1)")
    parser.add_argument("--breaks", type=names, metavar="FRAME,..", help=_BREAKS)
    parser.add_argument("--hold-out", type=whole, metavar="N", help="the pairs within the last N frames go to --test-out")
    option(parser, "set", help="a parameter of --rooms, for example rotation_deg=3, clusters=100 or split=test; repeatable")
    option(parser, "out", required=True, metavar="FILE", help="the pair file to write")
    parser.add_argument("--test-out", metavar="FILE", help="the file for the pairs held out; pairs across are in neither")


def run(args):
    from pycaffe_geo.datasets.pairs import write_pairs
    from pycaffe_geo.datasets.verify import verify_pairs

    _check(args)
    files = _of_rooms(args) if args.rooms else _of_frames(args)
    for path, data in files.items():
        print(f"{path}: the stated motion, tried on {verify_pairs(**data)}")
    for path, data in files.items():
        write_pairs(path, **data)
        _describe(path)


def _check(args):
    """Refuse options that do not go together."""
    kind = "--rooms" if args.rooms else "--tum" if args.tum else "--folder"
    for name, kinds in _BELONGS.items():
        if getattr(args, name) and kind not in kinds:
            raise PycaffeGeoError(f"--{name.replace('_', '-')} has no meaning with {kind}, only with {' and '.join(kinds)}")
    if bool(args.hold_out) != bool(args.test_out):
        raise PycaffeGeoError("--hold-out N and --test-out FILE go together: give both or neither")
    if args.test_out == args.out:
        raise PycaffeGeoError(f"--test-out is the same file as --out: {args.out}")


def _of_frames(args):
    """Return {path: arrays of a pair file} of a sequence of frames, and print what was found."""
    from pycaffe_geo.datasets.folder import read_folder
    from pycaffe_geo.datasets.frames import gap_pairs, hold_out
    from pycaffe_geo.datasets.tum import read_tum

    shared = {"intrinsics": args.intrinsics, "size": args.size, "progress": True}
    if args.tum:
        frames = read_tum(args.tum, camera=args.camera, step=args.step or 1, **shared)
    else:
        frames = read_folder(args.folder, depth_scale=args.depth_scale or 1000, **shared)
    print(f"{frames.source}: {len(frames)} frames, '{frames.names[0]}' to '{frames.names[-1]}'")
    _print_camera(frames.intrinsics, *frames.depth.shape[1:])
    pairs = gap_pairs(len(frames), args.gaps or [1], positions(args.breaks or [], frames.names))
    if not args.hold_out:
        return {args.out: frames.as_pairs(pairs)}
    train, held = hold_out(pairs, len(frames), args.hold_out)
    print(f"{len(pairs)} pairs: {len(train)} for training, {len(held)} held out (within the last {args.hold_out} frames), "
          f"{len(pairs) - len(train) - len(held)} across dropped")
    for part, where in ((train, f"before the last {args.hold_out} frames"), (held, f"within the last {args.hold_out} frames")):
        if not len(part):
            raise DataError(f"--hold-out {args.hold_out}: there is no pair {where} (of {len(frames)})")
    return {args.out: frames.as_pairs(train), args.test_out: frames.as_pairs(held)}


def positions(words, frame_names):
    """Return the positions of the frames that `words` name, exactly or as a number: 100 is frame '00100'."""
    found = []
    for word in words:
        number = [i for i, name in enumerate(frame_names) if name.isdecimal() and word.isdecimal() and int(name) == int(word)]
        exact = [i for i, name in enumerate(frame_names) if name == word]
        if not (exact or number):
            raise DataError(f"--breaks: no frame '{word}'{nearest(word, frame_names)} (there are {len(frame_names)} frames, "
                            f"'{frame_names[0]}' to '{frame_names[-1]}')")
        found.append((exact or number)[0])
    return found


def _of_rooms(args):
    """Return {path: arrays of a pair file} of the procedural world, and print its camera."""
    from pycaffe_geo.datasets.cache import WORLDS
    from pycaffe_geo.datasets.rooms import World, render_pairs
    from pycaffe_geo.layers.rgbd_pair_data import WorldParam
    from pycaffe_geo.spec import override

    given = dict(zip(("width", "height"), args.size or ())) | dict(zip(("fx", "fy", "cx", "cy"), args.intrinsics or ()))
    chosen = {name: value for name, value in vars(override(WorldParam(**given), args.set)).items() if value is not None}
    split = chosen.pop("split", "train")
    clusters = chosen.pop("clusters", WORLDS["rooms_train"]["clusters"])
    world = World(**chosen)
    _print_camera(world.intrinsics, world.height, world.width)
    return {args.out: render_pairs(world, split, clusters, progress=True) | {"source": f"procedural rooms ({split}) {world}"}}


def _print_camera(intrinsics, height, width):
    import math

    fx, fy, cx, cy = intrinsics
    fov = math.degrees(math.atan((cx + 0.5) / abs(fx)) + math.atan((width - 0.5 - cx) / abs(fx)))
    print(f"camera at {width}x{height}: fx {fx:g}, fy {fy:g}, cx {cx:g}, cy {cy:g} pixels; {fov:.1f} degrees wide")


def _describe(path):
    """Print what the pair file at `path` holds, as read back."""
    from pycaffe_geo.commands._pairs import describe, measure_file
    from pycaffe_geo.datasets.pairs import PairFile

    file = PairFile(path)
    file.check()
    print(f"\n{path}: {len(file)} pairs written")
    print(describe(measure_file(file)))
