"""A network of ours written with torch.nn.functional, for comparison: the same layers, weights and losses."""

import torch
import torch.nn.functional as F

from pycaffe_geo.commands._benchmark import torch_geometry
from pycaffe_geo.errors import PycaffeGeoError, listed
from pycaffe_geo.families.convolution import spatial_sizes
from pycaffe_geo.layer import layer_class

BUILDERS = {}
UNREAD = ("Silence", "Accuracy", "DepthError", "PoseError")  # no loss depends on them


def builds(*types):
    """Decorator: `build(layer, weights)` writes layers of these types; it returns a function of the bottom tensors."""

    def known(build):
        BUILDERS.update(dict.fromkeys(types, build))
        return build

    return known


class Exported(torch.nn.Module):
    """The network `net` (a NetDef of one phase) on tensors; `arrays` holds its parameters as "layer[index]".

    Calling it with {input: tensor} gives the weighted sum of the losses. PycaffeGeoError names a layer that cannot be written.
    """

    def __init__(self, net, arrays):
        super().__init__()
        self.weights = torch.nn.ParameterList()
        self.names = []
        self.steps = []
        self.loss_weights = {}
        before, running = None, []
        for layer in net.layers:
            weights = self._weights(layer, arrays)
            if _is_affine_of(layer, before):  # torch does both by one operation
                self.steps[-1] = _batch_norm(before, running, weights), before.bottom, layer.top
            elif layer.type != "Input" and layer.type not in UNREAD:
                self.steps.append((self._build(layer, weights), layer.bottom, layer.top))
            self._add_losses(layer)
            before, running = layer, weights

    def forward(self, inputs):
        blobs = dict(inputs)
        for function, bottom, top in self.steps:
            result = function(*(blobs[name] for name in bottom))
            blobs.update(zip(top, result if isinstance(result, tuple) else (result,)))
        return sum(weight * blobs[name].sum() for name, weight in self.loss_weights.items())

    def gradients(self):
        """Return {"layer[index]": gradient} of the parameters that learn."""
        return {name: w.grad for name, w in zip(self.names, self.weights) if w.grad is not None}

    def _weights(self, layer, arrays):
        weights = []
        while f"{layer.name}[{len(weights)}]" in arrays:
            name = f"{layer.name}[{len(weights)}]"
            tensor = torch.tensor(arrays[name])
            if layer_class(layer.type).fixed_blobs:
                weights.append(tensor)
                continue
            rate = layer.param[len(weights)].lr_mult if len(weights) < len(layer.param) else 1
            self.weights.append(torch.nn.Parameter(tensor, requires_grad=rate != 0))
            self.names.append(name)
            weights.append(self.weights[-1])
        return weights

    @staticmethod
    def _build(layer, weights):
        if layer.type not in BUILDERS:
            known = listed(sorted(BUILDERS), 40)
            raise PycaffeGeoError(f"layer '{layer.name}' ({layer.type}) cannot be written with torch, expected one of {known}")
        return BUILDERS[layer.type](layer, weights)

    def _add_losses(self, layer):
        given = layer.loss_weight or ((1.0,) if layer_class(layer.type).is_loss else ())
        self.loss_weights.update({name: weight for name, weight in zip(layer.top, given) if weight})


def _is_affine_of(layer, before):
    """True where `layer` is a Scale with bias of what the BatchNorm `before` it gave."""
    scale = layer.type == "Scale" and layer.parameters["scale_param"]
    return bool(scale and scale.bias_term and before and before.type == "BatchNorm" and layer.bottom == before.top)


def _refuse(layer, wrong, what):
    if wrong:
        raise PycaffeGeoError(f"layer '{layer.name}' ({layer.type}) cannot be written with torch: {what}")


def _strides(layer, p):
    return dict(stride=spatial_sizes(p, "stride", 1), padding=spatial_sizes(p, "pad", 0), groups=p.group,
                dilation=(p.dilation or (1,))[0])


@builds("Convolution")
def _convolution(layer, weights):
    options = _strides(layer, layer.parameters["convolution_param"])
    return lambda x: F.conv2d(x, *weights, **options)


@builds("Deconvolution")
def _deconvolution(layer, weights):
    options = _strides(layer, layer.parameters["convolution_param"])
    return lambda x: F.conv_transpose2d(x, *weights, **options)


@builds("InnerProduct")
def _inner_product(layer, weights):
    p = layer.parameters["inner_product_param"]
    w, bias = (weights[0].T if p.transpose else weights[0]), (weights[1:] or [None])[0]
    return lambda x: F.linear(x.flatten(p.axis), w, bias)


@builds("BatchNorm")
def _batch_norm(layer, weights, affine=(None, None)):
    p = layer.parameters["batch_norm_param"]
    _refuse(layer, p.use_global_stats, "it uses global statistics")
    mean, variance = weights[:2]

    momentum = 1 - p.moving_average_fraction
    return lambda x: F.batch_norm(x, mean, variance, *affine, training=True, momentum=momentum, eps=p.eps)


@builds("Scale")
def _scale(layer, weights):
    p = layer.parameters["scale_param"]
    _refuse(layer, len(layer.bottom) != 1 or (p.axis, p.num_axes) != (1, 1), "it scales by a bottom or along other axes")
    factor, *bias = (w.view(-1, 1, 1) for w in weights)
    return lambda x: x * factor + bias[0] if bias else x * factor


