import logging

import numpy as np
import pytest

from pycaffe_geo.datasets.images import resize_planes
from pycaffe_geo.errors import DataError, ShapeError
from pycaffe_geo.gradient_check import build_layer
from pycaffe_geo.net import Net

Image = pytest.importorskip("PIL.Image")
PICTURES = np.random.default_rng(0).integers(256, size=(6, 5, 4, 3), dtype=np.uint8)  # RGB


def write(folder, lines=None):
    """Write PICTURES as "0.png" ... and a list of them with the labels 0, 10, 20 ...; return the list's path."""
    for i, picture in enumerate(PICTURES):
        Image.fromarray(picture).save(folder / f"{i}.png")
    path = folder / "list.txt"
    path.write_text("".join(lines or [f"{i}.png {10 * i}\n" for i in range(len(PICTURES))]))
    return str(path)


def EXAMPLE(folder):
    param = {"source": write(folder), "batch_size": 4, "shuffle": True, "new_height": 7, "new_width": 9}
    return dict(tops=2, image_data_param=param, transform_param={"crop_size": 6, "mirror": True, "mean_value": [1, 2, 3]})


def build(source, tops=2, seed=0, phase="TEST", transform=None, **param):
    params = dict(image_data_param={"source": str(source), **param}, transform_param=transform or {})
    layer, _, top = build_layer("ImageData", tops=tops, seed=seed, phase=phase, **params)
    return layer, top


def labels(layer, top, batches):
    """Return the record numbers of some batches, after a look that the pictures are theirs."""
    found = []
    for _ in range(batches):
        layer.forward([], top)
        found.append((top[1].data / 10).astype(int).tolist())
        np.testing.assert_array_equal(top[0].data, PICTURES[found[-1]][..., ::-1].transpose(0, 3, 1, 2))
    return found


def test_pictures_are_bgr_and_run_on_and_around(tmp_path):
    layer, top = build(write(tmp_path), batch_size=4)
    assert [t.shape for t in top] == [(4, 3, 5, 4), (4,)]
    assert labels(layer, top, 3) == [[0, 1, 2, 3], [4, 5, 0, 1], [2, 3, 4, 5]]


def test_lines_with_blanks_in_paths_blank_lines_and_no_label(tmp_path):
    source = write(tmp_path, ["0.png 3\n", "  my pictures/one two.png\t-1.5  \n", "\n", "2.png\n", "\n", " \n"])
    (tmp_path / "my pictures").mkdir()
    Image.fromarray(PICTURES[1]).save(tmp_path / "my pictures" / "one two.png")
    layer, top = build(source, batch_size=3)
    layer.forward([], top)
    np.testing.assert_array_equal(top[1].data, [3, -1.5, 0])
    np.testing.assert_array_equal(top[0].data, PICTURES[:3, ..., ::-1].transpose(0, 3, 1, 2))


@pytest.mark.parametrize("root", ["deep/", "deep"])
def test_root_folder_with_and_without_a_slash(tmp_path, root):
    (tmp_path / "deep").mkdir()
    write(tmp_path / "deep")
    (tmp_path / "list.txt").write_text("1.png 10\n/2.png 20\n")
    for folder in (root, f"{tmp_path}/{root}"):
        assert labels(*build(tmp_path / "list.txt", batch_size=1, root_folder=folder), 1) == [[1]]
    layer, top = build(tmp_path / "list.txt", batch_size=2, root_folder=f"{tmp_path}/deep")
    assert labels(layer, top, 1) == [[1, 2]]


def test_root_folder_is_a_prefix_as_in_caffe(tmp_path):
    write(tmp_path)
    (tmp_path / "list.txt").write_text(".png 30\n")
    assert labels(*build(tmp_path / "list.txt", root_folder="3"), 1) == [[3]]


def test_shuffled_epochs_hold_every_picture_once_keyed_by_seed_and_position(tmp_path):
    source = write(tmp_path)
    epochs = labels(*build(source, batch_size=6, shuffle=True), 4)
    assert all(sorted(e) == list(range(6)) for e in epochs) and len({str(e) for e in epochs}) == 4
    layer, top = build(source, batch_size=6, shuffle=True)
    layer.position = 2
    assert labels(layer, top, 2) == epochs[2:]
    assert labels(*build(source, batch_size=6, shuffle=True, seed=1), 4) != epochs


def test_rand_skip_moves_the_beginning_by_seed(tmp_path):
    source = write(tmp_path)
    starts = {labels(*build(source, seed=seed, rand_skip=3), 1)[0][0] for seed in range(30)}
    assert starts == {0, 1, 2}


