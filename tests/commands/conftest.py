import numpy as np
import pytest

from pycaffe_geo.cli import main

SMALL = """
name: small
layers:
- name: data
  type: DummyData
  top: [x, y]
  dummy_data_param: {shape: [{dim: [4, 3]}, {dim: [4, 2]}], data_filler: [uniform, gaussian]}
- {name: fc, type: InnerProduct, bottom: x, inner_product_param: {num_output: 2, weight_filler: xavier}}
- {name: relu, type: ReLU, bottom: fc, top: fc}
- {name: copy, type: Power, bottom: fc, power_param: {scale: 2}, include: {phase: TEST}}
- {name: loss, type: EuclideanLoss, bottom: [fc, y], loss_weight: 0.5}
"""

POSE = """
name: pose
layers:
- name: pairs
  type: Input
  top: [src, tgt, depth, intrinsics, pose]
  input_param:
    shape: [{dim: [2, 3, 12, 16]}, {dim: [2, 3, 12, 16]}, {dim: [2, 1, 12, 16]}, {dim: [2, 4, 1, 1]}, {dim: [2, 1, 4, 4]}]
- {name: both, type: Concat, bottom: [src, tgt]}
- {name: twist, type: InnerProduct, bottom: both,
   inner_product_param: {num_output: 6, weight_filler: {type: gaussian, std: 1e-6}}}
- {name: T, type: SE3Generator, bottom: twist}
- {name: points, type: Transform3DGrid, bottom: [depth, T, intrinsics]}
- {name: projection, type: PinholeProjection, bottom: [points, intrinsics], top: [flow, coords, seen]}
- {name: warped, type: InverseWarping, bottom: [src, coords]}
- {name: photometric, type: AbsLoss, bottom: [warped, tgt, seen], loss_param: {normalization: VALID}}
- {name: errors, type: PoseError, bottom: [T, pose], top: [rotation_deg, translation_m, direction_deg], include: {phase: TEST}}
"""

SOLVER = "net: net.yaml\nbase_lr: 1e-2\nmax_iter: 6\ndisplay: 2\nrandom_seed: 3\nsnapshot_prefix: runs/net\n"


@pytest.fixture
def tool(capsys):
    """Run a command in this process: tool("test", "--net", path) -> (exit code, stdout, stderr)."""

    def run(*words):
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def small_net(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


@pytest.fixture
def pose_net(tmp_path):
    path = tmp_path / "pose.yaml"
    path.write_text(POSE, encoding="utf-8")
    return path


@pytest.fixture
def solver(tmp_path, small_net, monkeypatch):
    """A solver file for the small net; the current directory is its folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "solver.yaml"
    path.write_text(SOLVER, encoding="utf-8")
    return path


@pytest.fixture
def is_picture():
    """Say whether a file is a PNG that is not of one colour, of at least that many pixels a side."""

    def check(path, least=100):
        from PIL import Image

        with Image.open(path) as picture:
            return picture.format == "PNG" and min(picture.size) >= least and np.ptp(np.asarray(picture.convert("L"))) > 0

    return check