@builds("ReLU")
def _relu(layer, weights):
    slope, inplace = layer.parameters["relu_param"].negative_slope, layer.top == layer.bottom
    return lambda x: F.leaky_relu(x, slope, inplace) if slope else F.relu(x, inplace)


@builds("Pooling")
def _pooling(layer, weights):
    p = layer.parameters["pooling_param"]
    if p.global_pooling:
        reduce = torch.mean if p.pool == "AVE" else torch.amax
        return lambda x: reduce(x, (2, 3), keepdim=True)
    pool = F.max_pool2d if p.pool == "MAX" else F.avg_pool2d
    kernel, stride, pad = (spatial_sizes(p, key, default) for key, default in (("kernel", 0), ("stride", 1), ("pad", 0)))
    return lambda x: pool(x, kernel, stride, pad, ceil_mode=p.round_mode == "CEIL")


@builds("LRN")
def _lrn(layer, weights):
    p = layer.parameters["lrn_param"]
    _refuse(layer, p.norm_region != "ACROSS_CHANNELS", "it normalises within channels")
    return lambda x: F.local_response_norm(x, p.local_size, p.alpha, p.beta, p.k)


@builds("Dropout")
def _dropout(layer, weights):
    _refuse(layer, True, "its draws differ; leave it out")


@builds("Concat")
def _concat(layer, weights):
    axis = layer.parameters["concat_param"].axis
    return lambda *x: torch.cat(x, axis)


@builds("Eltwise")
def _eltwise(layer, weights):
    p = layer.parameters["eltwise_param"]
    coefficients = p.coeff or (1.0,) * len(layer.bottom)
    if p.operation == "SUM" and set(coefficients) != {1.0}:
        return lambda *x: sum(c * each for c, each in zip(coefficients, x))
    join = {"SUM": torch.add, "PROD": torch.mul, "MAX": torch.maximum}[p.operation]

    def function(first, *others):
        for other in others:
            first = join(first, other)
        return first

    return function


@builds("Crop")
def _crop(layer, weights):
    p = layer.parameters["crop_param"]

    def function(x, like):
        axes = range(p.axis % x.ndim, x.ndim)
        offsets = p.offset if len(p.offset) == len(axes) else (p.offset or (0,)) * len(axes)
        for axis, offset in zip(axes, offsets):
            x = x.narrow(axis, offset, like.shape[axis])
        return x

    return function


@builds("Sigmoid")
def _sigmoid(layer, weights):
    return torch.sigmoid


@builds("Power")
def _power(layer, weights):
    p = layer.parameters["power_param"]
    return lambda x: x * p.scale + p.shift if p.power == 1 else (x * p.scale + p.shift) ** p.power


@builds("Resize")
def _resize(layer, weights):
    p = layer.parameters["resize_param"]
    _refuse(layer, len(layer.bottom) != 2 or p.mode != "bilinear", "its size does not come from a bottom, or it is not bilinear")
    corners = bool(p.align_corners)
    return lambda x, like: F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=corners)


@builds("Parameter")
def _parameter(layer, weights):
    return lambda: weights[0]


@builds("Reduction")
def _reduction(layer, weights):
    p = layer.parameters["reduction_param"]
    _refuse(layer, p.operation not in ("SUM", "MEAN"), f"operation {p.operation}")
    reduce = torch.mean if p.operation == "MEAN" else torch.sum
    return lambda x: p.coeff * reduce(x.flatten(p.axis), -1)


@builds("SoftmaxWithLoss")
def _softmax_with_loss(layer, weights):
    _refuse(layer, layer.parameters["loss_param"].normalization not in (None, "VALID"), "its normalization")
    return lambda x, label: F.cross_entropy(x, label.long())


@builds("EuclideanLoss", "AbsLoss")
def _element_loss(layer, weights):
    mode = layer.parameters["loss_param"].normalization
    _refuse(layer, mode not in (None, "VALID"), f"normalization {mode}")
    _refuse(layer, (mode == "VALID") != (len(layer.bottom) == 3), "it has no weights, or divides by the batch in spite of them")
    cost = torch.abs if layer.type == "AbsLoss" else lambda d: d.square() / 2
    return lambda a, b, *mask: _masked(cost(a - b.reshape(a.shape)), *mask)


def _masked(costs, mask=None):
    if mask is None:
        return costs.sum() / costs.shape[0]
    return (costs * mask).sum() / (mask.sum() * (costs.numel() // mask.numel())).clamp_min(1)


@builds("SE3Generator")
def _se3(layer, weights):
    meaning = layer.parameters["se3_generator_param"].translation
    _refuse(layer, meaning != "exponential", f"translation {meaning}")
    return torch_geometry.se3


@builds("Transform3DGrid", "GeoTransform")
def _transform(layer, weights):
    return torch_geometry.TransformGrid()


@builds("PinholeProjection", "PinHole")
def _pinhole(layer, weights):
    return torch_geometry.Pinhole(layer.parameters["pinhole_projection_param"].min_depth)


@builds("InverseWarping")
def _warping(layer, weights):
    _refuse(layer, len(layer.top) != 1, "it gives its validity")
    return torch_geometry.warp
