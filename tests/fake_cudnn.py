"""A stand-in for the module cudnn: its graph API as far as we use it, on host addresses, computed by the NumPy plans.

What nvidia-cudnn-frontend refuses (an unknown name, a graph run before it is built, a wrong number of tensors) raises here too.
`graphs` lists every graph that was made, with its `steps`.
"""

import ctypes
import types

import numpy as np

from pycaffe_geo.backend import CPU
from pycaffe_geo.ops.convolution import plan_convolution

data_type = types.SimpleNamespace(HALF="float16", FLOAT="float32", DOUBLE="float64")
heur_mode = types.SimpleNamespace(A="A", FALLBACK="FALLBACK")
numerical_note = types.SimpleNamespace(**{n: n for n in ("TENSOR_CORE", "DOWN_CONVERT_INPUTS", "NONDETERMINISTIC")})
BUILT = ["validate", "build_operation_graph", "create_execution_plans", "check_support", "build_plans"]
WORKSPACE = 64
graphs, streams = [], []


class cudnnGraphNotSupportedError(RuntimeError):
    pass


def create_handle():
    return "handle"


def set_stream(handle, stream):
    streams.append((handle, stream))


class Tensor:
    def __init__(self, dim=None, stride=None, data_type=None):
        self.dim, self.stride, self.data_type, self.output = dim, stride, data_type, False

    def __getattr__(self, name):
        field = name.removeprefix("set_")
        if not name.startswith("set_") or field not in ("uid", "dim", "stride", "data_type", "output"):
            raise AttributeError(name)
        return lambda value: setattr(self, field, value) or self


class pygraph:
    refused = False

    def __init__(self, *, handle, io_data_type, intermediate_data_type, compute_data_type):
        assert intermediate_data_type == compute_data_type == {"float16": "float32"}.get(io_data_type, io_data_type)
        self.dtype, self.steps, self.tensors, self.notes = io_data_type, [], [], []
        graphs.append(self)

    def tensor(self, dim, stride, data_type):
        self.tensors.append(Tensor(dim, stride, data_type))
        return self.tensors[-1]

    def conv_fprop(self, image, weight, pre_padding, post_padding, stride, dilation):
        return self._convolve("forward", pre_padding, post_padding, stride, dilation, x=image, w=weight)

    def conv_dgrad(self, loss, filter, pre_padding, post_padding, stride, dilation):
        return self._convolve("data", pre_padding, post_padding, stride, dilation, y=loss, w=filter)

    def conv_wgrad(self, image, loss, pre_padding, post_padding, stride, dilation):
        return self._convolve("weights", pre_padding, post_padding, stride, dilation, x=image, y=loss)

    def _convolve(self, kind, pre_padding, post_padding, stride, dilation, **tensors):
        assert pre_padding == post_padding
        self.kind, self.geometry = kind, {"stride": tuple(stride), "pad": tuple(pre_padding), "dilation": tuple(dilation)}
        result = Tensor()
        self.roles = {**tensors, ({"x", "w", "y"} - tensors.keys()).pop(): result}
        self.tensors.append(result)
        return result

    def deselect_numeric_notes(self, notes):
        assert "create_execution_plans" in self.steps  # before, cuDNN has no plans to mark
        self.notes += notes

    def __getattr__(self, name):
        if name not in BUILT:
            raise AttributeError(name)

        def step(*arguments):
            if name == "check_support" and pygraph.refused:
                raise cudnnGraphNotSupportedError("no engine")
            self.steps.append(name)

        return step

    def get_workspace_size(self):
        return WORKSPACE

    def execute(self, pointers, workspace, handle):
        assert self.steps == BUILT and handle == "handle" and workspace and type(workspace) is int
        assert sorted(pointers) == sorted(t.uid for t in self.tensors) and all(type(p) is int for p in pointers.values())
        x, w, y = (self._array(self.roles[name], pointers) for name in "xwy")
        plan = plan_convolution(x.shape, w.shape, **self.geometry, group=x.shape[1] // w.shape[1], dtype=self.dtype, device=CPU)
        assert plan.out_shape == y.shape
        if self.kind == "forward":
            plan.forward(x, w, None, y)
        elif self.kind == "data":
            plan.backward_data(y, w, x)
        else:
            w[...] = 0
            plan.backward_weights(x, y, w)

    def _array(self, tensor, pointers):
        assert tensor.data_type == self.dtype
        count = int(np.prod(tensor.dim))
        memory = (ctypes.c_byte * (count * np.dtype(self.dtype).itemsize)).from_address(pointers[tensor.uid])
        array = np.ctypeslib.as_array(memory).view(self.dtype).reshape(tensor.dim)
        assert list(array.strides) == [s * array.itemsize for s in tensor.stride]
        return array
