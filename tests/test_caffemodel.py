import numpy as np
import pytest
from golden import GOLDEN

from pycaffe_geo.caffemodel import caffemodel_layer, read_blob_proto, read_caffemodel
from pycaffe_geo.errors import DataError, WeightsError
from pycaffe_geo.weights import read_weights, write_weights
from pycaffe_geo.wire import encode_field, encode_varint

VALUES = np.arange(6, dtype=np.float32)


def blob(*sizes, data=None, dims=None):
    """A BlobProto: legacy sizes num, channels, height, width, or `dims`; data of field number: values."""
    shape = encode_field(7, encode_field(1, b"".join(map(encode_varint, dims)))) if dims is not None else b""
    legacy = b"".join(encode_field(i + 1, n) for i, n in enumerate(sizes))
    return shape + legacy + b"".join(encode_field(n, values.tobytes()) for n, values in (data or {5: VALUES}).items())


def v1(name, kind, *blobs):
    return encode_field(2, encode_field(4, name) + encode_field(5, kind) + b"".join(encode_field(6, b) for b in blobs))


def v2(name, kind, *blobs):
    return encode_field(100, encode_field(1, name) + encode_field(2, kind) + b"".join(encode_field(7, b) for b in blobs))


@pytest.fixture
def read(tmp_path):
    def run(data):
        (tmp_path / "w.caffemodel").write_bytes(data)
        return read_weights(tmp_path / "w.caffemodel")

    return run


def test_both_formats_of_layers(read):
    net = encode_field(1, "a net") + v1("old", 4, blob(1, 1, 2, 3)) + v2("new", "Convolution", blob(dims=(3, 2)), blob(dims=(6,)))
    found = read(net + v2("relu", "ReLU"))
    assert {name: [a.shape for a in arrays] for name, arrays in found.items()} == {"old": [(1, 1, 2, 3)], "new": [(3, 2), (6,)]}
    np.testing.assert_array_equal(found["new"][0].ravel(), VALUES)


@pytest.mark.parametrize("layer, shapes", [
    (v1("a", 14, blob(1, 1, 2, 3), blob(1, 1, 1, 6)), [(2, 3), (6,)]),
    (v1("a", 14, blob(1, 1, 1, 6)), [(1, 6)]),
    (v1("a", 4, blob(1, 1, 2, 3), blob(1, 1, 1, 6)), [(1, 1, 2, 3), (6,)]),
    (v2("a", "InnerProduct", blob(1, 1, 2, 3), blob(1, 1, 1, 1, data={5: VALUES[:1]})), [(2, 3), (1,)]),
    (v2("a", "PReLU", blob(1, 1, 1, 6)), [(6,)]),
    (v2("a", "InnerProduct", blob(dims=(1, 1, 2, 3))), [(1, 1, 2, 3)]),
])
def test_old_sizes_lose_the_axes_that_the_layer_does_not_have(read, layer, shapes):
    assert [a.shape for a in read(layer)["a"]] == shapes


def test_doubles_and_numbers_with_a_tag_each(read):
    unpacked = b"".join(b"\x2d" + v.tobytes() for v in VALUES)
    diff = encode_field(6, VALUES.tobytes())
    found = read(v2("a", "X", blob(dims=(6,), data={8: VALUES.astype("<f8")}), encode_field(7, b"\x08\x06") + diff + unpacked))
    assert [a.dtype for a in found["a"]] == [np.float64, np.float32]
    np.testing.assert_array_equal(found["a"], [VALUES, VALUES])


@pytest.mark.parametrize("data, expected", [
    (b"", "w.caffemodel: the file is empty"),
    (b'name: "LeNet" layer {', "w.caffemodel: byte 0: got field 13 of wire type 6, expected"),
    (encode_field(1, "net"), "w.caffemodel: holds no layer; expected a weights file"),
    (v2("a", "X", blob(dims=(7,))), r"byte \d+: a blob of shape \(7,\) holds 6 value\(s\), which does not fit"),
    (v2("a", "X", blob(dims=(2**40, 2**40, 2**40))), "a blob of shape .* holds 6 value"),
    (v2("a", "X", blob(dims=(-1, -6))), "a blob of shape .* holds 6 value"),
    (v2("a", "X", blob(dims=(1,) * 33)), "has more than 32"),
    (encode_field(2, encode_field(1, b"")), r"got a layer of Caffe's first format \(V0\)"),
    (v2("a", "X", blob(dims=(6,)))[:-1], "byte 0: field 100 has .* bytes, but .* are left"),
])
def test_wrong_files(read, data, expected):
    with pytest.raises(WeightsError, match=expected):
        read(data)


def test_missing_file(tmp_path):
    with pytest.raises(WeightsError, match="none.caffemodel: no such file"):
        read_weights(tmp_path / "none.caffemodel")


def test_what_is_written_reads_back(tmp_path):
    path = tmp_path / "w.caffemodel"
    weights = {"conv/a": [np.ones((2, 3, 1, 1)), VALUES], "relu": [], "scalar": [np.float32(3).reshape(())]}
    write_weights(path, weights, diffs={"conv/a": [np.zeros((2, 3, 1, 1)), VALUES]})
    found = read_caffemodel(path)
    assert list(found) == ["conv/a", "scalar"]
    assert [a.dtype for a in found["conv/a"]] == [np.float64, np.float32] and found["scalar"][0].shape == ()
    np.testing.assert_array_equal(found["conv/a"][1], VALUES)
    assert len(caffemodel_layer("b", [VALUES], [VALUES])) > len(caffemodel_layer("b", [VALUES]))
    with pytest.raises(WeightsError, match="layer 'b' lacks a parameter that another layer owns"):
        write_weights(path, {"b": [None]})
    write_weights(tmp_path / "named.h5", weights)
    (tmp_path / "named.h5").rename(tmp_path / "other.caffemodel")
    assert list(read_weights(tmp_path / "other.caffemodel")) == ["conv/a", "scalar"]


def test_mean_image(tmp_path):
    path = tmp_path / "mean.binaryproto"
    path.write_bytes(blob(1, 3, 1, 2))
    assert read_blob_proto(path).shape == (1, 3, 1, 2)
    path.write_bytes(blob(1, 3, 1, 3))
    with pytest.raises(DataError, match=r"mean.binaryproto: byte 0: a blob of shape \(1, 3, 1, 3\) holds 6"):
        read_blob_proto(path)


@pytest.mark.skipif(not GOLDEN.exists(), reason=f"{GOLDEN} is missing")
def test_files_that_caffe_wrote():
    """Its binary and HDF5 files of one net hold the same weights; the mean image has the size of the images it is for."""
    for name in ("alexnet_slim", "dvf_odometry_slim"):
        binary = read_weights(GOLDEN / "nets" / f"{name}.float32.caffemodel")
        hdf5 = read_weights(GOLDEN / "nets" / f"{name}.caffemodel.h5")
        assert sorted(binary) == sorted(hdf5)
        for layer, arrays in binary.items():
            for ours, theirs in zip(arrays, hdf5[layer], strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert read_blob_proto(GOLDEN / "data" / "mean.binaryproto").shape == (1, 3, 12, 14)
