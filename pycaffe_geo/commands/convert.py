"""Convert networks, solvers, weights and mean images between Caffe's files and ours.

A network or solver becomes YAML or prototxt, whichever --out ends in, and is printed in the other format than its own where there
is no --out. Networks come out flat: modules, repeats and shares are written out, in the short forms of YAML. A solver's
networks of the other format are converted too, to files beside --out. Weights become HDF5 (.h5) or Caffe's binary file
(.caffemodel), a mean image (.binaryproto) becomes .npy.
"""

import os
from dataclasses import replace

from pycaffe_geo.commands._common import option
from pycaffe_geo.errors import PycaffeGeoError, listed

EXAMPLE = """
tools/convert.py --net deploy.prototxt --out deploy.yaml
tools/convert.py --net prototxt/pose_late_fusion.yaml --out pose_late_fusion.prototxt
tools/convert.py --weights bvlc_alexnet.caffemodel --out bvlc_alexnet.caffemodel.h5
"""

YAML, PROTOTXT = (".yaml", ".yml"), (".prototxt",)


def arguments(parser):
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--net", metavar="FILE", help="a network file, YAML or prototxt")
    group.add_argument("--solver", metavar="FILE", help="a solver file, YAML or prototxt")
    group.add_argument("--weights", metavar="FILE", help="a weights file, .caffemodel or .caffemodel.h5")
    group.add_argument("--mean", metavar="FILE", help="a mean image, .binaryproto")
    option(parser, "out", metavar="FILE", help="the file to write; its ending tells the format")


def run(args):
    if args.net or args.solver:
        text = _converted(args)
        if args.out:
            _write_text(args.out, text)
        else:
            print(text, end="")
    elif args.weights:
        _convert_weights(args.weights, _ending(args.out, (".h5", ".hdf5"), (".caffemodel",)))
    else:
        _convert_mean(args.mean, _ending(args.out, (".npy",)))
    if args.out:
        print(f"written to {args.out}")


def _ending(path, *kinds):
    """Return `path` if it ends in one of the kinds (tuples of endings), else raise."""
    endings = [ending for kind in kinds for ending in kind]
    if not path or not path.endswith(tuple(endings)):
        got = f"got '{path}'" if path else "it is missing"
        raise PycaffeGeoError(f"--out: {got}, expected a file that ends in one of {listed(endings)}")
    return path


def _converted(args):
    """Return the text of the network or solver in the format that --out tells."""
    from pycaffe_geo.spec import load_net, load_solver, to_prototxt, to_yaml

    source = args.net or args.solver
    if args.out:
        ending = PROTOTXT if _ending(args.out, YAML, PROTOTXT).endswith(PROTOTXT) else YAML
    else:
        ending = YAML if source.endswith(PROTOTXT) else PROTOTXT
    write = to_prototxt if ending is PROTOTXT else to_yaml
    if args.net:
        return write(load_net(source))
    return write(_with_networks(load_solver(source), args.out, ending, write))


def _with_networks(solver, out, ending, write):
    """Return the solver with the names of its networks as converted, which are written beside `out`."""
    from pycaffe_geo.spec import load_net

    def converted(path):
        if not out or not isinstance(path, str) or not path or path.endswith(ending):
            return path
        stem = os.path.splitext(os.path.basename(path))[0]
        new = os.path.join(os.path.dirname(out), stem + ending[0])
        _write_text(new, write(load_net(path)))
        print(f"written to {new}, the network {path} of the solver")
        return new

    nets = {key: converted(getattr(solver, key)) for key in ("net", "train_net")}
    return replace(solver, **nets, test_net=tuple(map(converted, solver.test_net)))


def _write_text(path, text):
    from pycaffe_geo.atomic import atomic_file

    with atomic_file(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(text)


def _convert_weights(source, out):
    from pycaffe_geo.weights import read_weights, write_weights

    write_weights(out, read_weights(source))


def _convert_mean(source, out):
    import numpy as np

    from pycaffe_geo.caffemodel import read_blob_proto
    from pycaffe_geo.atomic import atomic_file

    with atomic_file(out) as temporary, open(temporary, "wb") as file:
        np.save(file, read_blob_proto(source))
