"""Random networks of branches, in-place chains, views, shared parameters and losses of many kinds, each drawn from a seed."""

from dataclasses import replace

import numpy as np

from pycaffe_geo.backend import asnumpy
from pycaffe_geo.net import Net
from pycaffe_geo.spec import load_net

SHAPE = (2, 4, 3, 3)  # of all blobs but losses and what lies within a chain
INPUTS = {"x": SHAPE, "t": SHAPE, "w": SHAPE, "label": (2, 3, 3), "cont": (2, 4), "index": (2,)}
FILLED = "filler: {type: uniform, min: -1, max: 1}"
CONVOLUTION = "convolution_param: {num_output: 4, kernel_size: 3, pad: 1, weight_filler: xavier, bias_filler: xavier}"
FOLDED, BACK = (("Reshape", f"reshape_param: {{shape: {{dim: {dim}}}}}") for dim in ([-1, 4, 9], [-1, *SHAPE[1:]]))

IN_PLACE = [  # type, parameters
    ("ReLU", ""), ("ReLU", "relu_param: {negative_slope: 0.1}"), ("PReLU", ""), ("ELU", ""), ("Swish", ""),
    ("Clip", "clip_param: {min: -0.5, max: 0.7}"), ("Sigmoid", ""), ("TanH", ""), ("Exp", "exp_param: {scale: 0.3}"),
    ("Power", "power_param: {scale: -1.5, shift: 0.2}"), ("BatchNorm", ""),
    ("BatchNorm", "batch_norm_param: {use_global_stats: true}"), ("Scale", ""),
    ("Scale", f"scale_param: {{bias_term: true, {FILLED}}}"), ("Bias", f"bias_param: {{{FILLED}}}"),
    ("Dropout", "dropout_param: {dropout_ratio: 0.3}"), ("MVN", "mvn_param: {eps: 0.1}"), ("Softmax", ""), ("Normalize", ""),
]
APART = [
    ("Power", "power_param: {power: 2, scale: 0.5}"), ("AbsVal", ""), ("BNLL", ""), ("LRN", "lrn_param: {local_size: 3}"),
    ("LRN", "lrn_param: {local_size: 3, norm_region: WITHIN_CHANNEL}"), ("Permute", "permute_param: {order: [0, 1, 3, 2]}"),
    *(("Pooling", f"pooling_param: {{pool: {pool}, kernel_size: 3, stride: 1, pad: 1}}") for pool in ("MAX", "AVE")), BACK,
    ("Convolution", CONVOLUTION), ("Convolution", f"{CONVOLUTION}, param: [{{name: w}}, {{name: b}}]"),
    ("Convolution", f"{CONVOLUTION}, param: {{lr_mult: 0}}"), ("Deconvolution", CONVOLUTION),
]
CHAINS = [  # layers (type, parameters, more bottoms) one after the other
    [("Flatten", ""), ("InnerProduct", "inner_product_param: {num_output: 36, weight_filler: xavier}"), BACK],
    [FOLDED, ("RNN", "recurrent_param: {num_output: 9, weight_filler: xavier}", "cont"), BACK],
    [FOLDED, ("LSTM", "recurrent_param: {num_output: 9, weight_filler: xavier}", "cont"), BACK],
    [("Tile", "tile_param: {axis: 2, tiles: 2}"), ("Crop", "crop_param: {axis: 2, offset: [2, 0]}", "t")],
    [("BatchReindex", "", "index")],
    [("Resize", "resize_param: {zoom_factor: 2}"), ("Pooling", "pooling_param: {pool: MAX, kernel_size: 2, stride: 2}")],
]
OF_TWO = [
    ("Eltwise", ""), ("Eltwise", "eltwise_param: {coeff: [1, -0.5]}"), ("Eltwise", "eltwise_param: {operation: MAX}"),
    ("Eltwise", "eltwise_param: {operation: PROD}"), ("Eltwise", "eltwise_param: {operation: PROD, stable_prod_grad: false}"),
    ("Scale", "scale_param: {axis: 0, num_axes: -1}"), ("Bias", "bias_param: {axis: 0, num_axes: -1}"),
]


def random_net(seed):
    """Return the NetDef of a random network, and its text."""
    text = _Writer(np.random.default_rng(seed)).text
    return load_net("random.yaml", text=text), text


