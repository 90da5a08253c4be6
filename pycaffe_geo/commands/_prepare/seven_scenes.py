"""7-Scenes: a scene's seq-NN/frame-NNNNNN.color.png, .depth.png and .pose.txt.

The colour and depth cameras of this data are not calibrated to each other: both are taken to be the camera 585, 585, 320, 240.
"""

from pycaffe_geo.commands._common import names, option
from pycaffe_geo.commands._prepare._recording import files_of, recording_options

EXAMPLE = """
tools/prepare_data.py seven_scenes chess --split train --step 10 --size 160x120 --out chess_train.h5
tools/prepare_data.py seven_scenes chess --sequences seq-03 --size 160x120 --out chess_03.h5
"""


def arguments(parser):
    parser.add_argument("folder", metavar="DIR", help="the scene's folder")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--split", choices=("train", "test"), help="the sequences of TrainSplit.txt or TestSplit.txt")
    chosen.add_argument("--sequences", type=names, metavar="seq-NN,..", help="these (default: all there are)")
    option(parser, "intrinsics", help="of the stored pictures (default: those published)")
    recording_options(parser)


def files(args):
    from pycaffe_geo.datasets.seven_scenes import read_seven_scenes, split_sequences

    sequences = split_sequences(args.folder, args.split) if args.split else args.sequences
    return files_of(args, read_seven_scenes(args.folder, sequences, args.intrinsics))
