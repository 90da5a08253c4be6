import numpy as np
import pytest

from lmdb_files import datum, write_lmdb
from pycaffe_geo.errors import DataError, ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer
from pycaffe_geo.net import Net
from pycaffe_geo.spec import load_net

PICTURES = np.random.default_rng(0).integers(256, size=(5, 3, 6, 7), dtype=np.uint8)


def records(encoded=""):
    return [datum(picture, 10 * i, encoded) for i, picture in enumerate(PICTURES)]


def EXAMPLE(folder):
    pytest.importorskip("lmdb")
    param = {"source": write_lmdb(folder / "lmdb", records()), "batch_size": 2}
    return dict(tops=2, data_param=param, transform_param={"crop_size": 5, "mirror": True, "mean_value": [1, 2, 3]})


def build(source, tops=2, seed=0, phase="TEST", transform=None, **param):
    pytest.importorskip("lmdb")
    layer, _, top = build_layer(
        "Data", tops=tops, seed=seed, phase=phase, data_param={"source": source, **param}, transform_param=transform or {}
    )
    return layer, top


def labels(layer, top, batches):
    found = []
    for _ in range(batches):
        layer.forward([], top)
        found.append((top[1].data / 10).astype(int).tolist())
        np.testing.assert_array_equal(top[0].data, PICTURES[found[-1]])
    return found


@pytest.mark.parametrize("encoded", ["", "PNG"])
def test_records_run_on_and_around(tmp_path, encoded):
    layer, top = build(write_lmdb(tmp_path / "d", records(encoded)), batch_size=3)
    assert [t.shape for t in top] == [(3, 3, 6, 7), (3,)]
    assert labels(layer, top, 3) == [[0, 1, 2], [3, 4, 0], [1, 2, 3]]


def test_batches_depend_on_position_alone(tmp_path):
    source = write_lmdb(tmp_path / "d", records())
    layer, top = build(source, batch_size=2)
    labels(layer, top, 2)
    layer.position = 7
    assert labels(layer, top, 2) == [[4, 0], [1, 2]]


def test_rand_skip_moves_the_beginning_by_seed(tmp_path):
    source = write_lmdb(tmp_path / "d", records())
    starts = {seed: labels(*build(source, seed=seed, rand_skip=4), 1)[0][0] for seed in range(30)}
    assert set(starts.values()) == {0, 1, 2, 3}
    assert labels(*build(source, seed=3, rand_skip=4), 1)[0][0] == starts[3]


@pytest.mark.parametrize("key", ["force_color", "force_encoded_color", "force_gray"])
def test_encoded_pictures_are_decoded_as_asked(tmp_path, key):
    pytest.importorskip("PIL")
    source = write_lmdb(tmp_path / "d", [datum(PICTURES[0, :1] if "gray" not in key else PICTURES[0], 0, "PNG")])
    own = {key: True} if key == "force_encoded_color" else {}
    layer, top = build(source, tops=1, transform={} if own else {key: True}, **own)
    assert top[0].shape == (1, 1 if key == "force_gray" else 3, 6, 7)
    layer.forward([], top)
    if key != "force_gray":
        np.testing.assert_array_equal(top[0].data[0], np.repeat(PICTURES[0, :1], 3, axis=0))


def test_two_layers_may_read_one_lmdb(tmp_path):
    source = write_lmdb(tmp_path / "d", records())
    one, two = build(source), build(source)
    assert labels(*one, 2) == labels(*two, 2)


NET = """
name: "two_phases"
layer { name: "d" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  transform_param { mirror: true crop_size: 4 } data_param { source: "d" batch_size: 2 backend: LMDB } }
layer { name: "d" type: "Data" top: "data" top: "label" include { phase: TEST }
  transform_param { scale: 0.00390625 } data_param { source: "d" batch_size: 5 backend: LMDB prefetch: 2 } }
"""


def test_a_source_holds_beside_the_network_file(tmp_path):
    pytest.importorskip("lmdb")
    write_lmdb(tmp_path / "d", records())
    (tmp_path / "net.prototxt").write_text(NET)
    definition = load_net(tmp_path / "net.prototxt")
    train, test = (Net(definition, phase) for phase in ("TRAIN", "TEST"))
    assert train.forward()["data"].shape == (2, 3, 4, 4)
    np.testing.assert_array_equal(test.forward()["data"], PICTURES / 256)


def test_what_cannot_be_used(tmp_path):
    with pytest.raises(SpecError, match=r"^layer 'layer' \(Data\): data_param: backend LEVELDB is not supported, expected LMDB"):
        build("anywhere", backend="LEVELDB")
    with pytest.raises(DataError, match=r"^layer 'layer' \(Data\): source is missing"):
        build("")
    with pytest.raises(DataError, match=r"^layer 'layer' \(Data\): source '.*gone': .*gone: no such folder"):
        build(str(tmp_path / "gone"))
    source = write_lmdb(tmp_path / "d", [*records(), b"\x08"])
    layer, top = build(source, batch_size=5)
    layer.forward([], top)
    with pytest.raises(DataError, match=r"^layer 'layer' \(Data\): .*d: record 5 \(key '00000005'\): "):
        layer.forward([], top)
    source = write_lmdb(tmp_path / "sizes", [datum(PICTURES[0]), datum(PICTURES[1, :2])])
    layer, top = build(source, batch_size=2)
    text = r"sizes: record 1 \(key '00000001'\) gives \(2, 6, 7\) .*, expected \(3, 6, 7\) as .*record 0"
    with pytest.raises(ShapeError, match=text):
        layer.forward([], top)
    with pytest.raises(ShapeError, match=r"record 0 \(key '00000000'\) has 6 x 7 pixels, expected at least crop_size 8"):
        build(source, transform={"crop_size": 8})
