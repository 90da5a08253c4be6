"""Seeded damage to good files of every kind: only our own errors come out, nothing hangs, and reading takes little memory.

The tests try a few hundred files of each kind. Many more, with the slowest and the largest memory for a byte of the file:

    python tests/test_fuzz_files.py --count 20000 --seed 1 [--kind caffemodel]
"""

import argparse
import collections
import faulthandler
import json
import logging
import os
import random
import re
import sys
import tempfile
import time
import tracemalloc
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pytest

from pycaffe_geo.caffemodel import caffemodel_layer, read_blob_proto
from pycaffe_geo.errors import PycaffeGeoError
from pycaffe_geo.net import Net
from pycaffe_geo.solvers.snapshot import State, check_history, read_state, write_state
from pycaffe_geo.spec import load_net, load_solver, to_prototxt, to_yaml
from pycaffe_geo.spec.parse import parse
from pycaffe_geo.weights import read_weights, write_weights
from pycaffe_geo.wire import encode_field

GROWTH = 100  # bytes that reading may take for a byte of the file
FLOOR = 2**15  # and for any file, however small
SECONDS = 5  # in the long run; no test looks at the clock
MAX_MEMORY = 2**24  # of the nets that are built of what loads
BUILT = 8 * MAX_MEMORY  # what building may take in all: draws are made in float64, and work buffers are not all counted

PROTOTXT = """name: "LeNet"  # digits
layer { name: "data" type: "DummyData" top: "data" top: "label" include { phase: TRAIN }
  dummy_data_param { shape { dim: 4 dim: 1 dim: 28 dim: 28 } shape { dim: 4 } data_filler { type: "gaussian" std: 0.1 } } }
layer { name: "data" type: "Input" top: "data" top: "label" include { phase: TEST }
  input_param { shape { dim: 4 dim: 1 dim: 28 dim: 28 } shape { dim: 4 } } }
layer {
  name: "conv1"
  type: "Convolution"
  bottom: "data"
  top: "conv1"
  param { lr_mult: 1 decay_mult: 1.5e-1 }
  param { lr_mult: 2 }
  convolution_param { num_output: 4 kernel_size: 5 stride: 2 weight_filler { type: "xavier" } bias_filler { value: -0.5 } }
}
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1" pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: 'norm' type: "LRN" bottom: "pool1" top: "norm" lrn_param { local_size: 3 alpha: 1e-4 beta: .75 } }
layer { name: "ip1" type: "InnerProduct" bottom: "norm" top: "ip1" inner_product_param { num_output: 0x0A } }
layer { name: "relu1" type: "ReLU" bottom: "ip1" top: "ip1" relu_param { negative_slope: 0.1f } }
layer { name: "drop" type: "Dropout" bottom: "ip1" top: "drop" dropout_param { dropout_ratio: 0.5 } exclude { stage: "deploy" } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "drop" bottom: "label" top: "loss" loss_weight: 0.5 }
"""
V1 = """name: "old" input: "x" input_dim: 2 input_dim: 3 input_dim: 9 input_dim: 8 state { level: 1 stage: "s" }
layers { name: "c" type: CONVOLUTION bottom: "x" top: "c" blobs_lr: 1 blobs_lr: 2 weight_decay: 1 weight_decay: 0 param: "w"
  convolution_param { num_output: 3 kernel_size: 3 pad: 1 group: 3 } }
layers { bottom: "c" top: "c" name: "r" type: RELU }
layers { bottom: "c" top: "p" name: "p" type: 17 pooling_param { pool: 1 kernel_h: 3 kernel_w: 2 } include { min_level: 1 } }
"""
YAML = """name: n
modules:
  conv_relu:
    params: {n: , k: 3, stride: 1}
    bottom: x
    top: relu
    layers:
    - name: conv
      type: Convolution
      bottom: x
      convolution_param: {num_output: $n, kernel_size: $k, stride: $stride, pad: $(k // 2), weight_filler: xavier}
    - {name: relu, type: ReLU, bottom: conv, top: relu}
layers:
- {name: x, type: Input, top: [x, y], input_param: {shape: {dim: [2, 3, 8, 9]}}}
- {name: a, module: conv_relu, n: 3, k: 5, bottom: x}
- {name: b, module: conv_relu, n: 4, stride: 2, bottom: a, repeat: 2, include: &test {phase: TEST}}
- {name: c, share: a, bottom: y}
- {name: scale, type: Power, bottom: c, top: s, power_param: {power: 1.5, scale: 1e-3, shift: -2}}
- {name: sum, type: Eltwise, bottom: [a, s], eltwise_param: {operation: SUM, coeff: [1, -0.5]}, include: *test}
- {name: loss, type: EuclideanLoss, bottom: [a, s], loss_weight: 0.1, propagate_down: [true, false]}
"""
SOLVERS = {
    "solver.prototxt": 'net: "net.prototxt" base_lr: 0.01 lr_policy: "multistep" gamma: 0.1 stepvalue: 10 stepvalue: 20\n'
                       'momentum: 0.9 # as ever\nsolver_type: NESTEROV test_iter: 3 test_interval: 5 train_state { stage: "a" }\n'
                       'snapshot_prefix: "runs/x" max_iter: 40 solver_mode: 0 random_seed: 7\n',
    "solver.yaml": "net: net.yaml\nbase_lr: 1e-3\nstepvalue: [10, 20]\nlr_policy: multistep\ntype: Adam\ntest_iter: 3\n"
                   "train_state: {stage: [a], level: 1}\ntest_interval: 10\nmax_iter: 4\nfreeze: [conv*]\nweight_decay: 0.0005\n",
}
PIECES = [
    "{", "}", "[", "]", ":", ": ", "- ", ",", "\n", "\t", " ", "#", "&r ", "*r", "*test", "!", "'", '"', "|", ">", "<", "$", "$(",
    ")", "$n", "%", "@", "?", "<<: ", "---\n", "1", "-1", "0", "1e999", "nan", "inf", "99999999999", "-5", "0x7fffffff",
    "null", "true", "name", "module: a", "share: a", "repeat: 99999999", "layers", "layer {", "type: ", "\x00", "\ud800", "é",
    "~", "\\x", "net_param {", "dim: 99999", "Split", "BatchNorm", "Reshape", "Concat", "Scale", "TRAIN", "phase: 7",
]


