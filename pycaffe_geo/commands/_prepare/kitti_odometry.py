"""KITTI odometry: sequences/NN (image_2, image_3, calib.txt) and poses/NN.txt.

The poses of the file are those of the left colour camera; the benchmark's are of camera 0. 00 to 10 have poses, 11 to 21 none.
times.txt is not read: where the numbers of the pictures leave a gap, a continuous sequence ends.
"""

from pycaffe_geo.commands._common import names
from pycaffe_geo.commands._prepare._recording import files_of, recording_options

EXAMPLE = """
tools/prepare_data.py kitti_odometry dataset --sequences 00,01,02,08 --size 416x128 --out kitti_train.h5
tools/prepare_data.py kitti_odometry dataset --sequences 09 --left-only --size 416x128 --out kitti_09.h5
"""


def arguments(parser):
    parser.add_argument("folder", metavar="DIR", help="the folder that holds sequences/ and poses/")
    parser.add_argument("--sequences", type=names, metavar="NN,..", help="which (default: all there are)")
    parser.add_argument("--left-only", action="store_true", help="without the right camera's pictures")
    recording_options(parser)


def files(args):
    from pycaffe_geo.datasets.kitti_odometry import read_kitti_odometry

    return files_of(args, read_kitti_odometry(args.folder, args.sequences, args.left_only))
