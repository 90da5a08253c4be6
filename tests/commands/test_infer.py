import json

import numpy as np
import pytest

from pycaffe_geo.geometry.camera import scale_intrinsics
from pycaffe_geo.net import Net

CAMERA = (24.0, 24.0, 15.5, 11.5)


@pytest.fixture
def files(tmp_path):
    """Two pictures of 32 x 24 pixels and a depth picture; the options that name them."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for name in ("src", "tgt"):
        Image.fromarray(rng.integers(0, 255, (24, 32, 3), np.uint8)).save(tmp_path / f"{name}.png")
    Image.fromarray(np.full((24, 32), 2500, np.uint16)).save(tmp_path / "depth.png")
    words = [word for name in ("src", "tgt", "depth") for word in (f"--{name}", tmp_path / f"{name}.png")]
    return [*words, "--intrinsics", ",".join(map(str, CAMERA))]


def test_prints_the_pose_and_draws_the_warp(tool, pose_net, files, tmp_path, is_picture):
    code, out, _ = tool("infer", "--net", pose_net, *files, "--out", tmp_path / "out")
    assert code == 0
    pose = np.array(json.loads((tmp_path / "out" / "pose.json").read_text(encoding="utf-8"))["T_src_tgt"])
    np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-6)
    assert "rotation " in out and " degrees" in out and f"{pose[0, 3]:9.5f}" in out
    assert is_picture(tmp_path / "out" / "panel.png")


def test_the_net_sees_bgr_at_its_size_with_scaled_intrinsics(tool, pose_net, files, tmp_path, monkeypatch):
    from PIL import Image

    seen = {}
    forward = Net.forward_layer

    def look(self, i):
        seen.update({name: blob.data.copy() for name, blob in self.blobs.items()})
        forward(self, i)

    monkeypatch.setattr(Net, "forward_layer", look)
    assert tool("infer", "--net", pose_net, *files)[0] == 0
    picture = np.asarray(Image.open(tmp_path / "src.png")).astype(float)
    mean = picture.reshape(12, 2, 16, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(seen["src"][0], mean[:, :, ::-1].transpose(2, 0, 1), atol=0.51)
    np.testing.assert_allclose(seen["depth"], 2.5)
    np.testing.assert_allclose(seen["intrinsics"].reshape(1, 4), scale_intrinsics(np.array([CAMERA]), 0.5, 0.5))


def test_depth_in_metres_gives_the_same(tool, pose_net, files, tmp_path):
    np.save(tmp_path / "depth.npy", np.full((24, 32), 2.5))
    by_picture = tool("infer", "--net", pose_net, *files)[1]
    np.savez(tmp_path / "depth.npz", np.load(tmp_path / "depth.npy"))
    for name in ("depth.npy", "depth.npz"):
        assert tool("infer", "--net", pose_net, *files, "--depth", tmp_path / name)[1] == by_picture


def test_mistakes(tool, pose_net, small_net, files, tmp_path):
    np.save(tmp_path / "small.npy", np.ones((3, 4)))
    code, _, err = tool("infer", "--net", pose_net, *files, "--depth", tmp_path / "small.npy")
    assert code == 1 and "--depth is 4 x 3 pixels, expected 32 x 24" in err
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    code, _, err = tool("infer", "--net", pose_net, *files, "--depth", tmp_path / "objects.npy")
    assert code == 1 and "objects.npy: cannot be read" in err
    code, _, err = tool("infer", "--net", small_net, *files)
    assert code == 1 and "no SE3Generator layer" in err
    code, _, err = tool("infer", "--net", pose_net, *files, "--src", tmp_path / "none.png")
    assert code == 1 and "none.png" in err
