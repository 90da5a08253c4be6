"""KITTI raw: drives by day, stereo pictures in colour, depth by the laser scanner; the lists of others as they are.

DIR holds 2011_09_26/calib_*.txt and 2011_09_26/2011_09_26_drive_0001_sync/{image_02,image_03,velodyne_points}/data. Color is
the left camera 2. Poses are those of GPS and inertial sensors (--poses; oxts/data). Lists may be those of Eigen's split, in the
forms that are about, or SfMLearner's static_frames.txt; a line that names a drive alone means all of it. Frames are held in
memory at --size.
"""

from pycaffe_geo.commands._common import names
from pycaffe_geo.commands._prepare._recording import files_of, recording_options

EXAMPLE = """
tools/prepare_data.py kitti_raw kitti --list eigen_test_files.txt --size 416x128 --left-only --out eigen_test.h5
tools/prepare_data.py kitti_raw kitti --leave-out test_scenes_eigen.txt,static_frames.txt --no-depth --size 416x128 --out train.h5
tools/prepare_data.py kitti_raw kitti --drives 2011_09_26_drive_0001,2011_09_26_drive_0002 --poses --size 416x128 --out two.h5
"""


def arguments(parser):
    parser.add_argument("folder", metavar="DIR", help="the folder that holds the days' folders")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--list", metavar="FILE", help="a list of frames or drives, kept in its order (default: all there are)")
    chosen.add_argument("--drives", type=names, metavar="DRIVE,..", help="these drives")
    parser.add_argument("--leave-out", type=names, default=[], metavar="FILE,..", help="lists of frames or drives to leave out")
    parser.add_argument("--sort", action="store_true", help="by drive and number, so that neighbours in a shuffled list meet")
    parser.add_argument("--left-only", action="store_true", help="without the right camera's pictures")
    parser.add_argument("--no-depth", action="store_true", help="without the laser scanner's depth")
    parser.add_argument("--poses", action="store_true", help="with poses of the navigation unit; with depth, they make pairs")
    recording_options(parser)


def files(args):
    from pycaffe_geo.datasets.kitti_raw import read_kitti_raw, read_places

    wanted = read_places(args.list) if args.list else [(drive.removesuffix("_sync"), None) for drive in args.drives or ()] or None
    if args.sort and wanted:
        wanted = sorted(wanted, key=lambda place: (place[0], place[1] or 0))
    leave_out = [place for path in args.leave_out for place in read_places(path)]
    return files_of(args, read_kitti_raw(args.folder, wanted, leave_out, args.left_only, not args.no_depth, args.poses,
                                         args.size))