def test_grey_and_colour_as_asked_whatever_the_file_holds(tmp_path):
    Image.fromarray(PICTURES[0, ..., 0]).save(tmp_path / "grey.png")
    (tmp_path / "list.txt").write_text("grey.png 0\n")
    layer, top = build(tmp_path / "list.txt")
    layer.forward([], top)
    np.testing.assert_array_equal(top[0].data[0], np.repeat(PICTURES[None, 0, ..., 0], 3, axis=0))
    layer, top = build(tmp_path / "list.txt", is_color=False, tops=1)
    layer.forward([], top)
    np.testing.assert_array_equal(top[0].data[0], PICTURES[None, 0, ..., 0])


def test_pictures_are_resized_then_transformed(tmp_path):
    param = dict(batch_size=2, new_height=8, new_width=9)
    layer, top = build(write(tmp_path), transform={"crop_size": 6, "mean_value": 9, "scale": 0.5}, **param)
    layer.forward([], top)
    resized = np.stack([resize_planes(p[..., ::-1].transpose(2, 0, 1), 8, 9) for p in PICTURES[:2]])
    np.testing.assert_array_equal(top[0].data, (resized[:, :, 1:7, 1:7] - 9.0) * 0.5)


def test_batches_of_one_may_change_their_size(tmp_path):
    source = write(tmp_path)
    Image.fromarray(PICTURES[1, :2]).save(tmp_path / "1.png")
    (tmp_path / "net.prototxt").write_text(
        'layer { name: "d" type: "ImageData" top: "data" top: "label" image_data_param { source: "list.txt" } }'
        'layer { name: "r" type: "ReLU" bottom: "data" top: "relu" }'
    )
    net = Net(tmp_path / "net.prototxt", "TEST")
    assert [net.forward()["relu"].shape for _ in range(3)] == [(1, 3, 5, 4), (1, 3, 2, 4), (1, 3, 5, 4)]
    layer, top = build(source, batch_size=2)
    text = r"list.txt:2: .*1.png gives \(3, 2, 4\) .*expected \(3, 5, 4\) as .*list.txt:1: .*0.png, the first of its batch"
    with pytest.raises(ShapeError, match=text):
        layer.forward([], top)


def test_a_picture_that_cannot_be_read_is_named_with_its_line_and_full_path(tmp_path, monkeypatch):
    source = write(tmp_path, ["0.png 0\n", "\n", "gone.png 1\n"])
    layer, top = build(source, batch_size=1)
    layer.forward([], top)
    text = rf"^layer 'layer' \(ImageData\): .*list.txt:3: {tmp_path.resolve()}/gone.png: no such picture"
    with pytest.raises(DataError, match=text):
        layer.forward([], top)
    (tmp_path / "gone.png").write_bytes(b"no picture")
    monkeypatch.chdir(tmp_path)
    layer, top = build("list.txt", batch_size=2)
    with pytest.raises(DataError, match=rf"list.txt:3: {tmp_path.resolve()}/gone.png: cannot be read as a picture"):
        layer.forward([], top)


def test_skipped_pictures_are_counted_and_the_others_keep_their_places(tmp_path, caplog):
    source = write(tmp_path)
    (tmp_path / "1.png").unlink()
    (tmp_path / "2.png").write_bytes((tmp_path / "2.png").read_bytes()[:60])
    layer, top = build(source, batch_size=3, on_error="skip")
    with caplog.at_level(logging.WARNING):
        assert labels(layer, top, 4) == [[0, 3, 3], [3, 4, 5]] * 2
    assert layer.skipped == {1, 2}
    assert "list.txt:2: " in caplog.text and "2 of 6 lines skipped so far" in caplog.text
    assert len(caplog.records) == 2
    for i in range(6):
        (tmp_path / f"{i}.png").unlink(missing_ok=True)
    with pytest.raises(DataError, match="list.txt: no picture of it can be read"):
        build(source, on_error="skip")


@pytest.mark.parametrize(
    "lines, text",
    [
        (["0.png 1\n", "my 1.png\n"], r"list.txt:2: got the label '1.png', expected a number: a text file with `path label`"),
        (["\n", "\n"], "list.txt: lists no files; expected a text file with `path label` on each line"),
    ],
)
def test_lists_that_cannot_be_used(tmp_path, lines, text):
    with pytest.raises(DataError, match=r"^layer 'layer' \(ImageData\): .*" + text):
        build(write(tmp_path, lines))


def test_sizes_that_cannot_be_used(tmp_path):
    with pytest.raises(Exception, match="new_height is 5 and new_width 0, expected both to be given, or none"):
        build(write(tmp_path), new_height=5)
    with pytest.raises(ShapeError, match=r"list.txt:1: .*0.png has 5 x 4 pixels, expected at least crop_size 5"):
        build(write(tmp_path), transform={"crop_size": 5})
