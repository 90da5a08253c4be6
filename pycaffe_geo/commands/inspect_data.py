"""Look at a file of prepare_data, at the procedural world or at a network's data layer: samples, statistics, and a check.

Every record is checked, and the data tried: the source picture, warped by the true motion, must look more like the target, and
the right camera must see everything further left.
With --net, the samples are what the network's RGBDPairData or FrameData layer gives in its first batches, as augmented.
With --out FILE: a picture with src, tgt, depth of tgt, src warped to tgt by the true motion, and what differs from tgt; of a
FrameData layer or a file without pairs: the frames of samples, with right pictures and depth where there are.
"""

from pycaffe_geo.commands._common import option, progress, table, whole
from pycaffe_geo.errors import PycaffeGeoError, SpecError, listed, nearest

EXAMPLE = """
tools/inspect_data.py --source train.h5 --out panel.png
tools/inspect_data.py --source rooms_sequences_test --n 4 --seed 1 --out panel.png
tools/inspect_data.py --net prototxt/pose_early_fusion_small.yaml --phase TRAIN --out panel.png
"""
_TYPES = ("RGBDPairData", "FrameData")


def arguments(parser):
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--source", metavar="FILE|WORLD", help="a file, or a procedural world such as rooms_train")
    option(data, "net", help="network file, whose data layer is looked at")
    option(parser, "layer", help="the data layer of --net (default: its only one)")
    option(parser, "phase", default="TRAIN")
    for word in ("stage", "level", "set", "seed"):
        option(parser, word)
    parser.add_argument("--n", type=whole, default=8, metavar="N", help="how many samples to draw (default: %(default)s)")
    option(parser, "out", metavar="FILE", help="write a picture of the samples to this PNG file")


def run(args):
    from pycaffe_geo.commands._frames import draw_file
    from pycaffe_geo.commands._pairs import has_pairs
    from pycaffe_geo.datasets.cache import pair_path
    from pycaffe_geo.datasets.pairs import PairFile

    if args.net:
        net = _data_net(args)
        (_tell_pair_layer if net.layers[0].type == "RGBDPairData" else _tell_frame_layer)(args, net)
        return
    for name in ("layer", "set", "stage"):
        if getattr(args, name):
            raise PycaffeGeoError(f"--{name} has no meaning with --source, only with --net")
    file = PairFile(pair_path(args.source, progress=True))
    _check(file)
    if has_pairs(file):
        _tell(args, file, *_of_file(args, file))
    else:
        if args.out:
            draw_file(args.out, file, _some(args, file.frames))
        _verify(file)


def _tell(args, file, names, samples, measures):
    """Print and draw samples of pairs, then try them."""
    from pycaffe_geo.commands._pairs import describe
    from pycaffe_geo.datasets.measure import measure_pairs

    print(f"{len(measures['flow'])} samples measured:")
    print(describe(measures))
    drawn = measure_pairs(samples)
    print(f"\n{table([_HEADING, *(_row(name, drawn, i) for i, name in enumerate(names))])}\n")
    if args.out:
        _draw(args.out, samples, names, drawn)
        print(f"{args.out}: {len(names)} samples drawn")
    _verify(file)


def _verify(file):
    from pycaffe_geo.datasets.verify import verify_arrays

    for found in verify_arrays(**file.arrays()):
        print(f"{file.path}: {found}")


def _tell_frame_layer(args, net):
    """Print what the FrameData layer of `net` reads and gives, draw its first samples, then try the data."""
    from pycaffe_geo.commands._frames import draw_layer

    layer = net.layers[0]
    net.forward()
    _check(layer.file)
    print(f"{len(layer.good)} samples of: {', '.join(layer.top_names())}")
    if args.out:
        net.set_positions({layer.name: 0})
        draw_layer(args.out, net, args.n)
    _verify(layer.file)


def _some(args, count):
    """Return up to --n rising numbers below `count`, drawn by --seed."""
    import numpy as np

    return np.sort(np.random.default_rng(args.seed).choice(count, min(args.n, count), replace=False))


def _of_file(args, file):
    """Return the names of random samples of a PairFile, these as a batch, and measures of the file."""
    from pycaffe_geo.commands._pairs import measure_file

    chosen = _some(args, len(file))
    names = [f"pair {i}: frames {src}, {tgt}" for i, (src, tgt) in zip(chosen, file.pairs[chosen])]
    return names, file.batch(chosen), measure_file(file)


