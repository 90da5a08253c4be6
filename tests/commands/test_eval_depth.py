"""The tool on depth maps whose errors are known."""

import csv
import json

import numpy as np
import pytest

DEPTH = np.random.default_rng(0).uniform(2, 10, (3, 37, 124)).astype(np.float32)


@pytest.fixture
def evaluate(tool, tmp_path, monkeypatch):
    """Write predictions and truths (N, H, W), run the tool in their folder -> (what it wrote as JSON, stdout)."""
    monkeypatch.chdir(tmp_path)

    def run(predicted, truth, *words):
        np.save("pred.npy", predicted)
        np.save("gt.npy", truth)
        code, out, err = tool("eval_depth", "--pred", "pred.npy", "--gt", "gt.npy", "--json", "new/e.json", *words)
        assert (code, err) == (0, "")
        return json.loads((tmp_path / "new" / "e.json").read_text()), out

    return run


def test_means_over_images(evaluate):
    factors = np.array([1.1, 1.2, 1.3])[:, None, None]
    result, out = evaluate(DEPTH * factors, DEPTH)
    assert result["errors"]["abs_rel"] == pytest.approx(0.2, rel=1e-5)
    assert result["errors"]["a1"] == pytest.approx(2 / 3) and result["errors"]["a2"] == 1
    assert result["images"] == 3 and result["median_scaling"] is None
    assert "3 image(s); 0.001 < depth < 80 m; crop: none;" in out and "median scaling: none" in out and "0.2000" in out


def test_median_scaling_is_told(evaluate):
    result, out = evaluate(DEPTH * np.array([0.5, 0.25, 0.125])[:, None, None], DEPTH, "--median-scaling")
    assert result["errors"]["abs_rel"] == pytest.approx(0, abs=1e-6)
    assert result["median_scaling"] == pytest.approx({"median_factor": 4, "relative_spread": np.std([0.5, 1, 2])})
    assert "median of the factors 4.0000" in out


def test_crop_cap_and_least_depth(evaluate):
    truth, predicted = DEPTH.copy(), DEPTH.copy()
    truth[:, :12], predicted[:, 12, 10] = 50, 5 * truth[:, 12, 10]
    assert evaluate(predicted, truth)[0]["errors"]["abs_rel"] > 0.1
    kept = dict(evaluate(predicted, truth, "--crop", "garg", "--cap", 20, "--min-depth", 1)[0])
    assert kept["errors"]["abs_rel"] == 0 and (kept["crop"], kept["cap"], kept["min_depth"]) == ("garg", 20, 1)
    assert evaluate(predicted, truth, "--cap", 20, "--crop", "eigen")[0]["errors"]["abs_rel"] > 0


def test_predictions_with_holes_are_told_of(tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sparse = DEPTH.copy()
    sparse[0, :, ::2] = 0
    np.save("dense.npy", DEPTH)
    np.save("sparse.npy", sparse)
    code, _, err = tool("eval_depth", "--pred", "sparse.npy", "--gt", "dense.npy")
    assert code == 0 and "sparse.npy: at 2294 of 13764 pixels that count (16.7%) the prediction is not above 0" in err
    assert tool("eval_depth", "--pred", "dense.npy", "--gt", "sparse.npy")[2] == ""


def test_a_smaller_prediction_is_resized(evaluate):
    ramp = np.broadcast_to(np.linspace(1, 2, 64, dtype=np.float32), (1, 8, 64))
    halved = ramp.reshape(1, 4, 2, 32, 2).mean(axis=(2, 4))
    assert evaluate(halved, ramp)[0]["errors"]["abs_rel"] < 1e-3


def test_disparity_is_in_pixels_of_the_predictions_width(evaluate):
    truth = np.full((1, 8, 64), 10.0)
    disparity = np.full((1, 4, 32), 2.5)  # 5 pixels of the truth's width
    result, _ = evaluate(disparity, truth, "--disparity", "--focal-baseline", 50)
    assert result["errors"]["abs_rel"] == pytest.approx(0, abs=1e-6) and result["disparity"]
    assert evaluate(0 * disparity, truth, "--disparity", "--focal-baseline", 50)[0]["errors"]["abs_rel"] == 7  # clipped to 80 m
    assert evaluate(disparity, truth, "--disparity", "--median-scaling")[0]["errors"]["abs_rel"] == pytest.approx(0, abs=1e-6)


def test_folders_are_matched_by_name(tool, tmp_path, is_picture):
    Image = pytest.importorskip("PIL.Image")
    for name in ("pred", "gt"):
        (tmp_path / name).mkdir()
    for i, name in enumerate(("b", "a", "c")):
        Image.fromarray(np.rint(DEPTH[i] * 256).astype(np.uint16)).save(tmp_path / "gt" / f"{name}.png")
        np.save(tmp_path / "pred" / f"{name}.npy", DEPTH[i] * (1.1 + 0.1 * i))
    np.save(tmp_path / "pred" / "unused.npy", DEPTH[0])
    words = ["eval_depth", "--pred", tmp_path / "pred", "--gt", tmp_path / "gt", "--depth-scale", 256]
    code, _, err = tool(*words, "--csv", tmp_path / "e.csv", "--out", tmp_path / "new" / "e.png")
    assert (code, err) == (0, "") and is_picture(tmp_path / "new" / "e.png", 200)
    with open(tmp_path / "e.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == ["a", "b", "c"]
    assert [float(row["abs_rel"]) for row in rows] == pytest.approx([0.2, 0.1, 0.3], abs=2e-3)
    assert rows[0]["pixels"] == str(37 * 124)
    (tmp_path / "pred" / "c.npy").unlink()
    code, _, err = tool(*words)
    assert code == 1 and "no prediction for 1 of 3 maps of" in err and "'c'" in err


@pytest.mark.parametrize("words, message", [
    (["--disparity"], "--disparity has no scale: give --focal-baseline or --median-scaling"),
    (["--focal-baseline", "3"], "--focal-baseline is for --disparity"),
    (["--cap", "0.0001"], "--cap 0.0001 is not above --min-depth 0.001"),
    (["--cap", "1"], "image 'gt[0]': no pixel of the ground truth counts: none between 0.001 and 1 m (crop 'none')"),
    (["--gt", "one.npy"], "pred.npy: has 3 maps, one.npy has 1; expected as many"),
    (["--pred", "nan.npy"], "image 'gt[1]': the prediction is NaN at 1 of 4588 pixels that count"),
])
def test_mistakes(tool, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    bad = DEPTH.copy()
    bad[1, 3, 4] = np.nan
    for name, values in (("pred", DEPTH), ("gt", DEPTH), ("one", DEPTH[0]), ("nan", bad)):
        np.save(f"{name}.npy", values)
    code, _, err = tool("eval_depth", "--pred", "pred.npy", "--gt", "gt.npy", *words)
    assert code == 1 and message in err
