"""The options that several tools have, each declared once, and what is built from them."""

import argparse
import math
import sys

from pycaffe_geo.errors import PycaffeGeoError


def described(module):
    """Return the keyword arguments that give a parser the docstring and the EXAMPLE of a command's module."""
    lines = "\n".join(f"  {line}" for line in module.EXAMPLE.strip().splitlines())
    return {"description": module.__doc__.strip(), "epilog": f"example:\n{lines}", "allow_abbrev": False,
            "formatter_class": argparse.RawDescriptionHelpFormatter}


def whole(text):
    """Argument type: a whole number of at least 1."""
    return _at_least(1, text)


def index(text):
    """Argument type: a whole number of at least 0."""
    return _at_least(0, text)


def _at_least(least, text):
    try:
        value = int(text)
    except ValueError:
        value = None
    if value is None or value < least:
        raise argparse.ArgumentTypeError(f"got '{text}', expected a whole number of at least {least}")
    return value


def positive(text):
    """Argument type: a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"got '{text}', expected a number above 0")
    return value


def memory(text):
    """Argument type: a number of bytes such as 2G, 500M, 64K or 1000000 -> int."""
    units = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
    number = text.upper().removesuffix("B").removesuffix("I")
    unit = number[-1:] if number[-1:] in units else ""
    try:
        value = float(number.removesuffix(unit)) * units[unit]
    except ValueError:
        value = 0
    if not 1 <= value < 2**60:
        raise argparse.ArgumentTypeError(f"got '{text}', expected a size such as 2G, 500M or 64K")
    return int(value)


def intrinsics(text):
    """Argument type: fx,fy,cx,cy in pixels."""
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != 4 or not values[0] or not values[1] or not all(map(math.isfinite, values)):
        raise argparse.ArgumentTypeError(f"got '{text}', expected fx,fy,cx,cy in pixels, for example 525,525,319.5,239.5")
    return values


def named_shape(text):
    """Argument type: `top=N,C,H,W` -> (top, (N, C, H, W))."""
    name, equals, sizes = text.partition("=")
    try:
        shape = tuple(int(s) for s in sizes.split(","))
    except ValueError:
        shape = ()
    if not equals or not name or not shape or min(shape) < 1:
        raise argparse.ArgumentTypeError(f"got '{text}', expected top=N,C,H,W, for example tgt=2,3,48,64")
    return name, shape


def names(text):
    """Argument type: `a,b,c` -> ["a", "b", "c"]."""
    parts = [part for part in (p.strip() for p in text.split(",")) if part]
    if not parts:
        raise argparse.ArgumentTypeError(f"got '{text}', expected a,b,...")
    return parts


_OPTIONS = {
    "solver": dict(metavar="FILE", help="solver file"),
    "net": dict(metavar="FILE", help="network file"),
    "weights": dict(metavar="A,B", type=names, help="weights (.caffemodel or .caffemodel.h5) by layer name; later files win"),
    "resume": dict(metavar="PATH|latest", help="go on from a snapshot: one of its two files, or `latest`"),
    "iterations": dict(metavar="N", type=whole, help="number of batches (default: %(default)s)"),
    "set": dict(
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="change the file, for example conv1.convolution_param.num_output=8; repeatable",
    ),
    "out": dict(metavar="PATH", help="where to write the results"),
    "phase": dict(choices=("TRAIN", "TEST"), help="phase of the network (default: %(default)s)"),
    "stage": dict(metavar="NAME", action="append", default=[], help="stage that include / exclude rules ask for; repeatable"),
    "level": dict(metavar="N", type=int, default=0, help="level that include / exclude rules ask for (default: %(default)s)"),
    "seed": dict(metavar="N", type=index, default=0, help="seed of all random draws (default: %(default)s)"),
    "shape": dict(
        metavar="TOP=N,C,H,W",
        type=named_shape,
        action="append",
        default=[],
        help="give this top random values of this shape instead of reading its data layer; repeatable",
    ),
    "max-memory": dict(
        metavar="SIZE",
        type=memory,
        help="refuse a network whose parameters and blobs take more, for example 2G (default: no limit)",
    ),
    "intrinsics": dict(metavar="FX,FY,CX,CY", type=intrinsics, help="of the images as given, in pixels"),
    "depth-scale": dict(metavar="X", type=positive, default=1000, help="values of a depth PNG per metre (default: %(default)s)"),
    "layer": dict(metavar="NAME", help="one layer alone (default: the whole network)"),
}


def option(parser, word, **changes):
    """Declare the common option `--<word>` on `parser`; `changes` replace parts of its declaration: required, default, help."""
    parser.add_argument(f"--{word}", **{**_OPTIONS[word], **changes})


def net_options(parser, phase="TEST"):
    """Declare what selects a network: --net, --set, --phase, --stage, --level, --shape, --seed, --max-memory."""
    option(parser, "net", required=True)
    option(parser, "phase", default=phase)
    for word in ("stage", "level", "set", "shape", "seed", "max-memory"):
        option(parser, word)


def device_options(parser):
    """Declare --cpu and --gpu N, of which one may be given."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--cpu", action="store_true", help="run on the CPU")
    group.add_argument("--gpu", metavar="N", type=index, help="run on CUDA device N")


