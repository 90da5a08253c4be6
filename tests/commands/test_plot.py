def test_draws_several_runs(tool, solver, is_picture):
    for name in ("a", "b"):
        tool("train", "--solver", solver, "--out", f"runs/{name}")
    code, out, _ = tool("plot", "runs/a", "runs/b/metrics.csv", "--columns", "loss,lr", "--out", "pictures/c.png")
    assert code == 0 and out == "pictures/c.png: lr, loss of 2 run(s)\n"
    assert is_picture("pictures/c.png")
    code, _, err = tool("plot", "runs/a", "--columns", "los")
    assert code == 1 and "did you mean 'loss'?" in err


def test_a_folder_without_metrics_is_a_mistake(tool, tmp_path):
    code, _, err = tool("plot", tmp_path)
    assert code == 1 and "metrics.csv: no such file" in err
