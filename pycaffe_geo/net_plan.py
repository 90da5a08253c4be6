"""The backward plan of a Net: which layers run, which diffs they write, and how the diffs of blobs read twice are summed."""

from dataclasses import dataclass, field

from pycaffe_geo.blob import Memory


@dataclass
class Step:
    """Backward of one layer. `bottom` holds stand-ins with scratch diffs where another layer's diff is in the way, `top` some
    with a diff of 0 where another one's is, and both some with the values of the layer's forward where it needs them and a later
    layer changes them in place.

    saved: (stand-in, blob) pairs: the first's data become the second's after the layer ran forward.
    sums: (stand-in, blob) pairs: the first's diff is added to the second's after the layer ran. consumed_losses: (top, weight) of
    tops that are a loss and feed other layers: the weight is added to what these sent back.
    """

    runs: bool = False
    propagate_down: list = field(default_factory=list)
    bottom: list = field(default_factory=list)
    top: list = field(default_factory=list)
    saved: list = field(default_factory=list)
    sums: list = field(default_factory=list)
    consumed_losses: list = field(default_factory=list)


def plan_backward(net):
    """Return a Step for each layer of `net`, and let blobs share buffers where their layers allow it (`views`)."""
    versions = _Versions(net)
    runs, propagate_down = _what_runs(net, versions)
    steps = [Step(r, p, list(b), list(t)) for r, p, b, t in zip(runs, propagate_down, net.bottoms, net.tops)]
    readers = {}
    for i, step in enumerate(steps):
        for k, wanted in enumerate(step.propagate_down):
            if step.runs and wanted:
                readers.setdefault(versions.bottoms[i][k], []).append((i, k))
    for step, tops in zip(steps, versions.tops):  # what changes them in place stops the gradient: the blob's diff is not theirs
        step.top = [blob.alias() if v in versions.changed - readers.keys() else blob for blob, v in zip(step.top, tops)]
    _share_views(net, versions, readers)
    _hand_out_diffs(net, steps, readers)
    _save_overwritten(net, steps)
    for i, step in enumerate(steps):
        step.consumed_losses = [
            (blob, weight)
            for blob, weight, version in zip(net.tops[i], net.loss_weights[i], versions.tops[i])
            if weight and version in readers
        ]
    return steps


class _Versions:
    """Numbers the values each blob takes: a layer that works in place makes a new version.

    `bottoms[i][k]` and `tops[i][k]` are (name, version); `in_place` holds the names that some layer changes in place, `changed`
    the versions that one changes.
    """

    def __init__(self, net):
        current, self.bottoms, self.tops = {}, [], []
        for bottom, top in zip(net.bottoms, net.tops):
            self.bottoms.append([(b.name, current[b.name]) for b in bottom])
            for blob in top:
                current[blob.name] = current.get(blob.name, -1) + 1
            self.tops.append([(t.name, current[t.name]) for t in top])
        self.changed = {(name, version) for name, last in current.items() for version in range(last)}
        self.in_place = {name for name, _ in self.changed}


def _what_runs(net, versions):
    """Caffe's rules: a layer runs backward where a parameter that learns is at or below it and a loss is at or above it."""
    needs, runs, propagate_down = set(), [], []
    for layer, bottom, top in zip(net.layers, versions.bottoms, versions.tops):
        given = layer.definition.propagate_down
        able = [k not in layer.no_gradient for k in range(len(bottom))]
        propagate_down.append([a and (given[k] if given else bottom[k] in needs) for k, a in enumerate(able)])
        below = any(propagate_down[-1]) and any(b in needs for b in bottom)
        runs.append(below or any(layer.param_propagate_down))
        if runs[-1]:
            needs.update(top)
    under_loss, wanted = set(), {}
    for i in reversed(range(len(runs))):
        contributes = any(w or t in under_loss for w, t in zip(net.loss_weights[i], versions.tops[i]))
        skipped = all(wanted.get(t) is False for t in versions.tops[i])
        runs[i] = runs[i] and contributes and not skipped
        for k, b in enumerate(versions.bottoms[i]):
            if contributes and k not in net.layers[i].no_gradient:
                under_loss.add(b)
            propagate_down[i][k] = propagate_down[i][k] and contributes and not skipped
            wanted[b] = wanted.get(b, False) or propagate_down[i][k]
    if net.definition.force_backward:
        for i, layer in enumerate(net.layers):
            runs[i] = True
            propagate_down[i] = [p or k not in layer.no_gradient for k, p in enumerate(propagate_down[i])]
            layer.param_propagate_down = [True] * len(layer.blobs)
    return runs, propagate_down


def _share_views(net, versions, readers):
    """Make a view layer's top and one of its bottoms one buffer, where no other layer can notice."""
    lost = {b.name for i, top in enumerate(net.tops) for b, w in zip(top, net.loss_weights[i]) if w}
    for i, layer in enumerate(net.layers):
        if not layer.views:
            continue
        top = net.tops[i][0]
        for k, blob in enumerate(net.bottoms[i]):
            if blob is top or blob.count != top.count or blob.name in versions.in_place or blob.name in lost:
                continue
            if readers.get(versions.bottoms[i][k]) == [(i, k)] and len(net.tops[i]) == 1:
                top.share_diff(blob)
                break
        if layer.views == "both":
            for blob in net.tops[i]:
                if blob.name not in versions.in_place:
                    blob.share_data(net.bottoms[i][0])


def _save_overwritten(net, steps):
    """Let every layer that runs backward see its own top there, although a later layer changes it in place: in the copy that the
    later one keeps for itself, or in one more."""
    for step, layer in zip(steps, net.layers):
        for k, blob in enumerate(step.top):
            if step.runs and (layer.name, blob.name) in net.overwritten:
                step.top[k] = blob.saved()
                step.bottom = [step.top[k] if b is blob else b for b in step.bottom]
                copy = _next_in_place(net, blob, layer).kept_input
                if copy:
                    step.top[k].share_data(copy)
                else:
                    step.saved.append((step.top[k], blob))


def _next_in_place(net, blob, layer):
    """Return the layer that is the next after `layer` to write `blob`."""
    return next(net.layers[i] for i in range(net.layers.index(layer) + 1, len(net.layers)) if blob in net.tops[i])


def _hand_out_diffs(net, steps, readers):
    """The last reader of a blob writes its diff; the others add by themselves, pass their top's diff on, or write scratch."""
    scratch = {}
    for edges in readers.values():
        last_layer = edges[-1][0]
        for i, k in edges[:-1]:
            layer, blob = net.layers[i], net.bottoms[i][k]
            if layer.accumulates and i != last_layer:  # within one layer the order of the two writes is not known
                layer.adds[k] = True
                continue
            if layer.views and len(net.tops[i]) == 1:
                stand_in = blob.alias()
                stand_in.share_diff(net.tops[i][0])
            else:
                stand_in = blob.alias(scratch.setdefault((k, blob.dtype), Memory(blob.dtype, net.device)))
            steps[i].bottom[k] = stand_in
            steps[i].sums.append((stand_in, blob))
