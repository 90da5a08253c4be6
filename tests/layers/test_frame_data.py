from pathlib import Path

import numpy as np
import pytest

from pycaffe_geo.datasets.folder import read_folder
from pycaffe_geo.datasets.frames import load_frames
from pycaffe_geo.datasets.pairs import PairFile, write_pairs
from pycaffe_geo.datasets.rooms import World
from pycaffe_geo.datasets.rooms_sequences import render_runs
from pycaffe_geo.errors import DataError, SpecError
from pycaffe_geo.geometry import camera, sampling
from pycaffe_geo.gradient_check import build_layer

LIVINGROOM = Path(__file__).parents[3] / "shared" / "data" / "rgbd_livingroom"
BASELINE = 0.1
WORLD = World(width=20, height=16, samples=2)


def write(folder, **change):
    path = folder / "frames.h5"
    write_pairs(path, **render_runs(WORLD, "train", 3, 5, BASELINE) | change)
    return path


def param(path, **changes):
    return {"source": str(path), "batch_size": 4, "offsets": [-1, 0, 2], **changes}


def EXAMPLE(folder):
    items = ["color", "right", "intrinsics", "baseline", "pose"]
    augmentation = {"mirror": True, "random_scale": 1.2, "color_jitter": 0.2}
    return dict(bottom=[], tops=10, frame_data_param=param(write(folder), items=items, **augmentation))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("frames"))


def build(path, tops, **changes):
    layer, _, top = build_layer("FrameData", tops=tops, frame_data_param=param(path, **changes))
    return layer, top


def batches(layer, top, count=1):
    found = []
    for _ in range(count):
        layer.forward([], top)
        found.append(dict(zip(layer.top_names(), [t.data.copy() for t in top])))
    return found


def test_the_tops_are_the_frames_of_the_file(path):
    items = ["depth", "color", "pose", "right", "baseline", "intrinsics"]
    layer, top = build(path, 11, items=items)
    assert layer.top_names() == ["depth", "color -1", "color 0", "color 2", "pose -1", "pose 2", "right -1", "right 0",
                                 "right 2", "baseline", "intrinsics"]
    (batch,) = batches(layer, top)
    file = PairFile(path)
    for i, centre in enumerate([1, 2, 6, 7]):  # runs of 5 frames: 1 before and 2 after, none in another run
        for offset in (-1, 0, 2):
            frame = file.frame(centre + offset)
            for name, stored in (("color", "color"), ("right", "right")):
                np.testing.assert_array_equal(batch[f"{name} {offset}"][i], frame[stored][:, :, ::-1].transpose(2, 0, 1))
            if offset:
                world = file.frame(centre)["pose_c2w"] @ [1, 2, 3, 1]
                np.testing.assert_allclose(frame["pose_c2w"] @ batch[f"pose {offset}"][i, 0] @ [1, 2, 3, 1], world)
        np.testing.assert_array_equal(batch["depth"][i, 0], file.frame(centre)["depth"])
        np.testing.assert_array_equal(batch["intrinsics"][i].ravel(), WORLD.intrinsics)
        assert batch["baseline"][i] == BASELINE


def test_one_epoch_holds_every_usable_centre_once(path):
    layer, top = build(path, 4, items=["color", "baseline"], shuffle=True, batch_size=3)
    first = np.concatenate([b["color 0"] for b in batches(layer, top, 2)])
    expected = PairFile(path).images("color", np.array([1, 2, 6, 7, 11, 12]))
    assert sorted(map(np.sum, first)) == sorted(map(np.sum, expected))


@pytest.mark.parametrize("prefetch", [True, False])
def test_a_batch_depends_on_its_position_alone(path, prefetch):
    changes = dict(items=["color", "intrinsics"], shuffle=True, mirror=True, random_scale=1.3, color_jitter=0.3)
    layer, top = build(path, 4, prefetch=prefetch, **changes)
    first = batches(layer, top, 4)
    layer.position = 2
    again = batches(layer, top, 2) + batches(*build(path, 4, prefetch=not prefetch, **changes), 4)
    for a, b in zip(first[2:] + first, again):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


