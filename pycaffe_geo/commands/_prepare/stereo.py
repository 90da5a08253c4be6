"""Two folders of rectified stereo pairs, which go together by their order of names.

Whether left is left is tried out by matching blocks: the right camera must see everything further left.
"""

from pycaffe_geo.commands._common import option, positive
from pycaffe_geo.commands._prepare._recording import files_of, recording_options

EXAMPLE = """
tools/prepare_data.py stereo left right --intrinsics 721.5,721.5,609.6,172.9 --baseline 0.54 --size 416x128 --out pairs.h5
tools/prepare_data.py stereo image_02 image_03 --continuous --intrinsics 721.5,721.5,609.6,172.9 --baseline 0.54 --out drive.h5
"""


def arguments(parser):
    parser.add_argument("left", metavar="LEFT_DIR", help="pictures of the left camera")
    parser.add_argument("right", metavar="RIGHT_DIR", help="pictures of the right camera")
    option(parser, "intrinsics", required=True, help="of the stored pictures of both cameras")
    parser.add_argument("--baseline", type=positive, required=True, metavar="M", help="metres between the two cameras")
    parser.add_argument("--swap", action="store_true", help="the folders are named the wrong way round")
    parser.add_argument("--continuous", action="store_true", help="the pairs follow each other in time")
    recording_options(parser)


def files(args):
    from pycaffe_geo.datasets.stereo import read_stereo

    left, right = (args.right, args.left) if args.swap else (args.left, args.right)
    return files_of(args, read_stereo(left, right, args.intrinsics, args.baseline, args.continuous))
