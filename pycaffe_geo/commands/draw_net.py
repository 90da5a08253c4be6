"""Draw a network: a box for every layer, coloured by kind, and the blobs' names and shapes on the lines.

Layers that work in place stand in the box of the layer whose blob they change. --dot gives text for Graphviz instead of a PNG.
"""

import logging

from pycaffe_geo.commands._common import build_net, net_options, option

EXAMPLE = "tools/draw_net.py --net prototxt/pose_early_fusion_small.yaml --phase TEST --out net.png"
log = logging.getLogger(__name__)
KINDS = {
    "filter": ("Convolution", "Deconvolution", "InnerProduct", "Im2col"),
    "pooling": ("Pooling", "Unpooling", "SPP"),
    "activation": ("AbsVal", "BNLL", "ELU", "Exp", "Log", "Power", "PReLU", "ReLU", "Sigmoid", "Softmax", "Swish", "TanH"),
    "geometry": ("SE3Generator", "Transform3DGrid", "PinholeProjection", "InverseWarping"),
    "measure": ("Accuracy", "DepthError", "PoseError"),
}


def arguments(parser):
    net_options(parser, phase="TRAIN")
    option(parser, "out", metavar="FILE", help="the file to write (default: <net>.png, or the terminal with --dot)")
    parser.add_argument("--dot", action="store_true", help="write text in Graphviz' DOT language instead of a PNG")


def run(args):
    from pathlib import Path

    from pycaffe_geo.plots.net_drawing import draw_graph, to_dot

    net = build_net(args)
    nodes, lines = graph_of(net)
    title = f"{net.name or Path(args.net).stem} ({args.phase})"
    out = args.out or ("" if args.dot else f"{net.name or Path(args.net).stem}.png")
    if out:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
    if not args.dot:
        draw_graph(nodes, lines, title, out)
    elif out:
        Path(out).write_text(to_dot(nodes, lines, title), encoding="utf-8")
    else:
        print(to_dot(nodes, lines, title), end="")
    if out:
        print(f"{out}: {len(net.layers)} layers, {len(net.blobs)} blobs")


def graph_of(net):
    """Return ([Node], [Line]) of a Net: layers that work in place are merged into their blob's maker."""
    from pycaffe_geo.plots.net_drawing import Line, Node

    nodes, lines, maker = [], {}, {}
    for layer, bottoms, tops in zip(net.layers, net.bottoms, net.tops):
        in_place = bool(tops) and all(t in bottoms for t in tops)
        if in_place and tops[0].name in maker and len(bottoms) == 1:
            nodes[maker[tops[0].name]].lines.append(f"{layer.name}: {layer.type}")
            continue
        number = len(nodes)
        nodes.append(Node([layer.name, _description(layer), *_sharing(layer)], _kind(layer)))
        for blob in bottoms:
            readers = lines[blob.name].readers
            readers += [] if number in readers else [number]
        for blob in tops:
            if blob.name not in lines:
                maker[blob.name] = number
                lines[blob.name] = Line(number, [], _label(layer, blob))
    return nodes, list(lines.values())


def _kind(layer):
    if layer.is_data:
        return "data"
    if layer.is_loss:
        return "loss"
    return next((kind for kind, types in KINDS.items() if layer.type in types), "other")


def _description(layer):
    """The layer's type, with outputs, kernel and stride where it has any: "Convolution 96, kernel 11, stride 4"."""
    text = layer.type
    for parameter in layer.definition.parameters.values():
        outputs = getattr(parameter, "num_output", None)
        kernel = getattr(parameter, "kernel_size", None)
        stride = getattr(parameter, "stride", None)
        text += f" {outputs}" if outputs else ""
        text += f", kernel {_sizes(kernel)}" if kernel else ""
        text += f", stride {_sizes(stride)}" if stride and _sizes(stride) != "1" else ""
    return text


def _sharing(layer):
    owner = layer.definition.share
    return [f"parameters of {owner}"] if owner and layer.blobs else []


def _sizes(value):
    """(11,) and 11 are "11", (3, 5) is "3 x 5"."""
    return " x ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _label(layer, blob):
    """The blob's name, where it is not its maker's, and its shape."""
    shape = " x ".join(map(str, blob.shape))
    return f"{blob.name} {shape}".strip() if blob.name != layer.name or not shape else shape
