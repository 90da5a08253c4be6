import h5py
import numpy as np
import pytest

from golden import GOLDEN
from pycaffe_geo.blob import Blob
from pycaffe_geo.errors import DataError
from pycaffe_geo.families.transformer import TransformParam
from pycaffe_geo.layers.hdf5_data import HDF5Data, HDF5DataParam
from pycaffe_geo.spec import LayerDef, Place


def write(folder, counts=(3, 2), **changes):
    """Write a list of files whose rows count on: data[i] = [i, i], label[i] = 10 i; return the list's path."""
    start = 0
    for number, count in enumerate(counts):
        rows = np.arange(start, start + count)
        start += count
        datasets = {"data": np.stack([rows, rows], axis=1).astype("float32"), "label": 10 * rows, **changes}
        with h5py.File(folder / f"part{number}.h5", "w") as file:
            for name, values in datasets.items():
                if values is not None:
                    file[name] = values
    path = folder / "list.txt"
    path.write_text("".join(f"part{n}.h5\n" for n in range(len(counts))))
    return path


def EXAMPLE(folder):
    with h5py.File(folder / "rows.h5", "w") as file:
        file["top0"] = np.arange(12.0).reshape(6, 2)
        file["top1"] = np.arange(6)
    (folder / "list.txt").write_text(f"{folder / 'rows.h5'}\n")
    return dict(tops=2, hdf5_data_param={"source": str(folder / "list.txt"), "batch_size": 4, "shuffle": True})


def build(source, batch_size=2, shuffle=False, names=("data", "label"), seed=0, place=None):
    top = [Blob((), name=n) for n in names]
    param = HDF5DataParam(source=str(source), batch_size=batch_size, shuffle=shuffle)
    layer = HDF5Data(LayerDef("d", "HDF5Data", top=tuple(names), parameters={"hdf5_data_param": param}, place=place))
    layer.clock.seed = seed
    layer.setup([], top)
    layer.reshape([], top)
    return layer, top


def labels(layer, top, batches):
    result = []
    for _ in range(batches):
        layer.forward([], top)
        np.testing.assert_array_equal(top[0].data[:, 0] * 10, top[1].data)
        result.append((top[1].data / 10).astype(int).tolist())
    return result


def test_rows_run_on_from_file_to_file_and_around(tmp_path):
    layer, top = build(write(tmp_path))
    assert [t.shape for t in top] == [(2, 2), (2,)]
    assert labels(layer, top, 4) == [[0, 1], [2, 3], [4, 0], [1, 2]]


def test_a_batch_larger_than_all_files(tmp_path):
    layer, top = build(write(tmp_path, counts=(1, 0, 2)), batch_size=7)
    assert labels(layer, top, 1) == [[0, 1, 2, 0, 1, 2, 0]]


