"""Caffe's binary files: the weights of a .caffemodel (NetParameter) and the array of a .binaryproto (BlobProto).

The field numbers are those of Caffe's caffe.proto.
"""

import math

import numpy as np

from pycaffe_geo.errors import DataError, WeightsError
from pycaffe_geo.wire import Message, encode_field, encode_varint

MAX_AXES = 32
_LAYER, _V1_LAYER = 100, 2
_PARTS = {_LAYER: {1: "name", 2: "type", 7: "blobs"}, _V1_LAYER: {1: "V0", 4: "name", 5: "type", 6: "blobs"}}
_DATA, _DIFF, _SHAPE, _DOUBLE_DATA, _DOUBLE_DIFF = 5, 6, 7, 8, 9
_DTYPES = {_DATA: "<f4", _DOUBLE_DATA: "<f8"}
_OLD_SIZES = (1, 2, 3, 4)  # num, channels, height, width
_WEIGHT_AXES = {"Convolution": 4, "Deconvolution": 4, "InnerProduct": 2, "Embed": 2, 4: 4, 39: 4, 14: 2}  # V1's types are numbers


def read_caffemodel(path):
    """Return {layer name: [NumPy arrays]} from a binary .caffemodel; layers without parameters are left out.

    The arrays are float32 or float64, read-only, and lie in the bytes of the file. Blobs of the time when every blob had four
    axes lose the leading ones that their layer does not have: biases become (N,), weights of InnerProduct (N, K).
    Raises WeightsError with the byte offset of what cannot be read.
    """
    layers = [_layer(field) for field in Message(_read(path, WeightsError), path, WeightsError) if field.number in _PARTS]
    if not layers:
        raise WeightsError(f"{path}: holds no layer; expected a weights file (.caffemodel or .caffemodel.h5)")
    return {name: arrays for name, arrays in layers if arrays}


def read_blob_proto(path):
    """Return the array of a .binaryproto file, such as a mean image (1, C, H, W). DataError tells what cannot be read."""
    return blob_array(Message(_read(path, DataError), path))[0]


def blob_array(message):
    """Return (array, whether its shape is the old num, channels, height, width) of a BlobProto's Message; diffs are left alone.

    The array is float32, or float64 where the blob holds doubles.
    """
    shape, old, data = (), {}, {_DATA: [], _DOUBLE_DATA: []}
    for field in message:
        if field.number in data:
            data[field.number].append(field.array(_DTYPES[field.number]))
        elif field.number == _SHAPE:
            shape = _shape(field.message())
        elif field.number in _OLD_SIZES:
            old[field.number] = field.integer()
    parts = data[_DOUBLE_DATA] or data[_DATA] or [np.zeros(0, np.float32)]
    values = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if old:
        shape = tuple(old.get(i, 0) for i in _OLD_SIZES)
    if min(shape, default=0) < 0 or math.prod(shape) != values.size:
        message.fail(message.start, f"a blob of shape {shape} holds {values.size} value(s), which does not fit")
    return values.reshape(shape), bool(old)


def caffemodel_layer(name, arrays, diffs=()):
    """Return the bytes of one layer of a .caffemodel; the bytes of several, one after the other, are a file.

    float64 arrays are written as doubles, all others as float32. No layer type is written: Caffe copies by layer name.
    """
    pairs = [(array, diffs[i] if diffs else None) for i, array in enumerate(arrays)]
    return encode_field(_LAYER, encode_field(1, name) + b"".join(encode_field(7, _blob_bytes(*pair)) for pair in pairs))


def _read(path, error):
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        raise error(f"{path}: no such file") from None
    except (OSError, ValueError) as e:
        raise error(f"{path}: cannot be read: {getattr(e, 'strerror', None) or e}") from None
    if not data:
        raise error(f"{path}: the file is empty")
    return data


def _layer(field):
    """Return (name, [arrays]) of a layer of the net, V2 or V1."""
    name, kind, blobs = "", "", []
    for part in field.message():
        meaning = _PARTS[field.number].get(part.number)
        if meaning == "V0":
            part.parent.fail(part.at, "got a layer of Caffe's first format (V0); its tool upgrade_net_proto_binary converts it")
        elif meaning == "name":
            name = part.text()
        elif meaning == "type":
            kind = part.text() if field.number == _LAYER else part.integer()
        elif meaning == "blobs":
            blobs.append(blob_array(part.message()))
    return name, [_without_ones(array, _WEIGHT_AXES.get(kind, 1) if i == 0 else 1) if old else array
                  for i, (array, old) in enumerate(blobs)]


def _without_ones(array, axes):
    """Return `array` without leading axes of size 1 until it has `axes` axes."""
    extra = next((i for i, n in enumerate(array.shape) if n != 1), array.ndim)
    return array.reshape(array.shape[min(extra, array.ndim - axes):])


def _shape(message):
    shape = []
    for field in message:
        if field.number == 1:
            shape += field.integers(MAX_AXES)
        if len(shape) > MAX_AXES:
            message.fail(message.start, f"a blob has more than {MAX_AXES} axes")
    return tuple(shape)


def _blob_bytes(array, diff):
    shape = b"".join(encode_varint(n) for n in array.shape)
    parts = encode_field(_SHAPE, encode_field(1, shape))
    for values, numbers in ((array, (_DATA, _DOUBLE_DATA)), (diff, (_DIFF, _DOUBLE_DIFF))):
        if values is not None:
            double = values.dtype == np.float64
            parts += encode_field(numbers[double], np.ascontiguousarray(values, "<f8" if double else "<f4").tobytes())
    return parts
