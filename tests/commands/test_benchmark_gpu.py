"""The benchmark on a GPU, as far as it can be tried without one: contenders, what they count, and the page."""

import numpy as np
import pytest

from pycaffe_geo.commands import benchmark
from pycaffe_geo.commands._benchmark import gpu, gpu_contenders, works

NET = """
name: tiny
layers:
- {name: image, type: Input, input_param: {shape: {dim: [2, 3, 6, 8]}}}
- {name: conv, type: Convolution, bottom: image, convolution_param: {num_output: 4, kernel_size: 3, weight_filler: xavier}}
- {name: relu, type: ReLU, bottom: conv, top: conv}
- {name: loss, type: Reduction, bottom: conv, reduction_param: {operation: MEAN}, loss_weight: 1}
"""
TINY = works.Work("tiny", "tiny", NET, phases=("forward", "step"))
TINY_CHAIN = works.Work("chain", "tiny", NET, phases=("forward+backward",))


@pytest.fixture
def held(emulated_gpu, monkeypatch):
    monkeypatch.setattr(type(emulated_gpu), "held_bytes", lambda self: 3 << 20)
    monkeypatch.setattr(gpu_contenders, "ROUNDS", 2)
    monkeypatch.setattr(gpu_contenders, "COPIED", 1 << 12)
    return emulated_gpu


@pytest.mark.parametrize("work", [TINY, TINY_CHAIN])
def test_ours(work, held, tmp_path):
    one = gpu_contenders.OurGpuNet(work, held)
    one.save(tmp_path / "data.npz")
    assert one.variants == ("plain", "captured") and np.load(tmp_path / "data.npz")["input:image"].shape == (2, 3, 6, 8)
    losses = one.losses(5)
    assert len(losses) == 5 and len(set(losses)) == (5 if work is TINY else 1)
    for variant in one.variants:
        assert one.iterate(variant)[work.phases[-1]] > 0
    assert one.memory() == 3 and one.copy_bandwidth() > 0
    again = gpu_contenders.OurGpuNet(work, held)
    plain = []
    for _ in range(5):
        plain.append(again.loss())
        again.step("plain")
    assert plain == losses


def test_bytes_moved(held):
    image, conv, loss = 2 * 3 * 6 * 8, 2 * 4 * 4 * 6, 1
    forward = image + conv + 2 * conv + conv + loss  # convolution, ReLU in place, Reduction
    backward = (conv + image) + (conv + conv + conv) + (loss + conv + conv)  # diffs of tops, data that are read, diffs of bottoms
    found = gpu_contenders.OurGpuNet(TINY, held).bytes_moved()
    assert found == 4 * (forward + backward)


@pytest.mark.parametrize("kind", ["torch nchw", "torch channels_last compiled"])
def test_torch(kind, held, tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: compiled.append(self))
    ours = gpu_contenders.OurGpuNet(TINY, held)
    ours.save(tmp_path / "data.npz")
    theirs = gpu_contenders.torch_contender(TINY, kind, tmp_path / "data.npz")
    assert len(compiled) == kind.endswith("compiled") and theirs.variants == ("fused", "foreach")
    np.testing.assert_allclose(theirs.losses(4), ours.losses(4), rtol=1e-4)
    assert list(theirs.iterate("fused")) == ["step"]


def test_the_best_of_torch_counts():
    times = {("ours", "plain"): 8.0, ("ours", "captured"): 4.0, ("torch nchw", "fused"): 12.0, ("torch nchw", "foreach"): 10.0,
             ("torch channels_last", "fused"): 11.0, ("torch nchw compiled", "fused"): 6.0}
    row = gpu.summary(times, {"ours": 5.0, "torch nchw": 9.0, "torch channels_last": 7.0})
    assert row == {"plain_ms": 8, "captured_ms": 4, "ours_mib": 5, "to_plain": 2, "eager_ms": 10, "to_eager": 2.5,
                   "compiled_ms": 6, "to_compiled": 1.5, "torch_mib": 7}
    assert "eager_ms" not in gpu.summary({("ours", "plain"): 8.0, ("ours", "captured"): 4.0}, {"ours": 5.0})