def test_shuffled_epochs_hold_every_row_once_and_keep_files_together(tmp_path):
    layer, top = build(write(tmp_path, counts=(4, 4, 4)), batch_size=4, shuffle=True)
    epochs = [labels(layer, top, 3) for _ in range(4)]
    assert all(sorted(sum(e, [])) == list(range(12)) for e in epochs)
    assert len({str(e) for e in epochs}) == 4
    assert all(len({row // 4 for row in batch}) == 1 for e in epochs for batch in e)


def test_batches_depend_on_seed_and_position_alone(tmp_path):
    path = write(tmp_path, counts=(5, 6))
    first = labels(*build(path, shuffle=True), 12)
    layer, top = build(path, shuffle=True)
    layer.position = 9
    assert labels(layer, top, 3) == first[9:]
    assert labels(*build(path, shuffle=True, seed=1), 12) != first


def test_names_hold_beside_the_network_file_and_the_list(tmp_path, monkeypatch):
    (tmp_path / "lists").mkdir()
    write(tmp_path / "lists")
    layer, top = build("lists/list.txt", place=Place(str(tmp_path / "net.yaml")))
    assert labels(layer, top, 1) == [[0, 1]]
    monkeypatch.chdir(tmp_path)
    assert labels(*build("lists/list.txt"), 1) == [[0, 1]]


def test_order_as_caffe():
    """The last of the three batches of each iteration, as Caffe's solver saw it."""
    source = GOLDEN / "solvers" / "hdf5data_source.txt"
    if not source.exists():
        pytest.skip(f"{source} is missing")
    with h5py.File(GOLDEN / "solvers" / "sgd_h5data_iter_size3.h5") as file:
        recorded = file["last_target"][()]
    layer, top = build(source, names=("data", "target"))
    for target in recorded:
        for _ in range(3):
            layer.forward([], top)
        np.testing.assert_array_equal(top[1].data, target.astype("float32"))


@pytest.mark.parametrize(
    "changes, text",
    [
        (dict(label=None), r"part0.h5: no dataset 'label' \(it has 'data'\)"),
        (dict(label=np.zeros(2)), r"part0.h5: dataset 'label' has 2 rows, expected 3 as 'data'"),
        (dict(label=np.array([b"a"] * 3)), r"part0.h5: 'label' is no dataset of numbers with at least one axis"),
        (dict(label=np.float32(3)), r"part0.h5: 'label' is no dataset of numbers with at least one axis"),
    ],
)
def test_datasets_that_do_not_fit(tmp_path, changes, text):
    with pytest.raises(DataError, match=r"^layer 'd' \(HDF5Data\): .*" + text):
        build(write(tmp_path, **changes))


def test_the_first_top_is_transformed_where_it_holds_pictures(tmp_path):
    pictures = np.random.default_rng(0).random((5, 3, 6, 7)).astype("float32")
    path = write(tmp_path, counts=(5,), data=pictures)
    param = dict(hdf5_data_param=HDF5DataParam(source=str(path), batch_size=2))
    transform = TransformParam(scale=2, mean_value=(0.5,), crop_size=4)
    top = [Blob((), name=n) for n in ("data", "label")]
    layer = HDF5Data(LayerDef("d", "HDF5Data", parameters={**param, "transform_param": transform}), "TEST")
    layer.setup([], top)
    layer.reshape([], top)
    assert [t.shape for t in top] == [(2, 3, 4, 4), (2,)]
    layer.forward([], top)
    np.testing.assert_allclose(top[0].data, (pictures[:2, :, 1:5, 1:5] - 0.5) * 2, rtol=1e-6)
    np.testing.assert_array_equal(top[1].data, [0, 10])
    layer = HDF5Data(LayerDef("d", "HDF5Data", parameters={**param, "transform_param": transform}), "TEST")
    with pytest.raises(DataError, match=r"rows of 'label' are \(\), expected \(channels, height, width\) for transform_param"):
        layer.setup([], top[1:])


def test_files_must_agree(tmp_path):
    path = write(tmp_path)
    with h5py.File(tmp_path / "part1.h5", "w") as file:
        file["data"], file["label"] = np.zeros((2, 3)), np.zeros(2)
    with pytest.raises(DataError, match=r"part1.h5: rows of 'data' are \(3,\), expected \(2,\) as in .*part0.h5"):
        build(path)


def test_lists_that_cannot_be_used(tmp_path):
    with pytest.raises(DataError, match="source 'nowhere.txt': no such file; expected a text file"):
        build("nowhere.txt")
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(DataError, match="empty.txt: lists no files"):
        build(tmp_path / "empty.txt")
    write(tmp_path)
    with pytest.raises(DataError, match="part0.h5: is no text"):
        build(tmp_path / "part0.h5")
    (tmp_path / "gone.txt").write_text("gone.h5")
    with pytest.raises(DataError, match="gone.h5: no such file"):
        build(tmp_path / "gone.txt")
    write(tmp_path, counts=(0,))
    with pytest.raises(DataError, match="part0.h5': no rows"):
        build(tmp_path / "list.txt")
