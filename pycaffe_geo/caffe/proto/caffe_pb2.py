"""The few names of Caffe's protobuf module that work without protobuf: TRAIN, TEST, SolverParameter, and
BlobProto for mean files."""

from pycaffe_geo.caffe.io import BlobProto
from pycaffe_geo.caffe.mode import TEST, TRAIN
from pycaffe_geo.caffe.solver_parameter import SolverParameter

__all__ = ["TEST", "TRAIN", "BlobProto", "SolverParameter"]


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(
        f"caffe_pb2.{name} does not exist here: pycaffe_geo needs no protobuf. Networks are built by caffe.NetSpec or read by "
        "pycaffe_geo.spec.load_net, solvers by load_solver; data files are HDF5"
    )