def _tell_pair_layer(args, net):
    """Print and draw the first samples of the RGBDPairData layer of `net`, then try the data."""
    import numpy as np

    from pycaffe_geo.commands._pairs import MOST_PAIRS, joined
    from pycaffe_geo.datasets.measure import measure_pairs

    layer = net.layers[0]
    size = layer.param.batch_size
    samples, measures = [], []
    for i in progress(-(-max(args.n, MOST_PAIRS) // size), "measuring"):
        net.forward()
        batch = {name: blob.data.copy() for name, blob in net.blobs.items()}
        if i * size < args.n:
            samples.append(batch)
        measures.append(measure_pairs(batch))
    _check(layer.file, layer.good)
    names = [f"batch {k // size}, sample {k % size}" for k in range(args.n)]
    drawn = {name: np.concatenate([batch[name] for batch in samples])[:args.n] for name in samples[0]}
    _tell(args, layer.file, names, drawn, joined(measures))


def _data_net(args):
    """Return a Net of the data layer alone that --net and --layer tell; of RGBDPairData with all of the layer's five tops."""
    from dataclasses import replace

    from pycaffe_geo.layers.rgbd_pair_data import NAMES
    from pycaffe_geo.net import Net
    from pycaffe_geo.spec import NetState, filter_net, load_net

    definition = filter_net(load_net(args.net, overrides=args.set), NetState(args.phase, args.level, tuple(args.stage)))
    layers = {layer.name: layer for layer in definition.layers if layer.type in _TYPES}
    name = args.layer or next(iter(layers), None)
    if name not in layers or (len(layers) > 1 and not args.layer):
        known = f"its {' and '.join(_TYPES)} layers in phase {args.phase} are {listed(layers)}"
        problem = f"no data layer '{args.layer}'{nearest(args.layer, layers)}" if args.layer else "say which --layer"
        raise SpecError(f"{args.net}: {problem}; {known}")
    top = NAMES if layers[name].type == "RGBDPairData" else layers[name].top
    alone = replace(definition, layers=(replace(layers[name], top=top),))
    return Net(alone, args.phase, level=args.level, stages=tuple(args.stage), seed=args.seed)


def _check(file, records=None):
    """Print what the PairFile is, once all `records` (default: all there are) are found to be sound."""
    from pycaffe_geo.commands._pairs import contents

    file.check(records)
    every = records is None or len(records) == len(file)
    print(f"{file.path}: {contents(file)}; {'every record is' if every else f'{len(records)} pairs are'} sound")
    if file.source:
        print(f"from: {file.source}")


_HEADING = ["sample", "rotation, degrees", "translation, m", "flow, pixels", "unwarped", "warped", "wrong direction"]


def _row(name, measures, i):
    lengths = [f"{_length(measures[motion][i]):.3f}" for motion in ("rotation", "translation")]
    return [name, *lengths, *(f"{measures[m][i]:.2f}" for m in ("flow", "unwarped", "warped", "wrong"))]


def _length(vector):
    return sum(x * x for x in vector) ** 0.5


def _draw(out, samples, names, measures):
    from pathlib import Path

    from pycaffe_geo.datasets.measure import warp_pairs
    from pycaffe_geo.plots.panels import draw_panels, error_map, to_rgb

    warped, seen, _ = warp_pairs(samples)
    rows, captions = [], []
    for i, name in enumerate(names):
        src, tgt, depth = samples["src"][i], samples["tgt"][i], samples["depth"][i, 0]
        rows.append([to_rgb(src), to_rgb(tgt), depth, to_rgb(warped[i]), error_map(warped[i], tgt, seen[i])])
        captions.append(_captions(name, measures, i))
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    draw_panels(out, ["src", "tgt", "depth of tgt, m", "src warped by the true motion", "colour error, 0..255"], rows, captions)


def _captions(name, measures, i):
    """Return the texts under the five pictures of sample i."""
    value = {key: array[i] for key, array in measures.items()}
    rotation, translation = (
        f"{key} {_length(value[key]):.{digits}f} {unit} ({', '.join(f'{x:.{digits}f}' for x in value[key])})"
        for key, digits, unit in (("rotation", 2, "degrees"), ("translation", 3, "m"))
    )
    least, median, largest = value["depth"]
    return [
        name,
        f"{rotation}\n{translation}",
        f"{least:.2f} to {largest:.2f} m, median {median:.2f} m\n{value['no_depth']:.1%} of the pixels have none",
        f"mean flow {value['flow']:.2f} pixels\n{value['seen']:.1%} of the pixels are seen",
        f"{value['unwarped']:.2f} unwarped -> {value['warped']:.2f} warped\n({value['wrong']:.2f} in the wrong direction)",
    ]
