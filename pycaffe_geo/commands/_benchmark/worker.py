"""One contender's process: reads requests from stdin, one a line, and answers each by one line of JSON on stdout."""

import glob
import json
import os
import sys
import time

from pycaffe_geo.commands._benchmark.works import Work
from pycaffe_geo.commands._common import peak_mib


def main(settings):
    """Serve requests until stdin ends: `variants`, `save`, `loss`, `iterate VARIANT`, `memory` (MiB at most), `base` (the same
    after imports) and `waited` (milliseconds so far in which threads were ready to run, but had no CPU); on a GPU also
    `losses COUNT`, `bytes` and `bandwidth` (see gpu_contenders.py)."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else prints must not mix with the answers
    work = Work(**settings["work"])
    if settings["clock"] == "cpu":
        from pycaffe_geo.commands._benchmark.ours import Clock

        Clock.now = staticmethod(time.process_time)
    if settings["gpu"] is not None:
        from pycaffe_geo.commands._benchmark.gpu_contenders import contender

        base = peak_mib()
        one = contender(work, settings["kind"], settings["gpu"], settings["data"])
    elif settings["kind"] == "ours":
        from pycaffe_geo.commands._benchmark.ours import contender

        base = peak_mib()
        one = contender(work)
    else:
        from pycaffe_geo.commands._benchmark.theirs import contender

        base = peak_mib()
        one = contender(work, settings["kind"].removeprefix("torch "), settings["threads"], settings["data"])
    serve = {
        "variants": lambda _: list(one.variants),
        "save": lambda _: one.save(settings["data"]),
        "loss": lambda _: one.loss(),
        "iterate": one.iterate,
        "memory": lambda _: one.memory() if settings["gpu"] is not None else peak_mib(),
        "losses": lambda count: one.losses(int(count)),
        "bytes": lambda _: one.bytes_moved(),
        "bandwidth": lambda _: one.copy_bandwidth(),
        "base": lambda _: base,
        "waited": lambda _: waited_ms(),
    }
    for line in sys.stdin:
        what, _, argument = line.rstrip("\n").partition(" ")
        answers.write(json.dumps(serve[what](argument)) + "\n")
        answers.flush()


def waited_ms():
    """Return the milliseconds that this process's threads, all together, were ready but had no CPU; NaN where it is not told."""
    total = float("nan")
    for path in glob.glob("/proc/self/task/*/schedstat"):
        with open(path, encoding="ascii") as file:
            total = (0 if total != total else total) + int(file.read().split()[1]) / 1e6
    return total


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
