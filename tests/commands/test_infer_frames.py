"""infer on pictures without ground truth: single ones, stereo pairs, folders and files of frames; oracles are closed forms."""

import json

import numpy as np
import pytest

from pycaffe_geo.commands._infer.results import gather_motions
from pycaffe_geo.datasets.images import read_color, read_depth
from pycaffe_geo.datasets.pairs import write_pairs
from pycaffe_geo.datasets.trajectory import read_kitti, read_tum_trajectory
from pycaffe_geo.geometry import so3

# depth = exp(0.004 (B + G + R) / 3): the data layer's file is missing, DepthError reads what needs the truth's size.
DEPTH = """
name: depth
layers:
- {name: frames, type: FrameData, top: [image, truth], frame_data_param: {source: missing.h5, items: [color, depth]}}
- {name: log_depth, type: Convolution, bottom: image,
   convolution_param: {num_output: 1, kernel_size: 1, weight_filler: {value: 0.00133333}}}
- {name: eigen, type: EigenLoss, bottom: [log_depth, truth], eigen_loss_param: {input: log}}
- {name: depth, type: Exp, bottom: log_depth}
- {name: full, type: Resize, bottom: [depth, truth]}
- {name: errors, type: DepthError, bottom: [full, truth], top: [abs_rel, rmse, a1]}
"""

# depth = 0.01 (B + G + R), and twists of six equal numbers: 2e-4 times the sum of the mean colours of a source, less that of tgt.
SNIPPETS = """
name: snippets
layers:
- {name: frames, type: FrameData, top: [prev, tgt, next, intrinsics, truth, prev_pose, next_pose],
   frame_data_param: {source: missing.h5, offsets: [-2, 0, 2], items: [color, intrinsics, depth, pose]}}
- {name: depth, type: Convolution, bottom: tgt, convolution_param: {num_output: 1, kernel_size: 1, weight_filler: {value: 0.01}}}
- {name: sources, type: Concat, bottom: [prev, next], concat_param: {axis: 0}}
- {name: targets, type: Concat, bottom: [tgt, tgt], concat_param: {axis: 0}}
- {name: change, type: Eltwise, bottom: [sources, targets], eltwise_param: {coeff: [1, -1]}}
- {name: mean, type: Pooling, bottom: change, pooling_param: {pool: AVE, global_pooling: true}}
- {name: twist, type: InnerProduct, bottom: mean, inner_product_param: {num_output: 6, weight_filler: {value: 2e-4}}}
- {name: T, type: SE3Generator, bottom: twist, se3_generator_param: {translation: direct}}
- {name: depths, type: Concat, bottom: [depth, depth], concat_param: {axis: 0}}
- {name: K, type: Concat, bottom: [intrinsics, intrinsics], concat_param: {axis: 0}}
- {name: points, type: Transform3DGrid, bottom: [depths, T, K]}
- {name: projection, type: PinholeProjection, bottom: [points, K], top: [flow, coords, seen]}
- {name: warped, type: InverseWarping, bottom: [sources, coords]}
- {name: photometric, type: AbsLoss, bottom: [warped, targets]}
- {name: errors, type: DepthError, bottom: [depth, truth], top: [abs_rel, rmse, a1]}
"""

# disparity = 0.02 (B + G + R); the left picture is tgt.
STEREO = """
name: stereo
layers:
- {name: pairs, type: Input, top: [left, right], input_param: {shape: {dim: [4, 3, 6, 8]}}}
- {name: disparity, type: Convolution, bottom: left,
   convolution_param: {num_output: 1, kernel_size: 1, weight_filler: {value: 0.02}}}
- {name: coords, type: Disparity1D, bottom: disparity, disparity_1d_param: {sign: -1}}
- {name: warped, type: InverseWarping, bottom: [right, coords]}
- {name: loss, type: AbsLoss, bottom: [warped, left]}
"""

CAMERA = np.array([20.0, 24.0, 7.5, 5.5])
CAMERA_WORD = "20,24,7.5,5.5"
F, H, W = 6, 12, 16


