"""The few names of Caffe's protobuf module that work without protobuf: TRAIN, TEST, and BlobProto for mean files."""

from pycaffe_geo.caffe.io import BlobProto
from pycaffe_geo.caffe.mode import TEST, TRAIN

__all__ = ["TEST", "TRAIN", "BlobProto"]


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(
        f"caffe_pb2.{name} does not exist here: pycaffe_geo needs no protobuf. Networks are built by caffe.NetSpec or read by "
        "pycaffe_geo.spec.load_net, solvers by load_solver; data files are HDF5"
    )
