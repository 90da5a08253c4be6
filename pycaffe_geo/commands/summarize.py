"""Show a network at a glance: shapes, parameters, learning rates, losses, what backward runs, and what looks like a mistake.

The column `lr x decay` holds lr_mult x decay_mult of each parameter. `backward` is `yes` where the layer's backward runs.
"""

from itertools import zip_longest

from pycaffe_geo.commands._common import build_net, net_options, option, table
from pycaffe_geo.errors import bytes_text

EXAMPLE = "tools/summarize.py --net prototxt/pose_early_fusion_small.yaml --phase TRAIN"
SMALL = 10  # outputs with at most as many elements are results, larger ones may have been forgotten


def arguments(parser):
    net_options(parser, phase="TRAIN")
    option(parser, "weights", help="also say what these weights would load, skip and leave at initial values")


def run(args):
    net = build_net(args)
    print(f"{net.name or args.net} ({args.net}), phase {args.phase}, {len(net.layers)} layers")
    print(table([["layer", "type", "top", "parameters", "lr x decay", "backward", "notes"], *_rows(net)], left=7))
    print("\n".join(_totals(net)))
    if args.weights:
        print(net.copy_from(args.weights))


def _rows(net):
    """Yield the rows of the table: a line for every layer, and further ones for its further tops and parameters."""
    owners = _owners(net)
    for i, layer in enumerate(net.layers):
        tops = [f"{t.name} {_shape(t.shape)}" for t in net.tops[i]]
        parameters = [_shape(b.shape) for b in layer.blobs]
        rates = [f"{net.lr_mults[k]:g} x {net.decay_mults[k]:g}" for k in (owners[id(b)] for b in layer.blobs)]
        runs, notes = "yes" if net.backward_layers[i] else "", ", ".join(_notes(net, i, owners))
        yield from zip_longest([layer.name], [layer.type], tops, parameters, rates, [runs], [notes], fillvalue="")


def _owners(net):
    """Return {id(parameter blob): its number in net.learnable}."""
    return {
        id(blob): next(k for k, owner in enumerate(net.learnable) if owner is blob or owner.shares_data(blob))
        for layer in net.layers
        for blob in layer.blobs
    }


def _notes(net, i, owners):
    layer, tops = net.layers[i], net.tops[i]
    for weight, top in zip(net.loss_weights[i], tops):
        if weight:
            yield f"loss_weight {weight:g}" if len(tops) == 1 else f"loss_weight {weight:g} on {top.name}"
    if any(top in net.bottoms[i] for top in tops):
        yield "in place"
    shared = {net.param_names[owners[id(b)]].rpartition("[")[0] for b in layer.blobs} - {layer.name}
    if shared:
        yield f"parameters of {', '.join(sorted(shared))}"
    if layer.frozen:
        yield "frozen"


def _totals(net):
    counts = [blob.count for blob in net.learnable]
    learned = sum(n for n, lr in zip(counts, net.lr_mults) if lr)
    size = net.dtype.itemsize
    yield ""
    yield f"parameters: {sum(counts):,} in {len(counts)} blobs ({bytes_text(sum(counts) * size)}), {learned:,} of them learn"
    yield f"blobs: {len(net.blobs)}, {bytes_text(sum(_data_sizes(net)) * size)} of data; diffs take up to as much again"
    trains = net.phase == "TRAIN"
    plan, what = net.plan_memory(trains=trains), "data and diffs" if trains else "data alone"
    sizes = bytes_text(plan.own + plan.shared), bytes_text(plan.own + plan.alone)
    yield f"memory for {what}: {sizes[0]} shared, as the solver, time and infer do; {sizes[1]} unshared"
    losses = [(w, t.name) for weights, tops in zip(net.loss_weights, net.tops) for w, t in zip(weights, tops) if w]
    yield "loss: " + (" + ".join(f"{w:g} * {name}" for w, name in losses) or "none, so nothing learns")
    yield f"outputs: {', '.join(net.outputs) or 'none'}"
    dead = list(_dead_layers(net))
    if dead:
        yield f"dead: nothing reads what these layers make (a Silence layer says that this is meant): {', '.join(dead)}"
    idle = [la.name for i, la in enumerate(net.layers) if any(la.param_propagate_down) and not net.backward_layers[i]]
    if idle and losses:
        yield f"parameters that cannot learn (no loss depends on them, or no gradient comes down): {', '.join(idle)}"


def _dead_layers(net):
    """Yield the names of layers none of whose tops is read, a loss, or small enough to be a result."""
    for layer, weights, tops in zip(net.layers, net.loss_weights, net.tops):
        unread = all(t.name in net.outputs and t.count > SMALL for t in tops)
        if tops and unread and not any(weights):
            yield layer.name


def _data_sizes(net):
    """Yield the elements of every data buffer, once where several blobs share it."""
    seen = []
    for blob in net.blobs.values():
        if not any(blob.shares_data(other) for other in seen):
            seen.append(blob)
            yield blob.count


def _shape(shape):
    return "x".join(map(str, shape)) or "()"
