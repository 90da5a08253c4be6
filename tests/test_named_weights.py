"""The snapshots that help texts, solvers and the README name are those that the solvers of this project write."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
SNAPSHOT = re.compile(r"runs/(\w+)/net_iter_(\d+)")


def places():
    """Yield (text file, solver file, iteration) of every snapshot that is named."""
    folders = ("docs", "solvers", "prototxt", "pycaffe_geo/commands")
    texts = [p for folder in folders for p in (ROOT / folder).rglob("*") if p.suffix in (".md", ".py", ".yaml")]
    for path in [ROOT / "README.md", *texts]:
        for name, iteration in SNAPSHOT.findall(path.read_text(encoding="utf-8")):
            yield path.relative_to(ROOT), ROOT / "solvers" / f"{name}.yaml", int(iteration)


def test_named_snapshots_are_written():
    wrong, seen = [], 0
    for place, path, iteration in places():
        if path.is_file():
            seen += 1
            solver = yaml.safe_load(path.read_text(encoding="utf-8"))
            if iteration != solver["max_iter"] and (iteration > solver["max_iter"] or iteration % solver["snapshot"]):
                wrong.append(f"{place}: {path.stem}/net_iter_{iteration}, but max_iter is {solver['max_iter']}")
    assert seen > 3 and not wrong, wrong
