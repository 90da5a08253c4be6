"""The frames of your own video, a folder of pictures, for training without ground truth.

Pictures are in the order of the numbers in their names. What is needed of the camera are its --intrinsics, or as a guess how
wide it sees; lens distortion is not undone. The camera must move: pictures that show no motion are left out.
ffmpeg -i video.mp4 frames/%05d.png makes such a folder.
"""

from pycaffe_geo.commands._common import option, positive
from pycaffe_geo.commands._prepare._recording import files_of, recording_options

EXAMPLE = """
tools/prepare_data.py video frames --intrinsics 1380,1380,959.5,539.5 --size 416x128 --step 3 --out own.h5
tools/prepare_data.py video frames --fov 65 --size 208x64 --breaks 00420,01377 --out own.h5
"""


def arguments(parser):
    parser.add_argument("folder", metavar="DIR", help="the folder of pictures")
    camera = parser.add_mutually_exclusive_group(required=True)
    option(camera, "intrinsics", help="of the stored pictures, in pixels")
    camera.add_argument("--fov", type=positive, metavar="DEGREES", help="how wide the camera sees")
    parser.add_argument("--order", metavar="FILE", help="a text file that names the pictures in their order of time")
    parser.add_argument("--still", type=_difference, default=1, metavar="X",
                        help="leave out pictures whose values 0..255 differ from the last kept one's by less on average; 0 keeps "
                             "all (default: %(default)s)")
    recording_options(parser)


def _difference(text):
    return 0 if text == "0" else positive(text)


def files(args):
    from pycaffe_geo.datasets.images import list_pictures
    from pycaffe_geo.datasets.video import read_video

    recording = read_video(args.folder, args.intrinsics, args.fov, args.order, args.still, progress=True)
    print(f"{len(recording)} of {len(list_pictures(args.folder))} pictures are taken, the others are not named or show no motion")
    return files_of(args, recording)
