"""The options that all kinds of recordings share, and what they do: choose frames, resize, make pairs, hold some out."""

import argparse
from pathlib import Path

from pycaffe_geo.commands._common import names, whole
from pycaffe_geo.errors import DataError, PycaffeGeoError, nearest

_NAMED = "told by the name of its colour file without ending, or its number: 100 is 00100"


def size(text):
    """Argument type: `40x32` -> (40, 32), width and height."""
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise argparse.ArgumentTypeError(f"got '{text}', expected WIDTHxHEIGHT in pixels, for example 40x32")
    return int(sides[0]), int(sides[1])


def gaps(text):
    """Argument type: `1,2` -> [1, 2]."""
    return sorted({whole(word) for word in names(text)})


def recording_options(parser):
    """Declare what can be done to the frames of any recording."""
    parser.add_argument("--size", type=size, metavar="WxH", help="resize to this (default: as stored)")
    parser.add_argument("--step", type=whole, default=1, metavar="N", help="keep every N-th frame (default: %(default)s)")
    parser.add_argument("--skip", type=names, default=[], metavar="FIRST:LAST,..",
                        help=f"leave out these frames, or single ones: FRAME,..; a frame is {_NAMED}")
    parser.add_argument("--breaks", type=names, default=[], metavar="FRAME,..",
                        help="a new continuous sequence begins at each of these frames: no pair and no sample spans one")
    parser.add_argument("--gaps", type=gaps, default=[1], metavar="N,..",
                        help="frames between the two of a pair, made where there are depth and poses (default: 1)")
    parser.add_argument("--hold-out", type=whole, metavar="N", help="the last N frames go to --test-out")
    parser.add_argument("--test-out", metavar="FILE", help="the file for the frames held out; pairs across are in neither")


def files_of(args, recording):
    """Return {path: arguments of `write_pairs`} of a Recording by the options above, and print what was found."""
    from pycaffe_geo.datasets.frames import load_frames

    if bool(args.hold_out) != bool(args.test_out):
        raise PycaffeGeoError("--hold-out N and --test-out FILE go together: give both or neither")
    if args.test_out and Path(args.test_out).resolve() == Path(args.out).resolve():
        raise PycaffeGeoError(f"--test-out is the same file as --out: {args.out}")
    breaks, skip = positions("--breaks", args.breaks, recording.names), ranges(args.skip, recording.names)
    frames = load_frames(recording, args.size, args.step, breaks, skip, progress=True)
    print(f"{frames.source}: {len(frames)} frames, '{frames.names[0]}' to '{frames.names[-1]}'")
    print_camera(frames.intrinsics[0], *frames.color.shape[1:3])
    whole_file = frames.as_file(args.gaps)
    if not args.hold_out:
        return {args.out: whole_file}
    first_held = len(frames) - args.hold_out
    if first_held < 1:
        raise DataError(f"--hold-out {args.hold_out}: there are {len(frames)} frames, expected some before the last ones")
    train, held = (frames.part(*ends).as_file(args.gaps) for ends in ((0, first_held), (first_held, len(frames))))
    if "pairs" in whole_file:
        _tell_pairs(args.hold_out, *(len(data["pairs"]) for data in (whole_file, train, held)))
    return {args.out: train, args.test_out: held}


def _tell_pairs(last, count, train, held):
    print(f"{count} pairs: {train} for training, {held} held out (within the last {last} frames), {count - train - held} across "
          "dropped")
    for part, where in ((train, "before"), (held, "within")):
        if not part:
            raise DataError(f"--hold-out {last}: there is no pair {where} the last {last} frames")


def positions(option, words, frame_names):
    """Return the positions of the frames that `words` name, exactly or as a number: 100 is frame '00100'."""
    found = []
    for word in words:
        number = [i for i, name in enumerate(frame_names) if name.isdecimal() and word.isdecimal() and int(name) == int(word)]
        exact = [i for i, name in enumerate(frame_names) if name == word]
        if not (exact or number):
            raise DataError(f"{option}: no frame '{word}'{nearest(word, frame_names)} (there are {len(frame_names)} frames, "
                            f"'{frame_names[0]}' to '{frame_names[-1]}')")
        found.append((exact or number)[0])
    return found


def ranges(words, frame_names):
    """Return the (first, last) positions of `FIRST:LAST` or of single frames."""
    found = []
    for word in words:
        first, colon, last = word.partition(":")
        ends = positions("--skip", [first, last if colon else first], frame_names)
        if ends[1] < ends[0]:
            raise DataError(f"--skip: {word} ends before it begins")
        found.append(tuple(ends))
    return found


def print_camera(intrinsics, height, width):
    """Print a camera: intrinsics (4,) in pixels, and how wide it sees."""
    import math

    fx, fy, cx, cy = intrinsics
    fov = math.degrees(math.atan((cx + 0.5) / abs(fx)) + math.atan((width - 0.5 - cx) / abs(fx)))
    print(f"camera at {width}x{height}: fx {fx:g}, fy {fy:g}, cx {cx:g}, cy {cy:g} pixels; {fov:.1f} degrees wide")
