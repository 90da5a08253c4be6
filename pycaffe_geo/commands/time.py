"""Measure every layer's forward and backward time, and the memory of blobs (which share it) and parameters.

Times are medians over --iterations after one iteration of warming up; the device is waited for after every layer. The whole
iteration is measured once more without waiting in between, which is faster on a GPU, and there once more as one recorded graph,
as training runs it. With --data: what bounds the run, the data layers or the others.
"""

from statistics import median
from time import perf_counter

from pycaffe_geo.commands._common import (
    build_net,
    device_of,
    device_options,
    net_options,
    option,
    peak_mib,
    progress,
    table,
    write_csv,
)
from pycaffe_geo.errors import DeviceError, PycaffeGeoError, bytes_text

EXAMPLE = "tools/time.py --net prototxt/pose_early_fusion_small.yaml --iterations 20 --data"


def arguments(parser):
    net_options(parser, phase="TRAIN")
    option(parser, "weights")
    option(parser, "iterations", default=20)
    parser.add_argument("--data", action="store_true", help="tell whether making batches or computing bounds the run")
    option(parser, "out", metavar="FILE", help="write the table as CSV, times in milliseconds")
    device_options(parser)


def run(args):
    from pycaffe_geo.blob import allocated_bytes

    net = build_net(args, device=device_of(args), weights=args.weights)
    net.share_memory()
    net.clock.iteration = 1  # in which no layer stops a GPU to look at values
    _whole_iteration(net)
    if args.data:
        _data_or_computing(net, args.iterations)
    layers = [_layer_by_layer(net) for _ in progress(args.iterations, "layer by layer")]
    whole = [_whole_iteration(net) for _ in progress(args.iterations, "whole iterations")]
    forward, backward = ([median(times) for times in zip(*part)] for part in zip(*layers))
    rows = [
        [layer.name, layer.type, f"{f:.3f}", f"{b:.3f}" if runs else "", _bytes(layer, tops)]
        for layer, tops, f, b, runs in zip(net.layers, net.tops, forward, backward, net.backward_layers)
    ]
    heading = ["layer", "type", "forward ms", "backward ms", "bytes"]
    shown = [[*row[:-1], bytes_text(row[-1])] for row in rows]
    print(f"{net.name or args.net}, {args.phase}, {net.device}, {net.dtype}: medians of {args.iterations} iteration(s)")
    print(table([[*heading[:-1], "memory"], *shown, ["sum", "", f"{sum(forward):.3f}", f"{sum(backward):.3f}", ""]], left=2))
    print("whole iteration: forward {:.3f} ms, backward {:.3f} ms".format(*(median(times) for times in zip(*whole))))
    if net.device.index is not None:
        print(_recorded(net, args.iterations))
    memory = [bytes_text(allocated_bytes(blobs)) for blobs in (net.blobs.values(), net.learnable)]
    peak = peak_mib()
    whole = f"; the whole process at its peak {bytes_text(peak * 2**20)}" if peak == peak else ""
    print("memory, data and diffs: blobs {}, parameters {}{}".format(*memory, whole))
    if net.device.held_bytes():
        print(f"memory of {net.device} that all arrays took at most: {bytes_text(net.device.held_bytes())}")
    if args.out:
        write_csv(args.out, heading, rows)


def _layer_by_layer(net):
    """Return (forward, backward) milliseconds of every layer, for one iteration."""
    count = len(net.layers)
    net.clear_param_diffs()
    net.device.synchronize()
    forward = [_milliseconds(net, net.forward_layer, i) for i in range(count)]
    backward = [_milliseconds(net, net.backward_layer, i) for i in reversed(range(count))]
    return forward, backward[::-1]


def _whole_iteration(net):
    """Return (forward, backward) milliseconds of one iteration."""
    net.clear_param_diffs()
    net.device.synchronize()
    return _milliseconds(net, net.forward), _milliseconds(net, net.backward)


def _recorded(net, iterations):
    """Return a line that tells how long an iteration takes, without data layers, as one graph of a GPU."""
    from pycaffe_geo.solvers.capture import Capture, obstacle

    words, against = "forward and backward, recorded as one graph", obstacle(net)
    if against:
        return f"{words}: not possible, because {against}"
    others = [i for i, layer in enumerate(net.layers) if not layer.is_data]

    def iteration():
        net.clear_param_diffs()
        for i in others:
            net.forward_layer(i)
        net.backward()

    capture = Capture(net, net.device.xp.zeros(2, "int32"))
    try:
        for _ in range(2):  # the first one runs as it is, the second one is recorded
            capture.run(iteration)
    except DeviceError as e:
        return f"{words}: not possible: {e}"
    net.device.synchronize()
    return f"{words}: {median(_milliseconds(net, capture.run, iteration) for _ in range(iterations)):.3f} ms"


def _data_or_computing(net, iterations):
    """Print the times of batches made one after another, of computing on one batch again and again, and of both at once."""
    data = [i for i, layer in enumerate(net.layers) if layer.is_data and layer.type != "Input"]
    if not data:
        raise PycaffeGeoError(f"--data: net '{net.name}' has no data layer in phase {net.phase} (Input layers make no batches)")
    others = [i for i in range(len(net.layers)) if i not in data]

    def batch():
        for i in data:
            net.forward_layer(i)

    def compute():
        net.clear_param_diffs()
        for i in others:
            net.forward_layer(i)
        net.backward()

    def both():
        batch()
        compute()

    batch()
    made, computed, together = (
        median(_milliseconds(net, call) for _ in progress(iterations, text))
        for call, text in ((batch, "batches alone"), (compute, "computing alone"), (both, "both"))
    )
    print(f"a batch takes {made:.3f} ms to make, computing on it {computed:.3f} ms, both at once {together:.3f} ms")
    if made > computed:
        print("the data bound this run: make smaller pictures, prepare them ahead, or give it more cores")
    else:
        print(f"computing bounds this run; it waits {max(together - computed, 0) / together:.0%} of its time for data")


def _milliseconds(net, call, *arguments):
    start = perf_counter()
    call(*arguments)
    net.device.synchronize()
    return (perf_counter() - start) * 1e3


def _bytes(layer, tops):
    """Bytes of the layer's tops (data) and parameters; an in-place top counts for the layer that made it."""
    own = [top for top in tops if top.name not in layer.definition.bottom]
    return sum(blob.count * blob.dtype.itemsize for blob in (*layer.blobs, *own))