def flow(batch):
    return camera.pinhole(camera.transform_grid(batch["depth"], batch["pose 2"], batch["intrinsics"]), batch["intrinsics"])[0]


def test_a_mirrored_sample_still_projects_as_its_images_show(path):
    items = ["color", "depth", "intrinsics", "pose"]
    plain, flipped = (batches(*build(path, 7, items=items, mirror=m), 3) for m in (False, True))
    count = 0
    for a, b in zip(plain, flipped):
        for i, same in enumerate(np.array_equal(*pair) for pair in zip(a["color 0"], b["color 0"])):
            sign = 1 if same else -np.array([1, -1])[:, None, None]
            step = slice(None, None, 1 if same else -1)
            for name in ("color -1", "color 0", "color 2"):
                np.testing.assert_array_equal(a[name][i][..., step], b[name][i])
            np.testing.assert_allclose(sign * flow(a)[i][..., step], flow(b)[i], atol=1e-9)
            count += not same
    assert 2 < count < 10


def test_mirroring_makes_the_right_camera_the_left_one(path):
    items = ["color", "right", "intrinsics", "baseline", "pose"]
    plain, flipped = (batches(*build(path, 10, items=items, mirror=m), 3) for m in (False, True))
    poses = PairFile(path).arrays()["pose_c2w"]
    beside = np.eye(4)
    beside[0, 3] = BASELINE
    mirror = np.diag([-1.0, 1, 1, 1])
    centres = np.tile([1, 2, 6, 7, 11, 12], 2).reshape(3, 4)
    count = 0
    for a, b, frames in zip(plain, flipped, centres):
        for i in range(4):
            if np.array_equal(a["color 0"][i], b["color 0"][i]):
                continue
            count += 1
            np.testing.assert_array_equal(b["color 2"][i], a["right 2"][i][..., ::-1])
            np.testing.assert_array_equal(b["right 2"][i], a["color 2"][i][..., ::-1])
            now, then = poses[frames[i]] @ beside, poses[frames[i] + 2] @ beside  # the right cameras
            np.testing.assert_allclose(b["pose 2"][i, 0], mirror @ np.linalg.inv(then) @ now @ mirror, atol=1e-12)
    assert count > 2


def test_a_mirrored_pair_is_a_rectified_pair_with_positive_disparity(tmp_path):
    """The right picture is the left one looked up further right, by fx baseline / depth: before and after mirroring."""
    write_pairs(tmp_path / "p.h5", **(data := render_runs(World(width=80, height=64, samples=2), "train", 1, 2, BASELINE)))
    layer, top = build(tmp_path / "p.h5", 3, items=["color", "right", "intrinsics"], offsets=[0], batch_size=12, mirror=True)
    (batch,) = batches(layer, top)
    flipped = [i for i in range(12) if not np.array_equal(batch["color 0"][i][0], data["color"][i % 2][..., 2])]
    assert 2 < len(flipped) < 10
    i = flipped[0]
    disparity = (batch["intrinsics"][i, 0] * BASELINE / data["depth"][i % 2])[None, None, :, ::-1]  # of the old left picture
    x, y = np.meshgrid(np.arange(80.0), np.arange(64.0))

    def error(sign):
        coords = np.stack([x + sign * disparity[0, 0], y])[None]
        warped, seen = sampling.warp(batch["color 0"][i:i + 1], coords)
        return (abs(warped - batch["right 0"][i:i + 1]) * seen).sum() / (3 * seen.sum())

    assert error(1) < 0.5 * error(0) < 0.5 * error(-1)


def test_intrinsics_and_poses_alone_are_augmented_too(path):
    changes = dict(mirror=True, random_scale=1.2)
    alone = batches(*build(path, 3, items=["intrinsics", "pose"], **changes), 3)
    pictures = batches(*build(path, 6, items=["color", "intrinsics", "pose"], **changes), 3)
    for a, b in zip(alone, pictures):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


