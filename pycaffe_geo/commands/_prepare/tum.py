"""A sequence of the TUM RGB-D benchmark: rgb.txt, depth.txt, groundtruth.txt.

Each colour picture takes the nearest depth picture and ground truth in time, at most 0.02 s away.
"""

from pycaffe_geo.commands._common import option
from pycaffe_geo.commands._prepare._recording import files_of, recording_options

EXAMPLE = """
tools/prepare_data.py tum rgbd_dataset_freiburg2_desk --step 3 --size 160x120 --out desk.h5
"""


def arguments(parser):
    parser.add_argument("folder", metavar="DIR", help="the sequence's folder")
    parser.add_argument("--camera", metavar="NAME", help="fr1, fr2, fr3 or ros (default: by the folder's name)")
    option(parser, "intrinsics", help="of the stored pictures, in place of --camera")
    recording_options(parser)


def files(args):
    from pycaffe_geo.datasets.tum import read_tum

    return files_of(args, read_tum(args.folder, args.camera, args.intrinsics))
