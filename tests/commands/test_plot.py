import pytest


def test_draws_several_runs(tool, solver, is_picture):
    for name in ("a", "b"):
        tool("train", "--solver", solver, "--out", f"runs/{name}")
    code, out, _ = tool("plot", "runs/a", "runs/b/metrics.csv", "--columns", "loss,lr", "--out", "pictures/c.png")
    assert code == 0 and out == "pictures/c.png: lr, loss of 2 run(s)\n"
    assert is_picture("pictures/c.png")
    code, _, err = tool("plot", "runs/a", "--columns", "los")
    assert code == 1 and "did you mean 'loss'?" in err


@pytest.mark.parametrize("content, message", [
    (b"", "no rows to draw"),
    (b"name: net\nlayers: []\n", "is no metrics.csv of a run"),
    (b"\x00\x01\xff\n\xff\n", "is no metrics.csv of a run"),
    (b"iteration,phase,loss\n1,TRAIN,x\n", "is no metrics.csv of a run"),
])
def test_other_files_are_a_mistake(tool, tmp_path, content, message):
    (tmp_path / "m.csv").write_bytes(content)
    code, _, err = tool("plot", str(tmp_path / "m.csv"))
    assert code == 1 and message in err and err.count("\n") == 1


def test_a_folder_without_metrics_is_a_mistake(tool, tmp_path):
    code, _, err = tool("plot", tmp_path)
    assert code == 1 and "metrics.csv: no such file" in err
