import h5py
import numpy as np
import pytest

from pycaffe_geo.blob import Blob
from pycaffe_geo.errors import DataError, ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer
from pycaffe_geo.layers.hdf5_data import HDF5Data, HDF5DataParam
from pycaffe_geo.spec import LayerDef


def EXAMPLE(folder):
    return dict(bottom=[(3, 2), (3,)], tops=0, hdf5_output_param={"file_name": str(folder / "out.h5")})


def build(path, *bottom, **arguments):
    param = {"file_name": str(path)}
    return build_layer("HDF5Output", bottom or [(2, 3, 4), (2, 1)], tops=0, hdf5_output_param=param, **arguments)


def test_batches_follow_each_other_and_the_file_is_whole_after_each(tmp_path):
    path = tmp_path / "new" / "out.h5"
    layer, bottom, _ = build(path)
    expected = []
    for i in range(3):
        for blob in bottom:
            blob.data[...] += i
        expected.append([b.data.copy() for b in bottom])
        layer.forward(bottom, [])
        with h5py.File(path) as file:
            for name, arrays in zip(("data", "label"), zip(*expected)):
                np.testing.assert_array_equal(file[name], np.concatenate(arrays))
    assert [p.name for p in path.parent.iterdir()] == ["out.h5"]


def test_an_older_file_is_replaced_by_the_first_batch_and_not_before(tmp_path):
    path = tmp_path / "out.h5"
    with h5py.File(path, "w") as file:
        file["old"] = 1
    layer, bottom, _ = build(path)
    with h5py.File(path) as file:
        assert list(file) == ["old"]
    layer.forward(bottom, [])
    with h5py.File(path) as file:
        assert list(file) == ["data", "label"]


def test_hdf5_data_reads_it_back(tmp_path):
    layer, bottom, _ = build(tmp_path / "out.h5", dtype="float32")
    layer.forward(bottom, [])
    (tmp_path / "list.txt").write_text("out.h5\n")
    param = HDF5DataParam(source=str(tmp_path / "list.txt"), batch_size=2)
    reader, top = HDF5Data(LayerDef("d", "HDF5Data", parameters={"hdf5_data_param": param})), [Blob((), name="data")]
    reader.setup([], top)
    reader.reshape([], top)
    reader.forward([], top)
    np.testing.assert_array_equal(top[0].data, bottom[0].data)


def test_the_number_of_rows_may_change_their_shape_not(tmp_path):
    layer, bottom, _ = build(tmp_path / "out.h5")
    layer.forward(bottom, [])
    for blob, shape in zip(bottom, [(5, 3, 4), (5, 1)]):
        blob.reshape(*shape)
        blob.data[...] = 1
    layer.forward(bottom, [])
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["data"].shape == (7, 3, 4) and file["label"].shape == (7, 1)
    bottom[0].reshape(5, 4, 3)
    with pytest.raises(ShapeError, match=r"rows of 'data' are \(4, 3\), but \(3, 4\) in .*out.h5"):
        layer.forward(bottom, [])


def test_what_cannot_be_used(tmp_path):
    text = r"\(HDF5Output\): bottom 'bottom1' is \(3, 1\), expected as many rows as 'bottom0' \(2, 3\)"
    with pytest.raises(ShapeError, match=text):
        build(tmp_path / "out.h5", (2, 3), (3, 1))
    with pytest.raises(SpecError, match="hdf5_output_param: file_name is missing"):
        build("")
    (tmp_path / "file").write_text("")
    layer, bottom, _ = build(tmp_path / "file" / "out.h5")
    with pytest.raises(DataError, match="cannot write .*out.h5"):
        layer.forward(bottom, [])
