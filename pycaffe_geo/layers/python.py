"""Python layer."""

import logging
import os
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from pycaffe_geo.errors import SpecError
from pycaffe_geo.families.user_layers import (
    HostBlob,
    ParameterBlobs,
    Phase,
    add_note,
    find_class,
    make_user_layer,
    note_errors,
    noted,
    widen_buffers,
)
from pycaffe_geo.layer import Layer, layer_class, register

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PythonParam:
    """`layer`: a class in `module`, which is found beside the network file or on Python's path. `param_str`: text for the layer.
    `share_in_parallel` is read for old files and has no effect."""

    module: str = ""
    layer: str = ""
    param_str: str = ""
    share_in_parallel: bool = False


@register
class Python(Layer):
    """A layer of the user's own (Caffe's Python).

    A subclass of pycaffe_geo.Layer becomes the layer itself and sees the device's arrays; `param_str` is set on it. Any other
    class with `setup`, `reshape`, `forward` and `backward` is used as pycaffe would: it gets `param_str` (`param_str_` in the
    oldest files), `phase` (equal to 0 and "TRAIN", or to 1 and "TEST") and `blobs` (`self.blobs.add_blob(*shape)` in `setup` adds
    a parameter, whose diff backward adds to), and sees blobs with NumPy arrays on any device. Its `import caffe` gives
    pycaffe_geo.caffe where there is no real Caffe. In a float64 net the float32 buffers that it makes in `setup` and `reshape`
    become float64. The user's exceptions pass through, with layer and phase added.
    """

    bottoms = (0, None)
    tops = (0, None)
    parameters = {"python_param": PythonParam}
    on_host = True
    always_reshape = True

    def __new__(cls, definition, *args, **kwargs):
        param = definition.parameters.get("python_param") or PythonParam()
        where = f"{definition.place or ''}: layer '{definition.name}' (Python)".lstrip(": ")
        if not param.module or not param.layer:
            raise SpecError(f"{where}: python_param: expected a module and a layer (the name of a class in it)")
        try:
            found = find_class(param.module, param.layer, os.path.dirname(definition.place.file) if definition.place else None)
        except SpecError as e:
            raise SpecError(f"{where}: python_param: {e}") from e
        except Exception as e:
            if isinstance(e, ImportError) and (param.module, param.layer) == ("pygeometry", "SE3_Generator_KITTI"):
                return _published_se3_generator(definition, where, e, args, kwargs)
            if isinstance(e, ModuleNotFoundError) and f"{param.module}.".startswith(f"{e.name}."):
                raise SpecError(f"{where}: python_param: no module '{e.name}' beside the network file or on Python's path") from e
            add_note(e, f"{where}: importing module '{param.module}'")
            raise
        if issubclass(found, Layer):
            layer = found(definition, *args, **kwargs)
            layer.param_str = param.param_str
            note_errors(layer)
            return layer
        layer = super().__new__(cls)
        layer.user_class = found
        return layer

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.is_data = not self.definition.bottom
        with noted(self, "__init__"):
            self.user = make_user_layer(self.user_class, self.definition)
        self.in_place = getattr(self.user, "in_place", False)
        self.user.param_str = self.user.param_str_ = self.python_param.param_str
        self.user.phase = Phase(self.phase)
        self.user.blobs = ParameterBlobs(self)

    def setup(self, bottom, top):
        with self._on_host("setup", bottom, top) as (b, t):
            self.user.setup(b, t)

    def reshape(self, bottom, top):
        with self._on_host("reshape", bottom, top) as (b, t):
            self.user.reshape(b, t)

    def forward(self, bottom, top):
        with self._on_host("forward", bottom, top) as (b, t):
            self.user.forward(b, t)

    def backward(self, top, propagate_down, bottom):
        with self._on_host("backward", bottom, top) as (b, t):
            self.user.backward(t, list(propagate_down), b)

    @contextmanager
    def _on_host(self, step, bottom, top):
        """Yield bottom and top as HostBlobs, and write back what the user changed."""
        hosts = {id(blob): HostBlob(blob) for blob in (*bottom, *top)}
        with noted(self, step):
            yield [hosts[id(b)] for b in bottom], [hosts[id(t)] for t in top]
        for blob in (*hosts.values(), *self.user.blobs):
            blob.write_back()
        if self.dtype == np.float64 and step in ("setup", "reshape"):
            widen_buffers(self.user)


def _published_se3_generator(definition, where, error, args, kwargs):
    """Depth-VO-Feat's layer as ours: R = exp(w), t = R u."""
    log.warning("%s: pygeometry cannot be imported (%s); runs SE3Generator with translation: rotated", where, error)
    cls = layer_class("SE3Generator")
    parameters = {key: param_class(translation="rotated") for key, param_class in cls.parameters.items()}
    return cls(replace(definition, type="SE3Generator", parameters=parameters), *args, **kwargs)
