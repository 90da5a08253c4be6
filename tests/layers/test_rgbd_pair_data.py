import logging

import numpy as np
import pytest

from pycaffe_geo.datasets.pairs import PairFile, write_pairs
from pycaffe_geo.datasets.rooms import World, render_pairs
from pycaffe_geo.errors import DataError, SpecError
from pycaffe_geo.geometry import camera
from pycaffe_geo.gradient_check import build_layer

TOPS = 5


def write(folder):
    path = folder / "p.h5"
    write_pairs(path, **render_pairs(World(width=20, height=16, samples=2), "train", 2))
    return path


def EXAMPLE(folder):
    return dict(bottom=[], tops=TOPS, rgbd_pair_data_param={"source": str(write(folder)), "batch_size": 4, "mirror": True})


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write(tmp_path_factory.mktemp("pairs"))


def build(path, **param):
    layer, _, top = build_layer("RGBDPairData", tops=TOPS, rgbd_pair_data_param={"source": str(path), "batch_size": 4, **param})
    return layer, top


def batches(layer, top, count):
    found = []
    for _ in range(count):
        layer.forward([], top)
        found.append([t.data.copy() for t in top])
    return found


def test_the_tops_are_the_records_of_the_file(pairs):
    layer, top = build(pairs)
    (batch,) = batches(layer, top, 1)
    for array, expected in zip(batch, PairFile(pairs).batch(np.arange(4)).values()):
        np.testing.assert_allclose(array, expected, rtol=1e-7)


def test_one_epoch_holds_every_record_once_and_the_next_has_another_order(pairs):
    layer, top = build(pairs, shuffle=True)
    seen = np.concatenate([b[4] for b in batches(layer, top, 12)])  # 2 epochs of 24 pairs
    truth = PairFile(pairs).batch(np.arange(24))["pose"]
    numbers = [int(np.abs(truth - pose).reshape(24, -1).sum(axis=1).argmin()) for pose in seen]
    assert sorted(numbers[:24]) == sorted(numbers[24:]) == list(range(24))
    assert numbers[:24] != numbers[24:]


@pytest.mark.parametrize("prefetch", [True, False])
def test_a_batch_depends_on_its_position_alone(pairs, prefetch):
    param = dict(shuffle=True, mirror=True, mirror_vertical=True)
    layer, top = build(pairs, prefetch=prefetch, **param)
    first = batches(layer, top, 6)
    layer.position = 3
    again = batches(layer, top, 2)
    other, other_top = build(pairs, prefetch=not prefetch, **param)
    for expected, got in zip(first[3:5] + first, again + batches(other, other_top, 6)):
        for a, b in zip(expected, got):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("flip", ["mirror", "mirror_vertical"])
def test_a_flipped_sample_still_projects_as_its_images_show(pairs, flip):
    """The flow of a flipped sample is the mirrored flow of the sample: images, depth, intrinsics and pose agree."""
    axis = 0 if flip == "mirror" else 1
    plain, flipped = (batches(*build(pairs, **p), 6) for p in ({}, {flip: True}))
    count = 0
    for a, b in zip(plain, flipped):
        flow_a, flow_b = (camera.pinhole(camera.transform_grid(s[2], s[4], s[3]), s[3])[0] for s in (a, b))
        for i in range(4):
            if np.array_equal(a[0][i], b[0][i]):
                continue
            count += 1
            np.testing.assert_array_equal(np.flip(a[0][i], 2 - axis), b[0][i])
            mirrored = np.flip(flow_a[i], 2 - axis).copy()
            mirrored[axis] *= -1
            np.testing.assert_allclose(mirrored, flow_b[i], atol=1e-9)
    assert 4 < count < 20


def test_a_corrupt_record_stops_by_name_or_is_skipped_in_all_tops(pairs, tmp_path, caplog):
    import h5py

    bad = tmp_path / "bad.h5"
    bad.write_bytes(pairs.read_bytes())
    with h5py.File(bad, "r+") as f:
        f["color"][0, 0, 0, 0] ^= 255
    layer, top = build(bad, prefetch=False)
    with pytest.raises(DataError, match=r"bad.h5: pair 0: frame 0 is corrupt"):
        layer.forward([], top)
    with caplog.at_level(logging.WARNING):
        layer, top = build(bad, on_error="skip")
    assert "skips 6 of 24 pairs" in caplog.text and "frame 0 is corrupt" in caplog.text
    poses = np.concatenate([b[4] for b in batches(layer, top, 6)])[:18]
    good = [i for i, pair in enumerate(PairFile(pairs).pairs) if 0 not in pair]
    np.testing.assert_allclose(poses, PairFile(pairs).batch(good)["pose"], rtol=1e-12)


def test_errors_name_the_source():
    with pytest.raises(DataError, match=r"layer 'layer' \(RGBDPairData\): source 'rooms_tran' .* did you mean 'rooms_train'\?"):
        build("rooms_tran")
    with pytest.raises(SpecError, match="batch_size is 0, expected at least 1"):
        build("x.h5", batch_size=0)


def test_a_world_is_rendered_on_first_use(tmp_path, monkeypatch):
    monkeypatch.setenv("PYCAFFE_GEO_CACHE", str(tmp_path))
    layer, top = build("rooms_test", world={"width": 12, "height": 8, "clusters": 1, "samples": 1})
    assert [t.shape for t in top][:2] == [(4, 3, 8, 12), (4, 3, 8, 12)] and not list(tmp_path.iterdir())
    (batch,) = batches(layer, top, 1)
    assert len(list(tmp_path.iterdir())) == 1 and batch[0].max() > 0
    with pytest.raises(DataError, match=r"layer 'layer' \(RGBDPairData\): world: width is 0, expected at least 1"):
        build("rooms_test", world={"width": 0})