def test_the_works_are_those_of_both_batches():
    assert [w.name for w in works.gpu_works()] == ["geometry_small", "geometry_large"] + [
        f"{net}_b{batch}" for batch in (4, 32) for net in ("dispnet", "resnet50_1by2", "early_fusion")]
    for work in works.gpu_works():
        assert works.definition(work).layers


def test_without_a_gpu_the_page_says_so(tool, tmp_path, monkeypatch):
    from pycaffe_geo import backend
    from pycaffe_geo.errors import DeviceError

    def none():
        raise DeviceError("no GPU can be used: CuPy is not installed")

    monkeypatch.setattr(backend, "gpu_report", none)
    code, out, _ = tool("benchmark", "--gpu", "0", "--out", tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert code == 0 and text in out and "Not measured: no GPU can be used: CuPy is not installed" in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 10 and rows[2].startswith("| geometry_small, forward+backward | not measured |")


def test_the_page_of_what_was_measured(tool, tmp_path, monkeypatch, is_picture):
    from pycaffe_geo import backend

    row = {"plain_ms": 2.0, "captured_ms": 1.0, "to_plain": 2.0, "ours_mib": 812.4, "loss_gap": 1.5e-6, "bandwidth": 71.0}

    def measure(work, index, repeats, with_torch, progress):
        return {"work": work.name, **row}, {"ours": [2.0, 1.0], "torch nchw": [2.0, 1.1]}

    monkeypatch.setattr(backend, "gpu_report", lambda: ("CuPy 14.2.0", [{"name": "Fast GPU"}]))
    monkeypatch.setattr(gpu, "measure", measure)
    code, out, _ = tool("benchmark", "--gpu", "0", "--repeats", "3", "--out", tmp_path / "page.md")
    assert code == 0 and "Fast GPU; CuPy 14.2.0" in out and "medians of 3" in out and is_picture(tmp_path / "page.png")
    assert "| dispnet_b32 | 2.00 | 1.00 | not measured | not measured |" in out and " 812 |" in out and " 1.5e-06 |" in out
    assert "Measured on 20" in out and benchmark.EXAMPLE.strip().splitlines()[-1] in out


@pytest.mark.parametrize("with_torch", [True, False])
def test_how_a_work_is_measured(with_torch, monkeypatch):
    asked, closed = [], []

    class Answers:
        """Stands for a worker process."""

        def __init__(self, kind, work, threads, clock, data, index):
            assert index == 2 and clock == "wall"
            self.kind, self.variants = kind, ["plain", "captured"] if kind == "ours" else ["fused", "foreach"]

        def ask(self, what, argument=""):
            asked.append((self.kind, what, argument))
            speed = {"ours": 1.0, "torch nchw": 5.0, "torch channels_last": 6.0}.get(self.kind, 3.0)
            lost = 4.0 - 0.4 * (self.kind == "torch channels_last")
            return {"save": None, "loss": 4.0, "losses": [lost] * 3, "memory": 100 * speed, "bytes": 3e9, "bandwidth": 4e12,
                    "iterate": {"step": speed + (argument == "plain")}}[what]

        def close(self):
            closed.append(self.kind)

    monkeypatch.setattr(gpu, "Contender", Answers)
    work = works.Work("chain", "geometry", phases=("step",))
    row, losses = gpu.measure(work, 2, 3, with_torch, range)
    assert row["plain_ms"] == 2 and row["captured_ms"] == 1 and row["gb"] == 3 and row["bandwidth"] == pytest.approx(75)
    assert row["work"] == "chain, step" and row["ours_mib"] == 100
    layouts = ("torch nchw", "torch channels_last") * with_torch
    kinds = ["ours"] + [f"{layout}{mode}" for layout in layouts for mode in ("", " compiled")]
    assert list(losses) == kinds == closed
    assert asked[0] == ("ours", "save", "")
    assert asked.index(("ours", "memory", "")) < asked.index(("ours", "iterate", "plain"))
    if with_torch:
        assert (row["to_eager"], row["to_compiled"], row["torch_mib"]) == (5, 3, 300)
        assert row["loss_gap"] == 0 and row["torch_gap"] == pytest.approx(0.1)
