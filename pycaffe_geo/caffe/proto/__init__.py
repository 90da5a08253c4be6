"""Room for caffe_pb2, so that `from caffe.proto import caffe_pb2` works."""
