"""Where files are kept that can be made again: rendered worlds, compiled kernels."""

import os
import sys
from pathlib import Path


def cache_folder():
    """Return $PYCAFFE_GEO_CACHE, else the platform's own cache folder / pycaffe_geo (not created)."""
    chosen = os.environ.get("PYCAFFE_GEO_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "pycaffe_geo"
