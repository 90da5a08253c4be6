import numpy as np

from pycaffe_geo.plots.benchmark import draw_growth, draw_ratios


def pixels(path):
    from PIL import Image

    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"), dtype=int)


def count(path, colour):
    """Return how many pixels have matplotlib's blue (C0) or red (C3)."""
    rgb = {"blue": (31, 119, 180), "red": (214, 39, 40)}[colour]
    return (abs(pixels(path) - rgb).max(axis=2) < 3).sum()


def test_bars_are_blue_where_ours_is_faster_and_red_where_it_is_not(tmp_path):
    draw_ratios(["a", "b"], [2.0, 1.5], tmp_path / "won.png", "title")
    draw_ratios(["a", "b"], [0.5, 0.7], tmp_path / "lost.png")
    assert count(tmp_path / "won.png", "blue") > 1000 and not count(tmp_path / "won.png", "red")
    assert count(tmp_path / "lost.png", "red") > 1000 and not count(tmp_path / "lost.png", "blue")


def test_growth_draws_a_panel_of_time_and_of_memory_for_each_sweep(tmp_path):
    sweep = {"size": [1, 2, 4], "ms": [1, 2, 4], "mib": [5, 6, 7], "ms_exponent": 1.0, "mib_exponent": 0.2}
    draw_growth({"batch": sweep}, tmp_path / "one.png")
    draw_growth({"batch": sweep, "depth": sweep}, tmp_path / "two.png")
    one, two = pixels(tmp_path / "one.png"), pixels(tmp_path / "two.png")
    assert two.shape[1] == 2 * one.shape[1] and two.shape[0] == one.shape[0]
    assert count(tmp_path / "two.png", "blue") > 1.5 * count(tmp_path / "one.png", "blue") > 0
