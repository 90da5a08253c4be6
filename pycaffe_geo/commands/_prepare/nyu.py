"""NYU Depth v2, the labelled frames: nyu_depth_v2_labeled.mat, with the official split.

Depth is the in-painted one, as most publications train, or as the sensor gave it (--raw). The lens's distortion is not undone.
"""

from pycaffe_geo.commands._common import index, option
from pycaffe_geo.commands._prepare._recording import files_of, recording_options

EXAMPLE = """
tools/prepare_data.py nyu nyu_depth_v2_labeled.mat --split train --border 16 --size 304x228 --out nyu_train.h5
tools/prepare_data.py nyu nyu_depth_v2_labeled.mat --split test --raw --out nyu_test.h5
"""


def arguments(parser):
    parser.add_argument("file", metavar="FILE", help="nyu_depth_v2_labeled.mat")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--split", choices=("train", "test"), help="the frames of the official split (default: all frames)")
    chosen.add_argument("--frames", metavar="FILE", help="a text file of the numbers of frames, from 1 on")
    parser.add_argument("--splits", metavar="FILE", help="of --split (default: splits.mat beside)")
    parser.add_argument("--raw", action="store_true", help="depth as the sensor gave it, with holes")
    parser.add_argument("--border", type=index, default=0, metavar="N",
                        help="cut off N pixels at each side; 16 takes the white border off (default: %(default)s)")
    option(parser, "intrinsics", help="of the stored pictures (default: those published)")
    recording_options(parser)


def files(args):
    from pathlib import Path

    from pycaffe_geo.datasets.nyu import official_split, read_numbers, read_nyu

    numbers = read_numbers(args.frames) if args.frames else None
    if args.split:
        numbers = official_split(args.splits or Path(args.file).with_name("splits.mat"), args.split)
    return files_of(args, read_nyu(args.file, numbers, args.raw, args.border, args.intrinsics))