def device_of(args):
    """Return the Device that --cpu or --gpu N asks for: the CPU where neither is given."""
    from pycaffe_geo.backend import choose_device

    return choose_device(cpu=args.cpu, gpu=args.gpu)


def net_definition(args, phase=None):
    """Return the NetDef of one phase that --net, --set, --phase, --stage, --level and --shape ask for."""
    from pycaffe_geo.commands._inputs import replace_data
    from pycaffe_geo.spec import NetState, filter_net, load_net

    state = NetState(phase or args.phase, args.level, tuple(args.stage))
    return replace_data(filter_net(load_net(args.net, overrides=args.set), state), dict(args.shape))


def build_net(args, phase=None, device=None, weights=None):
    """Return the Net of `net_definition`, on the CPU where no `device` is given; inputs hold random values."""
    from pycaffe_geo.commands._inputs import fill_inputs
    from pycaffe_geo.net import Net

    phase = phase or args.phase
    definition = net_definition(args, phase)
    state = dict(level=args.level, stages=tuple(args.stage))
    net = Net(definition, phase, weights, **state, device=device, seed=args.seed, max_memory=args.max_memory)
    fill_inputs(net, args.seed)
    return net


def progress(steps, what):
    """Yield 0 .. steps - 1, shown as a bar where the output is a terminal."""
    from tqdm import tqdm

    yield from tqdm(range(steps), desc=what, disable=None, leave=False)


def table(rows, left=1):
    """Return rows (lists, the first is the heading) as aligned text: the first `left` columns flush left, the others right."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*rows)]

    def line(row):
        cells = [cell.ljust(w) if i < left else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))]
        return "  ".join(cells).rstrip()

    return "\n".join(line(row) for row in rows)


def output_folder(path):
    """Return `path` as a Path to a folder, made where it is missing; PycaffeGeoError where a file stands there."""
    from pathlib import Path

    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise PycaffeGeoError(f"--out {folder}: is a file, expected a folder")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def output_file(path):
    """Return `path` as a Path; its folder is made where it is missing."""
    from pathlib import Path

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write_csv(path, heading, rows):
    """Write a table to the file `path`, numbers in full."""
    import csv

    with open(output_file(path), "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([heading, *rows])


def write_json(path, values):
    """Write a dict of texts, numbers, lists and dicts to the file `path`."""
    import json

    output_file(path).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def peak_mib():
    """Return the most memory that this process has had in RAM, in MiB; NaN where the system does not tell."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return _peak_by_resource()


def _peak_by_resource():
    try:
        import resource
    except ImportError:
        return float("nan")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
