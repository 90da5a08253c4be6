import numpy as np

from pycaffe_geo.datasets.images import read_color, read_depth
from pycaffe_geo.plots.depth_map import colored, write_color, write_depth

DEPTH = np.array([[0, 1, 2], [4, 8, 100]], np.float32)


def test_near_is_bright_and_no_depth_is_black(tmp_path):
    picture = colored(DEPTH)
    brightness = picture.astype(int).sum(axis=2)
    assert not picture[0, 0].any()
    assert brightness[0, 1] > brightness[0, 2] > brightness[1, 0] > brightness[1, 1] > brightness[1, 2]
    np.testing.assert_array_equal(colored(10 * DEPTH), picture)
    assert not colored(np.zeros((2, 2))).any()
    write_color(tmp_path / "a.png", picture)
    np.testing.assert_array_equal(read_color(tmp_path / "a.png"), picture)


def test_sixteen_bits_are_read_back(tmp_path):
    assert write_depth(tmp_path / "a.png", DEPTH, 1000) == 1 / 6
    np.testing.assert_allclose(read_depth(tmp_path / "a.png", 1000), np.minimum(DEPTH, 65.535))
    assert write_depth(tmp_path / "b.png", DEPTH / 3, 256) == 0
    np.testing.assert_allclose(read_depth(tmp_path / "b.png", 256), DEPTH / 3, atol=0.5 / 256)