def test_a_zoomed_sample_is_what_its_intrinsics_say(tmp_path):
    """Pictures whose values are their own pixel coordinates, times 4: the ray of every pixel stays what it was."""
    x, y = np.meshgrid(np.arange(20), np.arange(16))
    color = np.tile(4 * np.stack([x, y, 0 * x], axis=-1).astype(np.uint8), (15, 1, 1, 1))
    changed = write(tmp_path, color=color, right=color, depth=np.tile(1.0 + x, (15, 1, 1)))
    layer, top = build(changed, 8, items=["color", "right", "intrinsics", "depth"], random_scale=1.5)
    focal = []
    for batch in batches(layer, top, 3):
        fx, fy, cx, cy = batch["intrinsics"].reshape(4, 4, 1, 1).swapaxes(0, 1)
        old = WORLD.intrinsics
        in_x, in_y = old[0] * (x - cx) / fx + old[2], old[1] * (y - cy) / fy + old[3]
        for name in ("color -1", "color 0", "right 2"):
            inside = (in_x >= 0) & (in_x <= 19) & (in_y >= 0) & (in_y <= 15)
            assert inside.mean() > 0.9
            np.testing.assert_allclose(batch[name][:, 2][inside] / 4, in_x[inside], atol=1e-4)  # BGR
            np.testing.assert_allclose(batch[name][:, 1][inside] / 4, in_y[inside], atol=1e-4)
        assert np.abs(batch["depth"][:, 0] - 1 - in_x).max() < 0.51
        focal += list(zip(fx.ravel() / old[0], fy.ravel() / old[1]))
    assert np.min(focal) >= 1 and np.max(focal) <= 1.5 and np.ptp(focal) > 0.2 and len({f for pair in focal for f in pair}) == 24


def test_a_zoomed_sample_has_no_dark_border(tmp_path):
    white = np.full((15, 16, 20, 3), 255, np.uint8)
    layer, top = build(write(tmp_path, color=white), 3, items=["color"], random_scale=1.5)
    for batch in batches(layer, top, 3):
        np.testing.assert_allclose(batch["color 0"], 255, rtol=1e-6)


def test_colours_change_alike_in_all_pictures_of_a_sample(path):
    plain, changed = (batches(*build(path, 6, items=["color", "right"], color_jitter=j))[0] for j in (0.0, 0.4))
    powers = []
    for i in range(4):
        before, after = (np.concatenate([b[name][i].ravel() for name in b]) / 255 for b in (plain, changed))
        kept = (before > 0) & (after < 0.999)
        gamma, gain = np.polyfit(np.log(before[kept]), np.log(after[kept]), 1)
        np.testing.assert_allclose(after, np.minimum(np.exp(gain) * before**gamma, 1), atol=1e-5)
        powers += [np.log(gamma), gain]
    assert np.abs(powers).max() <= 0.4 and len(np.unique(np.round(powers, 6))) == 8


def test_a_corrupt_frame_is_named(path, tmp_path):
    import h5py

    bad = tmp_path / "bad.h5"
    bad.write_bytes(path.read_bytes())
    with h5py.File(bad, "r+") as f:
        f["right"][4, 0, 0, 0] ^= 255
    layer, top = build(bad, 3, prefetch=False)
    with pytest.raises(DataError, match="bad.h5: frame 4 is corrupt: its checksum"):
        layer.forward([], top)


