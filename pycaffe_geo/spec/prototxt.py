def read_prototxt(text, file):
    raise NotImplementedError
