"""Middlebury's stereo scenes, one folder each: pictures of both cameras and depth out of the disparity of the left one.

Scenes of 2014 tell all in calib.txt. Older ones tell no camera: give --intrinsics, --baseline in metres and --offset, what is to
be added to disparities, at the size as stored. Of 2006: fx is 3740 at full size, the baseline 0.16 m, dmin.txt tells the offset.
"""

from pycaffe_geo.commands._common import option, positive
from pycaffe_geo.commands._prepare._recording import files_of, recording_options
from pycaffe_geo.errors import PycaffeGeoError

EXAMPLE = """
tools/prepare_data.py middlebury Adirondack-perfect Piano-perfect --size 712x496 --out new.h5
tools/prepare_data.py middlebury half_2006 --intrinsics 1870,1870,335,277 --baseline 0.16 --offset 100 --out old.h5
"""


def arguments(parser):
    parser.add_argument("folders", metavar="DIR", nargs="+", help="the scenes' folders")
    option(parser, "intrinsics", help="of the left picture as stored, where there is no calib.txt")
    parser.add_argument("--baseline", type=positive, metavar="M", help="metres between the cameras, where there is no calib.txt")
    parser.add_argument("--offset", type=float, metavar="PIXELS", help="added to disparities, where there is no calib.txt")
    parser.add_argument("--scale", type=positive, metavar="X", help="values of a disparity PNG per pixel (default: as published)")
    recording_options(parser)


def files(args):
    from pycaffe_geo.datasets.middlebury import given_calibration, read_middlebury

    given = args.intrinsics, args.baseline, args.offset
    if None in given and given != (None, None, None):
        raise PycaffeGeoError("--intrinsics, --baseline and --offset go together: give all or none")
    calibration = None if None in given else given_calibration(*given)
    return files_of(args, read_middlebury(args.folders, calibration, args.scale))
