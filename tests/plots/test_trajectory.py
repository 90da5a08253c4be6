import numpy as np

from pycaffe_geo.plots.trajectory import draw_trajectory


def test_draws_the_way_twice_in_blue_and_the_error_in_red(tmp_path):
    from PIL import Image

    truth = np.cumsum(np.random.default_rng(0).standard_normal((50, 3)), axis=0)
    draw_trajectory(tmp_path / "t.png", truth, truth + 5, np.arange(50.0), np.arange(50.0), "title")
    pixels = np.asarray(Image.open(tmp_path / "t.png").convert("RGB")).astype(int)
    redness = pixels[..., 0] - pixels[..., 2]
    for part, sign in zip(np.array_split(redness, 3, axis=1), (-1, -1, 1)):
        assert (sign * part > 60).sum() > 50 and (sign * part).min() > -20
