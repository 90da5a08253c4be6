import csv

import numpy as np

from pycaffe_geo.weights import read_weights
from solver_files import write_pose


def test_writes_a_run_and_says_where(tool, solver):
    code, out, err = tool("train", "--solver", solver, "--out", "runs/a", "--set", "base_lr=0.02")
    assert code == 0, err
    assert "finished at iteration 6, loss " in out and "runs/a" in out
    assert "iteration 4: lr 0.02" in err
    rows = list(csv.DictReader(open("runs/a/metrics.csv", encoding="utf-8")))
    assert [row["iteration"] for row in rows] == ["0", "2", "4", "6"] and all(float(row["lr"]) == 0.02 for row in rows)


def test_resume_gives_the_same_weights_as_one_run(tool, solver):
    tool("train", "--solver", solver, "--out", "runs/whole")
    tool("train", "--solver", solver, "--out", "runs/parts", "--iterations", "3")
    code, _, err = tool("train", "--solver", solver, "--out", "runs/parts", "--resume", "latest")
    assert code == 0 and "resumed at iteration 3" in err
    whole, parts = (read_weights(f"runs/{name}/net_iter_6.caffemodel.h5") for name in ("whole", "parts"))
    for a, b in zip(whole["fc"], parts["fc"]):
        np.testing.assert_array_equal(a, b)


def test_weights_are_where_it_starts_and_a_test_is_shown(tool, solver):
    tool("train", "--solver", solver, "--out", "runs/a")
    words = ["--set", "test_iter=2", "--set", "test_interval=3", "--seed", "5", "--iterations", "3"]
    code, out, err = tool("train", "--solver", solver, "--out", "runs/b", "--weights", "runs/a/net_iter_6.caffemodel.h5", *words)
    assert code == 0 and "loaded 1 layer(s): 'fc'" in err
    assert "TEST: before (iteration 0) and after training (iteration 3)" in out and "loss" in out
    assert "random_seed: 5" in open("runs/b/solver.yaml", encoding="utf-8").read()


def test_a_pose_net_ends_with_its_errors_and_a_picture_of_its_warps(tool, tmp_path, is_picture):
    solver = write_pose(tmp_path)
    with open(tmp_path / "net.yaml", "a", encoding="utf-8") as net:
        net.write("- {name: errors, type: PoseError, bottom: [T, pose], include: {phase: TEST}}\n")
    words = ["--set", "test_interval=2", "--iterations", "2", "--out", tmp_path / "p"]
    code, out, err = tool("train", "--solver", solver, *words)
    assert code == 0, err
    for text in ("mean errors of 8 motions", "prediction / better baseline", "before (iteration 0) and after training (itera"):
        assert text in out
    assert is_picture(tmp_path / "p" / "warps.png")


def test_set_changes_the_solver_and_its_network(tool, solver):
    words = ["--set", "max_iter=2", "--set", "fc.inner_product_param.bias_term=false", "--set", "train_state.level=1"]
    code, _, err = tool("train", "--solver", solver, "--out", "runs/d", *words)
    assert code == 0, err
    assert len(read_weights("runs/d/net_iter_2.caffemodel.h5")["fc"]) == 1
    assert "bias_term: false" in open("runs/d/net.yaml", encoding="utf-8").read()
    code, _, err = tool("train", "--solver", solver, "--set", "fx.inner_product_param.bias_term=false")
    assert code == 1 and "no layer 'fx', did you mean 'fc'" in err


def test_mistakes(tool, solver):
    code, _, err = tool("train", "--solver", solver, "--set", "base_rl=1")
    assert code == 1 and "did you mean 'base_lr'?" in err
    code, _, err = tool("train", "--solver", solver, "--resume", "latest", "--weights", "w.h5")
    assert code == 1 and "--resume and --weights" in err


def test_numbers_that_are_not_finite_end_in_2(tool, solver):
    code, _, err = tool("train", "--solver", solver, "--set", "base_lr=1e30", "--out", "runs/c")
    assert code == 2
    assert "iteration" in err and "Traceback" not in err