@pytest.fixture
def pictures():
    return np.random.default_rng(1).integers(20, 235, (F, H, W, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path, pictures):
    """F pictures of W x H whose order is that of the numbers in their names: 8, 9, 10 .. 13."""
    from PIL import Image

    (tmp_path / "frames").mkdir()
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / "frames" / f"{8 + i}.png")
    return tmp_path / "frames"


@pytest.fixture
def net(tmp_path):
    def write(text):
        (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
        return tmp_path / "own.yaml"

    return write


def total(picture):
    return picture.astype(float).sum(axis=-1)


def points_of(path):
    """Return the points (n, 3) and colours (n, 3) of a PLY file of our layout."""
    header, _, body = path.read_bytes().partition(b"end_header\n")
    rows = np.frombuffer(body, np.dtype([("xyz", "<f4", 3), ("rgb", "u1", 3)]))
    assert f"element vertex {len(rows)}\n".encode() in header
    return rows["xyz"], rows["rgb"]


def test_depth_of_one_picture(tool, net, folder, pictures, tmp_path, is_picture):
    words = ["--net", net(DEPTH), "--image", folder / "8.png", "--out", tmp_path / "out"]
    code, _, err = tool("infer", *words)
    assert code == 1 and "missing.h5" in err and "give --size WIDTHxHEIGHT" in err
    code, out, err = tool("infer", *words, "--size", f"{W}x{H}", "--intrinsics", CAMERA_WORD, "--ply")
    assert code == 0, err
    wanted = np.exp(0.00133333 * total(pictures[0]))
    assert f"{wanted.min():.4g} to {wanted.max():.4g}" in out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"depth.png", "depth_color.png", "points.ply"}
    np.testing.assert_allclose(read_depth(tmp_path / "out" / "depth.png", 1000), wanted, atol=0.0006)
    assert is_picture(tmp_path / "out" / "depth_color.png", least=H)
    points, colors = points_of(tmp_path / "out" / "points.ply")
    v, u = np.mgrid[:H, :W]
    fx, fy, cx, cy = CAMERA
    unprojected = np.stack([(u - cx) / fx * wanted, (v - cy) / fy * wanted, wanted], axis=-1)
    np.testing.assert_allclose(points, unprojected.reshape(-1, 3), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(colors, pictures[0].reshape(-1, 3))


def test_results_are_at_the_nets_size_or_the_pictures(tool, net, folder, tmp_path, caplog):
    words = ["--net", net(DEPTH), "--image", folder / "8.png", "--size", f"{W // 2}x{H // 2}", "--fov", "40", "--ply"]
    for more, size in (([], (H // 2, W // 2)), (["--full-size"], (H, W))):
        code, _, err = tool("infer", *words, *more, "--out", tmp_path / "out", "--depth-scale", "40000")
        assert code == 0 and "beyond 1.638" in err + caplog.text
        assert read_depth(tmp_path / "out" / "depth.png", 1).shape == size
        assert read_color(tmp_path / "out" / "depth_color.png").shape == (*size, 3)
        points = points_of(tmp_path / "out" / "points.ply")[0]
        assert len(points) == size[0] * size[1]
        edge = (points[0, 0] / points[0, 2]) * size[1] / (size[1] - 1)  # of pixel -0.5
        np.testing.assert_allclose(edge, -np.tan(np.radians(20)), rtol=1e-4)


def test_a_disparity_is_depth_by_the_baseline(tool, net, folder, pictures, tmp_path, is_picture, caplog):
    words = ["--net", net(STEREO), "--src", folder / "9.png", "--tgt", folder / "8.png", "--out", tmp_path / "out"]
    disparity = 0.02 * total(pictures[0].reshape(H // 2, 2, W // 2, 2, 3).mean(axis=(1, 3)).round())
    code, out, err = tool("infer", *words, "--intrinsics", CAMERA_WORD, "--baseline", "0.5")
    assert code == 0 and "unknown scale" not in out, err
    np.testing.assert_allclose(read_depth(tmp_path / "out" / "depth.png", 1000), 10 * 0.5 / disparity, atol=0.0006)
    assert is_picture(tmp_path / "out" / "panel.png")
    words = [*words[:2], "--image", folder / "8.png", "--out", tmp_path / "out"]
    code, out, _ = tool("infer", *words, "--disparity-blob", "disparity")
    assert "16 bits hold depth in steps of 0.001 by --depth-scale 1000, and its median is 0.1" in caplog.text
    assert code == 0 and "unknown scale" in out and "not made: warp ('warped') needs the right picture as --src" in out
    np.testing.assert_allclose(read_depth(tmp_path / "out" / "depth.png", 1000), 1 / disparity, atol=0.0006)


def trajectory(pictures):
    """Return the camera-to-world poses of SNIPPETS: products of inv(P_i) P_(i+1) = T_i_(i+1), each of six equal numbers."""
    means = total(pictures).mean(axis=(1, 2))
    poses = [np.eye(4)]
    for i in range(len(pictures) - 1):
        last = i == len(pictures) - 2 and len(pictures) > 2  # the last frame has no neighbour behind it: T_(i+1)_i is inverted
        motion = np.eye(4)
        number = 2e-4 * ((means[i + 1] - means[i]) if last else (means[i] - means[i + 1]))
        motion[:3, :3], motion[:3, 3] = so3.exp(np.full((1, 3), number))[0], number
        poses.append(poses[-1] @ (np.linalg.inv(motion) if last else motion))
    return np.array(poses)


@pytest.mark.parametrize("step", [1, 2])
def test_a_folder_gives_depth_and_a_trajectory_that_the_tools_read(tool, net, folder, pictures, tmp_path, is_picture, step):
    out = tmp_path / "out"
    code, text, err = tool("infer", "--net", net(SNIPPETS), "--folder", folder, "--size", f"{W}x{H}", "--intrinsics", CAMERA_WORD,
                           "--step", step, "--out", out)
    assert code == 0, err
    taken = pictures[::step]
    names = [f"{8 + i}" for i in range(0, F, step)]
    assert sorted(path.stem for path in (out / "depth").iterdir()) == sorted(names)
    assert sorted(path.stem for path in (out / "panel").iterdir()) == sorted(names[1:-1])  # those with both neighbours
    panel = read_color(out / "panel" / f"{names[1]}.png")  # for each source: src, tgt and warped
    np.testing.assert_array_equal(panel[:, :2 * W], np.vstack([np.hstack([taken[k], taken[1]]) for k in (0, 2)]))
    (tmp_path / "truth").mkdir()
    for name, picture in zip(names, taken):
        np.save(tmp_path / "truth" / f"{name}.npy", 0.01 * total(picture))
    words = ["--pred", out / "depth", "--gt", tmp_path / "truth", "--json", tmp_path / "depth.json"]
    assert tool("eval_depth", *words)[0] == 0
    assert json.loads((tmp_path / "depth.json").read_text())["errors"]["abs_rel"] < 1e-3

    wanted = trajectory(taken)
    np.testing.assert_allclose(read_kitti(out / "trajectory_kitti.txt"), wanted, atol=1e-5)
    times, poses = read_tum_trajectory(out / "trajectory_tum.txt")
    assert list(times) == [float(name) for name in names]
    np.testing.assert_allclose(poses, wanted, atol=1e-5)
    words = ["--gt", out / "trajectory_tum.txt", "--est", out / "trajectory_tum.txt", "--format", "tum"]
    assert tool("eval_odometry", *words)[0] == 0


@pytest.mark.parametrize("offsets", [(-1,), (1,), (-1, 1), (-2, -1, 1, 2)])
def test_motions_between_neighbours_are_those_of_any_snippets(offsets):
    rng = np.random.default_rng(4)
    camera_to_world = np.tile(np.eye(4), (7, 1, 1))
    camera_to_world[:, :3, :3], camera_to_world[:, :3, 3] = so3.exp(rng.normal(size=(7, 3))), rng.normal(size=(7, 3))
    motions = {}
    for t in range(max(0, -min(offsets)), 7 - max(0, max(offsets))):
        gather_motions(motions, t, offsets, [np.linalg.inv(camera_to_world[t + o]) @ camera_to_world[t] for o in offsets])
    assert sorted(motions) == list(range(6))
    for i, motion in motions.items():
        np.testing.assert_allclose(motion, np.linalg.inv(camera_to_world[i]) @ camera_to_world[i + 1], atol=1e-12)


def test_a_pose_net_needs_depth_for_its_warps_alone(tool, pose_net, folder, tmp_path):
    words = ["--src", folder / "8.png", "--tgt", folder / "9.png", "--out", tmp_path / "out"]
    code, out, err = tool("infer", "--net", pose_net, *words)
    assert code == 0 and "not made: warp ('warped') needs --depth and --intrinsics or --fov" in out, err
    pose = json.loads((tmp_path / "out" / "pose.json").read_text(encoding="utf-8"))["T_src_tgt"]
    code, out, err = tool("infer", "--net", pose_net, "--folder", folder, "--out", tmp_path / "out")
    assert code == 0, err
    np.testing.assert_allclose(read_kitti(tmp_path / "out" / "trajectory_kitti.txt")[1], pose, rtol=1e-6, atol=1e-12)


def test_a_file_of_frames(tool, net, pictures, tmp_path):
    sequence = np.array([0, 0, 0, 1, 1, 1])
    depth = 0.01 * total(pictures)
    write_pairs(tmp_path / "own.h5", pictures, np.tile(CAMERA, (F, 1)), depth=depth, sequence=sequence)
    words = ["--net", net(SNIPPETS), "--size", f"{W}x{H}", "--folder", tmp_path / "own.h5", "--out", tmp_path / "out"]
    code, out, err = tool("infer", *words, "--ply")
    assert code == 0 and "no trajectory: the motions between 4 of 5 neighbours are known" in out, err
    assert {path.name for path in (tmp_path / "out" / "panel").iterdir()} == {"000001.png", "000004.png"}
    assert len(list((tmp_path / "out" / "points").iterdir())) == F
    words = ["--pred", tmp_path / "out" / "depth", "--gt", f"{tmp_path / 'own.h5'}:depth", "--json", tmp_path / "depth.json"]
    assert tool("eval_depth", *words)[0] == 0
    assert json.loads((tmp_path / "depth.json").read_text())["errors"]["abs_rel"] < 1e-3


def test_mistakes(tool, net, small_net, folder, tmp_path):
    image, size = ("--image", folder / "8.png"), ("--size", f"{W}x{H}")
    snippets = ("--net", net(SNIPPETS), *size)

    def error(*words):
        code, _, err = tool("infer", *words)
        assert code == 1, err
        return err

    assert "got --image, --folder, expected either --image FILE" in error(*snippets, *image, "--folder", folder)
    assert "got --tgt, expected either" in error(*snippets, "--tgt", folder / "8.png")
    assert "--folder needs --out" in error(*snippets, "--folder", folder)
    assert "--ply needs the camera" in error(*snippets, *image, "--ply")
    assert "no blob 'dept', did you mean 'dep" in error(*snippets, *image, "--depth-blob", "dept")
    assert "motion ('T') needs --src and --tgt, or --folder" in error(*snippets, *image, "--pose-blob", "T")
    assert "'truth' is not computed from the picture" in error(*snippets, *image, "--depth-blob", "truth")
    pair = ("--src", image[1], "--tgt", image[1])
    assert "blob 'mean' is (2, 3, 1, 1), expected a map" in error(*snippets, *pair, "--depth-blob", "mean")
    assert "makes nothing of what is given: it has no SE3Generator layer" in error("--net", small_net, *image)
