"""pycaffe's look-alike, for scripts and Python layers written for it: `import pycaffe_geo.caffe as caffe`.

`install()` lets a plain `import caffe` find it where there is no real Caffe; a Python layer's file needs no such call. Not here:
the protobuf classes of caffe_pb2 (but for SolverParameter, and BlobProto for mean files), Datum, multi-GPU training, Detector.
"""

from pycaffe_geo.caffe import io
from pycaffe_geo.caffe.classifier import Classifier
from pycaffe_geo.caffe.layer import Layer
from pycaffe_geo.caffe.mode import TEST, TRAIN, set_device, set_mode_cpu, set_mode_gpu, set_random_seed
from pycaffe_geo.caffe.net import Net
from pycaffe_geo.caffe.net_spec import NetSpec, layers, params, to_proto
from pycaffe_geo.caffe.solver import (
    AdaDeltaSolver,
    AdaGradSolver,
    AdamSolver,
    NesterovSolver,
    RMSPropSolver,
    SGDSolver,
    get_solver,
)
from pycaffe_geo.families.import_caffe import install
from pycaffe_geo.layer import layer_types

__version__ = "1.0.0"  # of the pycaffe whose interface this is

__all__ = [
    "TEST",
    "TRAIN",
    "AdaDeltaSolver",
    "AdaGradSolver",
    "AdamSolver",
    "Classifier",
    "Layer",
    "NesterovSolver",
    "Net",
    "NetSpec",
    "RMSPropSolver",
    "SGDSolver",
    "get_solver",
    "install",
    "io",
    "layer_type_list",
    "layers",
    "params",
    "set_device",
    "set_mode_cpu",
    "set_mode_gpu",
    "set_random_seed",
    "to_proto",
]


def layer_type_list():
    """Return the names of all layer types."""
    return sorted(layer_types())
