"""ICL-NUIM, compatible with TUM RGB-D: associations.txt and a trajectory livingRoomN.gt.freiburg.

Its camera has y up: fy is -480. The intrinsics stay so, and all layers take them; a positive one is found out by warping.
"""

from pycaffe_geo.commands._common import option
from pycaffe_geo.commands._prepare._recording import files_of, recording_options

EXAMPLE = """
tools/prepare_data.py icl_nuim living_room_traj2_frei_png --step 2 --size 160x120 --out living_room.h5
"""


def arguments(parser):
    parser.add_argument("folder", metavar="DIR", help="the sequence's folder")
    parser.add_argument("--trajectory", metavar="FILE", help="poses by the frame's index (default: the *.gt.freiburg in DIR)")
    option(parser, "intrinsics", help="of the stored pictures (default: those published)")
    recording_options(parser)


def files(args):
    from pycaffe_geo.datasets.icl_nuim import read_icl_nuim

    return files_of(args, read_icl_nuim(args.folder, args.trajectory, args.intrinsics))
