"""Kernels compiled by numba; ops.engines.fast loads them where they may be used."""

import os
import sys

_threads = os.environ.get("OMP_NUM_THREADS", "")
if "numba" not in sys.modules and _threads.isdigit() and int(_threads):  # numba reads only its own variable, when it is imported
    os.environ.setdefault("NUMBA_NUM_THREADS", _threads)