def damaged_text(text, draw):
    """Return `text` with one to three small changes: a number changed, or a piece put in, taken out or copied from elsewhere."""
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        numbers = [found.span() for found in re.finditer(r"\d+", text)]
        if numbers and draw.random() < 0.5:
            begin, end = draw.choice(numbers)
            new = str(draw.choice([0, 1, 2, 3, 7, 64, -1, 0.5, 2**31, 10**draw.randrange(25)]))
        else:
            begin, other = draw.randrange(len(text) + 1), draw.randrange(len(text) + 1)
            end = min(len(text), begin + draw.choice([0, 0, 1, 3, 20]))
            new = draw.choice([draw.choice(PIECES), text[other:other + draw.choice([1, 5, 40])]])
        text = text[:begin] + new + text[end:]
    return text.encode("utf-8", "surrogatepass")


def damaged_bytes(data, draw):
    """Return `data` cut short, or with one to four bytes or runs changed, put in, taken out, or copied from elsewhere."""
    data = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        at, other = draw.randrange(len(data) + 1), draw.randrange(len(data) + 1)
        kind = draw.randrange(8)
        if kind == 0:
            del data[at:]
        elif kind == 1:
            del data[at:at + draw.choice([1, 2, 8, 100])]
        elif kind == 2:
            data[at:at] = data[other:other + draw.choice([1, 4, 16, 200])]
        elif kind == 3:
            data[at:at + draw.choice([1, 2, 4, 8])] = draw.choice([b"\xff", b"\x00", b"\x80"]) * draw.choice([1, 2, 4, 9])
        elif at < len(data):
            data[at] = draw.choice([data[at] ^ 1 << draw.randrange(8), draw.randrange(256), draw.randrange(16)])
    return bytes(data)


