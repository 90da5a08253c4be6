from matplotlib.image import imread

from pycaffe_geo.plots.curves import draw_curves, read_curves

TEXT = """iteration,phase,lr,loss,accuracy,seconds,it/s
0,TEST,0.0,3.0,0.25,0.1,
0,TRAIN,0.1,2.5,,0.2,
10,TRAIN,0.05,1.5,,0.4,50
10,TEST,0.05,1.75,0.5,0.5,
"""


def write(folder, name):
    (folder / name).mkdir()
    path = folder / name / "metrics.csv"
    path.write_text(TEXT)
    return path


def test_curves_are_read_by_column_and_phase(tmp_path):
    curves = read_curves(write(tmp_path, "a"))
    assert curves == {
        ("loss", "TEST"): ([0, 10], [3.0, 1.75]),
        ("accuracy", "TEST"): ([0, 10], [0.25, 0.5]),
        ("lr", "TRAIN"): ([0, 10], [0.1, 0.05]),
        ("loss", "TRAIN"): ([0, 10], [2.5, 1.5]),
    }


def test_one_panel_for_each_column(tmp_path):
    runs = [write(tmp_path, "a"), write(tmp_path, "b")]
    assert draw_curves(runs, tmp_path / "all.png") == ["loss", "accuracy", "lr"]
    assert draw_curves(runs, tmp_path / "one.png", columns=["loss"], log_scale=True) == ["loss"]
    three, one = imread(tmp_path / "all.png"), imread(tmp_path / "one.png")
    assert three.shape[1] > 2.5 * one.shape[1] and one[..., :3].std() > 0.01


def test_a_run_without_rows_gives_an_empty_picture(tmp_path):
    path = write(tmp_path, "a")
    path.write_text(TEXT.split("\n")[0] + "\n")
    assert draw_curves([path], tmp_path / "empty.png") == []
    assert imread(tmp_path / "empty.png").size
