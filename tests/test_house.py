"""The rules of the house, read from the source: floors, names, one test file per layer, file lengths."""

import ast
import statistics
from pathlib import Path

import pytest

from pycaffe_geo.layer import layer_types

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "pycaffe_geo"
FILES = sorted(PACKAGE.rglob("*.py"))
LAYER_FILES = [f for f in sorted((PACKAGE / "layers").glob("*.py")) if f.name != "__init__.py"]
FREE_DATA_NAMES = ("Data", "Input", "Parameter")
# Each floor from left to right; a module imports from lower floors, from its left on its own floor, or inside its own package.
FLOORS = [
    ["errors", "cublas", "recordable", "backend", "cache_folder", "atomic"],
    ["blob", "fillers", "geometry", "wire"],
    ["ops", "metrics", "caffemodel", "datasets", "plots", "weights"],
    ["layer", "spec", "families"],
    ["layers"],
    ["net_parameters", "net_plan", "net_half", "net_memory", "net", "gradient_probe", "gradient_check", "gradient_check_net"],
    ["solvers"],
    ["commands", "caffe", "cli"],
]
HEIGHT = {name: (floor, place) for floor, names in enumerate(FLOORS) for place, name in enumerate(names)}


def part(module):
    """"pycaffe_geo.ops.warping" -> "ops"; the package itself -> ""."""
    return (module.split(".") + [""])[1]


def module_of(path):
    names = ("pycaffe_geo", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def imports(path):
    """Yield (line, module) of every import statement of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            names = [f"pycaffe_geo.{a.name}" for a in node.names] if node.module == "pycaffe_geo" else [node.module]
            yield from ((node.lineno, name) for name in names)


def layer_classes():
    return sorted({c for c in layer_types().values() if c.__module__.startswith("pycaffe_geo.layers.")}, key=lambda c: c.__name__)


def test_every_part_has_a_floor():
    parts = {part(module_of(f)) for f in FILES} - {"", "__main__"}
    assert parts <= set(HEIGHT), f"give these a floor in {__file__}: {sorted(parts - set(HEIGHT))}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_come_from_below(path):
    own = part(module_of(path))
    for line, module in imports(path):
        other = part(module)
        if not module.startswith("pycaffe_geo.") or own in ("", "__main__", other) or other not in HEIGHT:
            continue
        assert HEIGHT[other] < HEIGHT[own], f"{path}:{line}: {own} must not import {other}: not on a lower floor, nor to its left"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_backend_imports_cupy(path):
    if path.name != "backend.py":
        assert not [line for line, module in imports(path) if module.partition(".")[0] in ("cupy", "cupyx")]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_file_length(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_median_layer_file_is_short():
    assert statistics.median(len(f.read_text(encoding="utf-8").splitlines()) for f in LAYER_FILES) < 90


@pytest.mark.parametrize("cls", layer_classes(), ids=lambda c: c.__name__)
def test_file_name_is_type_name(cls):
    stem = cls.__module__.rpartition(".")[2]
    assert stem.replace("_", "") == cls.__name__.lower()
    assert cls.is_loss == stem.endswith("_loss")
    if cls.is_data and cls.__name__ not in FREE_DATA_NAMES:
        assert stem.endswith("_data")


@pytest.mark.parametrize("path", LAYER_FILES, ids=lambda p: p.stem)
def test_layer_file_holds_one_layer_and_has_a_test_file(path):
    classes = [c for c in layer_classes() if c.__module__ == module_of(path)]
    assert len(classes) == 1
    assert (TESTS / "layers" / f"test_{path.stem}.py").exists()
