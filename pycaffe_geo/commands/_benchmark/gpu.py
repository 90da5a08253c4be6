"""The benchmark on a GPU: ours, plain and captured, beside torch eager and torch.compile; a page of Markdown."""

import datetime
import tempfile
from pathlib import Path
from statistics import median

from pycaffe_geo.commands._benchmark.contest import TORCH, Contender, check_losses
from pycaffe_geo.commands._benchmark.gpu_contenders import CAPTURED, PLAIN
from pycaffe_geo.commands._benchmark.works import gpu_works

COLUMNS = {
    "work": "work", "plain_ms": "ours, ms", "captured_ms": "captured, ms", "eager_ms": "torch eager, ms",
    "compiled_ms": "torch.compile, ms", "to_eager": "eager / captured", "to_compiled": "compile / captured",
    "to_plain": "ours / captured", "ours_mib": "ours, MiB", "torch_mib": "torch, MiB", "gb": "GB moved",
    "bandwidth": "% of copy", "loss_gap": "loss gap", "torch_gap": "torch's own gap",
}
COMPARED = 200  # iterations whose losses are laid over each other
COMMAND = "tools/benchmark.py --gpu 0 --out docs/gpu_results.md"
MISSING = "not measured"


def measure(work, index, repeats, with_torch, progress):
    """Return {column: value} of one work on CUDA device `index`, and {contender: its losses}. Losses must agree at the start."""
    contenders = {}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        kinds = ["ours"] + [f"{layout}{mode}" for layout in TORCH for mode in ("", " compiled")] * with_torch
        try:
            for kind in kinds:
                contenders[kind] = Contender(kind, work, 1, "wall", data, index)
                if kind == "ours":
                    contenders[kind].ask("save")
            check_losses(work, {kind: c.ask("loss") for kind, c in contenders.items()})
            losses = {kind: c.ask("losses", COMPARED) for kind, c in contenders.items()}
            row = {"work": f"{work.name}, {work.phases[-1]}", **_gaps(losses)}
            memory = {kind: c.ask("memory") for kind, c in contenders.items()}  # before the plain variant of ours runs
            times = _times(contenders, work.phases[-1], repeats, progress)
            if work.net == "geometry":
                row["gb"] = contenders["ours"].ask("bytes") / 1e9
                speed = row["gb"] * 1e12 / times["ours", CAPTURED]
                row["bandwidth"] = 100 * speed / contenders["ours"].ask("bandwidth")
        finally:
            for c in contenders.values():
                c.close()
    return {**row, **summary(times, memory)}, losses


def _times(contenders, phase, repeats, progress):
    runs = [(c, variant) for c in contenders.values() for variant in c.variants]
    for c, variant in runs:
        c.ask("iterate", variant)
    samples = {(c.kind, variant): [] for c, variant in runs}
    for _ in progress(repeats):
        for c, variant in runs:
            samples[c.kind, variant].append(c.ask("iterate", variant)[phase])
    return {run: median(taken) for run, taken in samples.items()}


def summary(times, memory):
    """Return the columns of times, ratios and memory. times: {(kind, variant): ms}; memory: {kind: MiB}; torch's best counts."""
    row = {"plain_ms": times["ours", PLAIN], "captured_ms": times["ours", CAPTURED], "ours_mib": memory["ours"]}
    row["to_plain"] = row["plain_ms"] / row["captured_ms"]
    for name, compiled in (("eager", False), ("compiled", True)):
        found = [ms for (kind, _), ms in times.items() if kind != "ours" and kind.endswith("compiled") == compiled]
        if found:
            row[f"{name}_ms"] = min(found)
            row[f"to_{name}"] = min(found) / row["captured_ms"]
    others = [mib for kind, mib in memory.items() if kind != "ours"]
    return {**row, "torch_mib": min(others)} if others else row


def _gaps(losses):
    """Return how far our losses, and torch's channels_last ones, are from torch's: the mean, relative to the largest."""
    gap = lambda a, b: sum(abs(x - y) for x, y in zip(a, b)) / len(a) / max(map(abs, b))
    if TORCH[0] not in losses:
        return {}
    return {"loss_gap": gap(losses["ours"], losses[TORCH[0]]), "torch_gap": gap(losses[TORCH[1]], losses[TORCH[0]])}


def page(rows, circumstances, reason=""):
    """Return the Markdown page: rows of `measure`; a value that is missing says so. reason: why nothing was measured."""
    today = datetime.datetime.now(datetime.timezone.utc).date()
    body = [list(COLUMNS.values()), ["---"] * len(COLUMNS)]
    body += [[_text(row.get(key)) for key in COLUMNS] for row in rows]
    told = [f"Not measured: {reason}" if reason else f"Measured on {today}.", f"Command: `{COMMAND}`"]
    return "\n".join([
        "# Speed on a GPU", "", *_paragraphs(told), *_paragraphs(circumstances),
        "Times are medians, of one whole iteration (forward, backward and, where the work says step, Adam). *ours* gives layer",
        "after layer to the device, *captured* repeats one recorded CUDA graph. PyTorch is the best of NCHW and channels_last,",
        "and of the fused and foreach Adam. Ratios above 1: ours, captured, is faster. MiB are what the allocators held.",
        "*GB moved* counts each blob once for every layer and direction that reads or writes it; *% of copy* is that over the",
        f"time, beside a copy of a large array. *loss gap* is the mean difference of {COMPARED} iterations' losses to torch's,",
        "beside the one between torch's own two layouts.", "",
        *("| " + " | ".join(line) + " |" for line in body), ""])


def unmeasured():
    """Return the rows of a page without values."""
    return [{"work": f"{work.name}, {work.phases[-1]}"} for work in gpu_works()]


def _paragraphs(lines):
    return [part for line in lines for part in (line, "")]


def _text(value):
    if value is None:
        return MISSING
    if isinstance(value, str):
        return value
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2g}" if abs(value) < 0.1 else f"{value:.2f}"