@pytest.mark.parametrize("changes, message", [
    ({"batch_size": 0}, "batch_size is 0, expected at least 1"),
    ({"offsets": [-1, 1]}, r"offsets are \[-1, 1\], expected different numbers with 0"),
    ({"offsets": [0, 0]}, "expected different numbers"),
    ({"items": ["depth", "depth"]}, "expected different ones"),
    ({"items": ["colour"]}, "did you mean 'color'"),
    ({"items": ["pose"], "offsets": [0]}, "offsets has 0 alone"),
    ({"items": ["right", "depth"], "mirror": True}, "mirror makes the right camera the left one, whose depth is not known"),
    ({"random_scale": 0.9}, "random_scale is 0.9, expected 1"),
    ({"color_jitter": -1}, "color_jitter is -1"),
    ({"items": ["color", "depth"]}, r"layer 'layer' \(FrameData\): has 3 tops, its items and offsets give 4: color -1, color 0"),
    ({"source": "rooms_sequence_train"}, "did you mean 'rooms_sequences_train'"),
    ({"source": "rooms_sequences_train", "items": ["right"]}, "has a right camera where `world: {baseline: 0.1}` says"),
])
def test_mistakes(path, changes, message):
    with pytest.raises((SpecError, DataError), match=message):
        build(path, 3, **changes)


def test_what_a_file_lacks_is_named(tmp_path):
    data = render_runs(WORLD, "train", 1, 2)
    write_pairs(tmp_path / "p.h5", color=data["color"], intrinsics=data["intrinsics"])
    layer, top = build(tmp_path / "p.h5", 1, offsets=[0], items=["color"])
    assert len(layer.good) == 2
    for items, missing in ((["right"], "right"), (["depth"], "depth"), (["baseline"], "baseline")):
        with pytest.raises(DataError, match=f"p.h5: holds no '{missing}', only 'color', 'intrinsics'; expected '{missing}'"):
            build(tmp_path / "p.h5", 1, offsets=[0], items=items)
    with pytest.raises(DataError, match="holds no 'pose_c2w'"):
        build(tmp_path / "p.h5", 1, offsets=[0, 1], items=["pose"])
    with pytest.raises(DataError, match=r"no frame has neighbours at offsets \[0, 1\]: of 2 .* most 1 follow .*no sequence"):
        build(tmp_path / "p.h5", 2, offsets=[0, 1])


def test_a_world_is_rendered_on_first_use(tmp_path, monkeypatch):
    monkeypatch.setenv("PYCAFFE_GEO_CACHE", str(tmp_path))
    world = {"width": 12, "height": 8, "runs": 2, "length": 3, "samples": 1, "baseline": 0.2}
    layer, top = build("rooms_sequences_test", 3, offsets=[0, 1], items=["color", "baseline"], world=world)
    assert [t.shape for t in top] == [(4, 3, 8, 12), (4, 3, 8, 12), (4, 1, 1, 1)] and not list(tmp_path.iterdir())
    (batch,) = batches(layer, top)
    assert len(list(tmp_path.iterdir())) == 1 and (batch["baseline"] == 0.2).all()
    assert layer.good.tolist() == [0, 1, 3, 4]


@pytest.mark.skipif(not LIVINGROOM.is_dir(), reason="../shared/data/rgbd_livingroom is not here")
def test_real_frames_warp_into_each_other_after_all_augmentation(tmp_path):
    frames = load_frames(read_folder(LIVINGROOM), size=(80, 60), skip=[(10, 37)])
    write_pairs(tmp_path / "room.h5", **frames.as_file())
    changes = dict(offsets=[-1, 0, 1], items=["color", "depth", "intrinsics", "pose"], batch_size=8)
    layer, top = build(tmp_path / "room.h5", 7, mirror=True, random_scale=1.2, color_jitter=0.2, **changes)
    (batch,) = batches(layer, top)
    for offset in (-1, 1):
        points = camera.transform_grid(batch["depth"], batch[f"pose {offset}"], batch["intrinsics"])
        _, coords, seen = camera.pinhole(points, batch["intrinsics"])
        seen = seen * (batch["depth"] > 0)
        before, after = (abs(picture - batch["color 0"]) * seen for picture in (
            batch[f"color {offset}"], sampling.warp(batch[f"color {offset}"], coords)[0]))
        assert (after.mean(axis=(1, 2, 3)) < 0.6 * before.mean(axis=(1, 2, 3))).all()
