"""The procedural rooms; --set changes the parameters of the world, --size and --intrinsics its camera.

Pairs of views for RGBDPairData, or with --sequences smooth camera runs for FrameData: `runs` of `length` frames, and with a
`baseline` in metres a right camera too.
"""

from pycaffe_geo.commands._common import option
from pycaffe_geo.commands._prepare._recording import print_camera, size

EXAMPLE = """
tools/prepare_data.py rooms --size 40x32 --set rotation_deg=3 --set clusters=100 --out rooms.h5
tools/prepare_data.py rooms --sequences --size 80x64 --set runs=50 --set baseline=0.1 --out runs.h5
"""


def arguments(parser):
    parser.add_argument("--sequences", action="store_true", help="smooth camera runs in place of pairs of views")
    parser.add_argument("--size", type=size, metavar="WxH", help="of the pictures (default: 40x32)")
    option(parser, "intrinsics", help="at that size (default: 101.3 degrees wide)")
    option(parser, "set", help="a parameter, for example rotation_deg=3, clusters=100 or split=test; repeatable")


def files(args):
    from pycaffe_geo.datasets.cache import SEQUENCES, WORLDS
    from pycaffe_geo.datasets.rooms import World, render_pairs
    from pycaffe_geo.datasets.rooms_sequences import render_runs
    from pycaffe_geo.layers.frame_data import FrameWorldParam
    from pycaffe_geo.layers.rgbd_pair_data import WorldParam
    from pycaffe_geo.spec import override

    kind, render = (FrameWorldParam, render_runs) if args.sequences else (WorldParam, render_pairs)
    chosen = dict(SEQUENCES["rooms_sequences_train"] if args.sequences else WORLDS["rooms_train"])
    given = dict(zip(("width", "height"), args.size or ())) | dict(zip(("fx", "fy", "cx", "cy"), args.intrinsics or ()))
    chosen |= {name: value for name, value in vars(override(kind(**given), args.set)).items() if value is not None}
    own = {name: chosen.pop(name) for name in ("split", "clusters", "runs", "length", "baseline") if name in chosen}
    world = World(**chosen)
    print_camera(world.intrinsics, world.height, world.width)
    return {args.out: render(world, **own, progress=True) | {"source": f"procedural rooms {own} {world}"}}
