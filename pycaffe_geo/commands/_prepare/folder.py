"""A folder of RGB-D frames: color/, depth/ (16 bit), poses_c2w.txt and K.txt.

poses_c2w.txt holds a row-major 4x4 camera-to-world matrix (metres) for each frame, K.txt the 3x3 matrix of the stored pictures.
"""

from pycaffe_geo.commands._common import option
from pycaffe_geo.commands._prepare._recording import files_of, recording_options

EXAMPLE = """
tools/prepare_data.py folder room --size 40x32 --gaps 1,2 --breaks 00100 --hold-out 8 --out train.h5 --test-out test.h5
"""


def arguments(parser):
    parser.add_argument("folder", metavar="DIR", help="the folder")
    option(parser, "intrinsics", help="of the stored pictures (default: K.txt)")
    option(parser, "depth-scale", help="values of the depth pictures per metre (default: %(default)s)")
    recording_options(parser)


def files(args):
    from pycaffe_geo.datasets.folder import read_folder

    return files_of(args, read_folder(args.folder, args.intrinsics, args.depth_scale))
