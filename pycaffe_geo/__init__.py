"""A Caffe-style deep-learning engine in Python for depth, ego-motion and object pose."""
