"""Make a file for FrameData and RGBDPairData layers out of recordings of many kinds, or out of the procedural world.

Frames `gap` apart make pairs, in both directions, where there are depth and poses. Data is tried before anything is written: a
picture, warped by depth, intrinsics and poses as stated, must look more like the other one, and the right camera must see
everything further left. Data that does not is refused, with the likely cause.

`pycaffe-geo prepare_data KIND --help` tells the options of a kind.
"""

import importlib
import pkgutil

from pycaffe_geo.commands import _prepare
from pycaffe_geo.commands._common import described, option

EXAMPLE = """
tools/prepare_data.py folder room --size 40x32 --gaps 1,2 --hold-out 8 --out train.h5 --test-out test.h5
tools/prepare_data.py tum rgbd_dataset_freiburg2_desk --step 3 --size 160x120 --out desk.h5
tools/prepare_data.py stereo left right --intrinsics 721.5,721.5,609.6,172.9 --baseline 0.54 --size 416x128 --out pairs.h5
tools/prepare_data.py rooms --sequences --size 80x64 --out runs.h5
"""


def kinds():
    """Return {name: module} of the kinds of data: the files in _prepare/ that do not start with `_`."""
    names = sorted(m.name for m in pkgutil.iter_modules(_prepare.__path__) if not m.name.startswith("_"))
    return {name: importlib.import_module(f"{_prepare.__name__}.{name}") for name in names}


def arguments(parser):
    several = parser.add_subparsers(dest="kind", metavar="KIND", required=True, title="kinds of data")
    for name, module in kinds().items():
        kind = several.add_parser(name, help=module.__doc__.splitlines()[0], **described(module))
        module.arguments(kind)
        option(kind, "out", required=True, metavar="FILE", help="the file to write")


def run(args):
    kind = kinds()[args.kind]
    if hasattr(kind, "write"):
        kind.write(args)
    else:
        _write_pair_files(kind.files(args))


def _write_pair_files(files):
    from pycaffe_geo.commands._pairs import describe_file
    from pycaffe_geo.datasets.pairs import PairFile, write_pairs
    from pycaffe_geo.datasets.verify import verify_arrays

    for path, data in files.items():
        for found in verify_arrays(**data):
            print(f"{path}: {found}")
    for path, data in files.items():
        write_pairs(path, **data)
        print(f"\n{path}: written: {describe_file(PairFile(path))}")