def use_net(path):
    """Load a net, write it in both formats, and build it."""
    definition = load_net(path)
    if len(definition.layers) < 100:  # a `repeat` can make thousands
        load_net("again.yaml", text=to_yaml(definition))
        load_net("again.prototxt", text=to_prototxt(definition))
    Net(definition, "TRAIN", stages=("a",), max_memory=MAX_MEMORY)


def use_weights(path):
    weights = read_weights(path)
    net = Net(load_net("net.prototxt", text=PROTOTXT), "TEST")
    net.copy_from(path)
    return weights


def use_state(path):
    state = read_state(path)
    try:
        check_history(path, state, "SGD", ["ip[0]", "ip[1]"], [(20, 30), (20,)], 1)
    except PycaffeGeoError:
        pass


@dataclass
class Kind:
    """A kind of file: the good ones by name, how to read one, what to do with it, and how to damage one."""

    files: dict
    read: object
    use: object
    damage: object = damaged_bytes


def weights_of(seed=0):
    """Return {layer: [arrays]} that fit the net PROTOTXT."""
    draw = np.random.default_rng(seed)
    shapes = {"conv1": [(4, 1, 5, 5), (4,)], "ip1": [(10, 144), (10,)], "other": [(2, 3)]}
    return {name: [draw.normal(size=s).astype(np.float32) for s in each] for name, each in shapes.items()}


def caffemodels():
    """Return the bytes of four files: new and old layers, numbers packed and with a tag each, doubles."""
    new = b"".join(caffemodel_layer(name, arrays, arrays) for name, arrays in weights_of().items())
    double = b"".join(caffemodel_layer(name, [a.astype(np.float64) for a in arrays]) for name, arrays in weights_of().items())
    old, unpacked = b"", encode_field(1, "net")
    for name, arrays in weights_of().items():
        sizes = [(1,) * (4 - a.ndim) + a.shape for a in arrays]
        heads = [b"".join(encode_field(i + 1, n) for i, n in enumerate(s)) for s in sizes]
        packed = [head + encode_field(5, a.tobytes()) for head, a in zip(heads, arrays)]
        tagged = [head + b"".join(b"\x2d" + v.tobytes() for v in a.ravel()) for head, a in zip(heads, arrays)]
        old += encode_field(2, encode_field(4, name) + encode_field(5, 14) + b"".join(encode_field(6, b) for b in packed))
        unpacked += encode_field(100, encode_field(1, name) + b"".join(encode_field(7, b) for b in tagged))
    return {"new.caffemodel": new, "double.caffemodel": double, "old.caffemodel": old, "unpacked.caffemodel": unpacked}


def kinds(folder):
    """Return {name: Kind}, with the good files that some need written to `folder`."""
    Path("net.prototxt").write_text(PROTOTXT)
    Path("net.yaml").write_text(YAML)
    write_weights(folder / "w.caffemodel.h5", {**weights_of(), "block/a": [np.ones((1, 4))]}, diffs={"conv1": []})
    history = [np.ones((20, 30), np.float32), np.ones(20, np.float32)]
    write_state(folder / "x.solverstate.h5", State(7, 1, "x.caffemodel.h5", history, "SGD", 3, {"data": 7}, [{}], [0.5]))
    with h5py.File(folder / "y.solverstate.h5", "w") as file:  # its texts are of variable length
        file["iter"], file["learned_net"], file["history/0"] = [7], "x.caffemodel.h5", history[0]
        file["pycaffe_geo/state"] = json.dumps(vars(State(7, 1, "", [])) | {"format": 1})
    sizes = b"".join(encode_field(i + 1, n) for i, n in enumerate((1, 3, 8, 9)))
    mean = sizes + encode_field(5, np.arange(216, dtype="<f4").tobytes())
    text = dict(damage=damaged_text)
    states = {name: (folder / name).read_bytes() for name in ("x.solverstate.h5", "y.solverstate.h5")}
    return {
        "prototxt": Kind({"a.prototxt": PROTOTXT, "b.prototxt": V1}, parse, use_net, **text),
        "yaml": Kind({"a.yaml": YAML}, parse, use_net, **text),
        "solver": Kind(SOLVERS, parse, lambda path: to_prototxt(load_solver(path)), **text),
        "caffemodel": Kind(caffemodels(), read_weights, use_weights),
        "binaryproto": Kind({"mean.binaryproto": mean}, read_blob_proto, read_blob_proto),
        "hdf5": Kind({"w.caffemodel.h5": (folder / "w.caffemodel.h5").read_bytes()}, read_weights, use_weights),
        "solverstate": Kind(states, read_state, use_state),
    }


