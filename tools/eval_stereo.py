#!/usr/bin/env python3
"""The command `pycaffe-geo eval_stereo`, run from this checkout."""

import os
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # the checkout, not tools/ (it holds a time.py)

from pycaffe_geo.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(["eval_stereo", *sys.argv[1:]]))
