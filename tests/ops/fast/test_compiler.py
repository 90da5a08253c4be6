"""Where compiled kernels are kept, and that compiling is announced once."""

import subprocess
import sys

import pytest

pytest.importorskip("numba")
RUN = """
import logging, numpy as np
logging.basicConfig(level=logging.INFO)
from pycaffe_geo.ops.fast import update
a = [np.ones(3, "float32") for _ in range(3)]
update.sgd(*a[:2], a[2:], 0.0, 1.0, (0.5, 0.0))
update.nesterov(*a[:2], a[2:], 0.0, 1.0, (0.5, 0.0))
"""


def test_kernels_are_compiled_once_into_the_cache_folder_with_one_word(tmp_path, monkeypatch):
    monkeypatch.setenv("PYCAFFE_GEO_CACHE", str(tmp_path))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    first, second = (subprocess.run([sys.executable, "-c", RUN], check=True, capture_output=True, text=True) for _ in range(2))
    assert first.stderr.count("compiling kernels once") == 1
    assert second.stderr == ""
    assert list((tmp_path / "kernels").rglob("*.nbi"))


def test_omp_num_threads_bounds_the_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    code = "from pycaffe_geo.ops.fast import update; import numba; print(numba.get_num_threads())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "1\n"