@dataclass
class Result:
    """How many files were good or refused, the seconds of the slowest, the most memory that reading took for a byte (beyond
    FLOOR), the most that building took, and what went wrong."""

    counts: collections.Counter = field(default_factory=collections.Counter)
    slowest: float = 0.0
    growth: float = 0.0
    built: int = 0
    failures: list = field(default_factory=list)


def fuzz(kind, count, seed, folder, begun=lambda: None):
    """Return the Result of `count` damaged files of a Kind; `begun` is called before each of them."""
    result = Result()
    for path, data in kind.files.items():
        (folder / path).write_bytes(data.encode() if isinstance(data, str) else data)
        kind.use(folder / path)  # good files load; and what is made once is made
    for i in range(count):
        draw = random.Random(f"{seed} {i}")
        name, data = draw.choice(sorted(kind.files.items()))
        case = kind.damage(data, draw)
        (folder / name).write_bytes(case)
        begun()
        tracemalloc.start()
        _error(kind.read, folder / name)
        result.growth = max(result.growth, (tracemalloc.get_traced_memory()[1] - FLOOR) / max(len(case), 1))
        _error(kind.use, folder / name)
        result.built = max(result.built, tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        begin = time.process_time()  # without tracing, which takes most of the time
        error = _error(kind.use, folder / name)
        result.slowest = max(result.slowest, time.process_time() - begin)
        ours = isinstance(error, PycaffeGeoError)
        if error and not (ours and str(error) and "\n" not in str(error)):
            result.failures.append((i, name, repr(error)[:300]))
        result.counts["good" if not error else "refused" if ours else "wrong"] += 1
    return result


def _error(use, path):
    try:
        use(path)
    except Exception as e:
        return e
    return None


NAMES = ("prototxt", "yaml", "solver", "caffemodel", "binaryproto", "hdf5", "solverstate")


@pytest.mark.parametrize("name", NAMES)
def test_only_our_own_errors_come_out(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = fuzz(kinds(tmp_path)[name], 200, 1, tmp_path)
    assert not result.failures
    assert result.growth <= GROWTH and result.built <= BUILT, result
    assert min(result.counts["good"], result.counts["refused"]) > 3, result.counts


def watch():
    """End the process, with the place it is at, where a file takes much too long: a library may hang where no signal helps."""
    faulthandler.dump_traceback_later(4 * SECONDS, exit=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20000, help="damaged files of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=NAMES, action="append", help="only this kind; repeatable")
    args = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name in args.kind or NAMES:
            result = fuzz(kinds(Path(folder))[name], args.count, args.seed, Path(folder), watch)
            bad = result.failures or result.growth > GROWTH or result.built > BUILT or result.slowest > SECONDS
            print(f"{name}: {args.count} files, seed {args.seed}: {dict(result.counts)}, slowest {result.slowest:.2f} s, "
                  f"reading took {max(result.growth, 0):.1f} bytes for a byte, building {result.built >> 10} KiB; "
                  f"{'FAILED' if bad else 'passed'}", *result.failures, sep="\n    ", flush=True)
            failed = failed or bool(bad)
    return 1 if failed else 0


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    sys.exit(main())