class _Writer:
    """`fresh` are the blobs that no layer has read since they were written: those may be changed in place."""

    def __init__(self, rng):
        self.rng, self.lines, self.fresh, self.read = rng, [], [], ["x"]
        self.rate = rng.choice([0, 0.1])  # how often propagate_down is given
        shapes = {name: f"input_param: {{shape: {{dim: {[*shape]}}}}}" for name, shape in INPUTS.items()}
        inputs = [f"- {{name: {name}, type: Input, {shape}}}" for name, shape in shapes.items()]
        self._layer("first", ("Convolution", CONVOLUTION), ["x"], ["first"])
        for k in range(rng.integers(3, 12)):
            self._draw(f"layer{k}")
        for k, blob in enumerate(self.fresh[:]):
            self._loss(f"loss{k}", blob, k > 0)
        head = ["force_backward: true"] * self._chance(0.2)
        self.text = "\n".join([*head, "layers:", *inputs, *self.lines])

    def _chance(self, p):
        return bool(self.rng.random() < p)

    def _pick(self, things):
        return things[self.rng.integers(len(things))]

    def _blob(self):
        return self._pick(self.fresh if self.fresh and self._chance(0.6) else self.fresh + self.read)

    def _draw(self, name):
        draw = self.rng.random()
        if draw < 0.4 and self.fresh:
            blob = self._pick(self.fresh)
            self._layer(name, self._pick(IN_PLACE), [blob], [blob])
        elif draw < 0.6:
            self._layer(name, self._pick(self._pick([APART, IN_PLACE])), [self._blob()], [name])
        elif draw < 0.7:
            blob, known = self._blob(), [*self.fresh, *self.read]
            for k, (kind, parameters, *more) in enumerate(self._pick(CHAINS)):
                self._layer(f"{name}_{k}", (kind, parameters), [blob, *more], [f"{name}_{k}"])
                blob = f"{name}_{k}"
            self.read = [b for b in self.read if b in (*known, blob)]  # those within have other shapes
        elif draw < 0.9:
            layer, a, b = self._pick(OF_TWO), self._blob(), self._blob()
            in_place = layer[0] != "Eltwise" and a in self.fresh and a != b and self._chance(0.6)
            self._layer(name, layer, [a, b], [a if in_place else name])
        elif draw < 0.95:
            parts = [f"{name}_0", f"{name}_1"]
            self._layer(f"{name}_cut", ("Slice", ""), [self._blob()], parts)
            self._layer(name, ("Concat", ""), parts[::-1], [name])
            self.read = [blob for blob in self.read if blob not in parts]
        else:
            self._layer(name, ("Split", ""), [self._blob()], [f"{name}_0", f"{name}_1"])

    def _layer(self, name, layer, bottoms, tops):
        words = [f"name: {name}", f"type: {layer[0]}", f"bottom: [{', '.join(bottoms)}]", f"top: [{', '.join(tops)}]", *layer[1:]]
        if name != "first" and self._chance(self.rate):
            words.append(f"propagate_down: [{', '.join(self._pick(['true', 'false']) for _ in bottoms)}]")
        self.fresh = [blob for blob in self.fresh if blob not in bottoms] + tops
        self.read = [b for b in dict.fromkeys([*self.read, *bottoms]) if b not in tops and b not in ("t", "cont", "index")]
        if len(tops) == 1 and tops != bottoms[:1] and self._chance(0.05):
            words.append("loss_weight: 0.3")
            self.fresh.remove(tops[0])  # what it weights must not change
            self.read.append(tops[0])
        self.lines.append(f"- {{{', '.join(filter(None, words))}}}")

    def _loss(self, name, blob, may_be_none):
        draw = self.rng.random()
        if draw < 0.5:
            bottoms = self._pick([[blob, "t"], [blob, "t", "w"], ["t", blob], [blob, self._blob()]])
            self.lines.append(f"- {{name: {name}, type: EuclideanLoss, bottom: [{', '.join(bottoms)}]}}")
            if self._chance(0.3):
                square = "power_param: {power: 2}, loss_weight: 0.5"
                self.lines.append(f"- {{name: {name}_2, type: Power, bottom: {name}, {square}}}")
        elif draw < 0.7:
            sums = "reduction_param: {operation: SUMSQ}, loss_weight: 0.7"
            self.lines.append(f"- {{name: {name}, type: Reduction, bottom: {blob}, {sums}}}")
        elif draw < 0.85 or not may_be_none:
            self.lines.append(f"- {{name: {name}, type: SoftmaxWithLoss, bottom: [{blob}, label]}}")
        elif draw < 0.9:
            self.lines.append(f"- {{name: {name}, type: Silence, bottom: {blob}}}")


def without_in_place(net):
    """Return the NetDef `net` with a top of its own for every layer that works in place."""
    names, layers = {}, []
    for layer in net.layers:
        bottom = tuple(names.get(b, b) for b in layer.bottom)
        names |= {top: f"{top}_{layer.name}" for top in layer.top if top in layer.bottom}
        layers.append(replace(layer, bottom=bottom, top=tuple(names.get(t, t) for t in layer.top)))
    return replace(net, layers=tuple(layers))


def history(definition, change=lambda net: None, dtype="float64", batches=(2, 2), steps=2, device=None):
    """Train a Net, to which `change` may do something first, an iteration on each of the batch sizes; return {what: copies} of
    losses and gradients seen on the way."""
    net = Net(definition, "TRAIN", seed=1, dtype=dtype, device=device)
    change(net)
    rng = np.random.default_rng(0)
    for blob in net.learnable:  # what is 0 would hide what lies above it
        blob.data[...] += net.device.asarray(rng.uniform(0.01, 0.02, blob.shape), dtype=dtype)
    seen = {}
    for net.clock.iteration, batch in enumerate(batches):
        net.clear_param_diffs()
        for net.clock.step in range(steps):
            fill(net, rng, batch)
            net.forward()
            net.backward()
            seen.setdefault("loss", []).append(np.array(net.loss))
            for name in ("x", "t"):
                seen.setdefault(f"diff of {name}", []).append(asnumpy(net.blobs[name].diff).copy())
        for name, blob in zip(net.param_names, net.learnable):
            seen.setdefault(f"diff of {name}", []).append(asnumpy(blob.diff).copy())
            blob.data[...] -= blob.diff * (0.01 / (1 + float(np.abs(asnumpy(blob.diff)).max(initial=0))))
    return seen


def fill(net, rng, batch):
    """Give the inputs of a Net of random_net the batch size `batch` and random values."""
    most = {"label": SHAPE[1], "cont": 2, "index": batch}
    for name, (_, *shape) in INPUTS.items():
        blob = net.blobs[name]
        blob.reshape(batch, *shape)
        values = rng.integers(0, most[name], blob.shape) if name in most else rng.normal(size=blob.shape)
        blob.data[...] = net.device.asarray(np.abs(values) if name == "w" else values, dtype=blob.dtype)
