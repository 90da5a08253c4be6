"""Measure speed and memory, beside PyTorch where it is installed.

Every contender is a process of its own; they are triggered in turn, and medians count. PyTorch runs the same network with
the same weights, as NCHW and as channels_last, with the fused and the foreach Adam: its best counts. Losses must agree before
anything is timed. ratio = torch's time / ours. caffe_ratio = real Caffe's time / ours, where Caffe's was taken on two cores in
another run (shown for two threads and wall time). MiB are the most that the whole process has held.

With --gpu N the works are those of a GPU: ours plain and captured, PyTorch eager and compiled; --out FILE.md writes a page.
"""

import csv
import os
import platform

from pycaffe_geo.commands._common import index, names, option, progress, table, whole

COLUMNS = ("work", "phase", "ours_ms", "torch_ms", "torch_variant", "ratio", "ours_mib", "torch_mib", "caffe_ratio")
GROWTH_COLUMNS = ("grows", "size", "ms", "mib", "ms_exponent", "mib_exponent")
EXAMPLE = """
tools/benchmark.py --work geometry_small,dispnet --csv speed.csv --out speed.png
tools/benchmark.py --growth --csv growth.csv --out growth.png
tools/benchmark.py --gpu 0 --out docs/gpu_results.md
"""


def arguments(parser):
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--work", metavar="A,B", type=names, help="works to measure (default: all of them)")
    what.add_argument("--gpu", metavar="N", type=index, help="measure on CUDA device N")
    what.add_argument("--growth", action="store_true", help="how does our cost grow with batch, area and depth?")
    parser.add_argument("--repeats", metavar="N", type=whole, default=7, help="samples of each contender (default: %(default)s)")
    parser.add_argument("--threads", metavar="N", type=whole, default=2, help="threads of each contender (default: %(default)s)")
    words = "what counts: wall time, or CPU time, for one thread on a busy machine (default: %(default)s)"
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help=words)
    parser.add_argument("--csv", metavar="FILE", help="write the table as CSV")
    option(parser, "out", metavar="FILE", help="draw the results to this PNG; with --gpu: write them to this Markdown page")


def run(args):
    if args.gpu is not None:
        return _on_a_gpu(args)
    from pycaffe_geo.commands._benchmark.works import WORKS, find_works

    works = find_works(args.work or list(WORKS))
    columns, results = (GROWTH_COLUMNS, _growth(args)) if args.growth else (COLUMNS, _contests(args, works))
    print(_circumstances(args), flush=True)
    rows = []
    with open(args.csv or os.devnull, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for row in results:
            rows.append(row)
            writer.writerow(row)
            file.flush()  # it takes minutes: what is measured is kept if a later work fails
    print(table([columns, *([_text(row.get(c)) for c in columns] for row in rows)]))


def _contests(args, works):
    """Yield the rows of every work; draw them after the last."""
    from pycaffe_geo.commands._benchmark.contest import contest
    from pycaffe_geo.plots.benchmark import draw_ratios

    with_torch, drawn = _version("torch") is not None, {}
    for work in works:
        for row in contest(work, args.repeats, args.threads, args.clock, with_torch, progress):
            yield row
            if "ratio" in row:
                drawn[f"{row['work']}, {row['phase']}"] = row["ratio"]
    if args.out and not drawn:
        print(f"{args.out}: not drawn, there are no ratios without PyTorch")
    elif args.out:
        title = f"PyTorch {_version('torch')}, {args.threads} thread(s), medians of {args.repeats}"
        draw_ratios(list(drawn), list(drawn.values()), args.out, title)


def _on_a_gpu(args):
    """Measure on a GPU and print the page; where there is no GPU, the page says so."""
    from pathlib import Path

    from pycaffe_geo.atomic import atomic_file
    from pycaffe_geo.backend import gpu_report
    from pycaffe_geo.commands._benchmark import gpu
    from pycaffe_geo.commands._benchmark.works import gpu_works
    from pycaffe_geo.errors import DeviceError

    rows, losses, told, reason = gpu.unmeasured(), {}, [], ""
    try:
        versions, devices = gpu_report()
        packages = [f"{name} {_version(name) or 'not installed'}" for name in ("nvidia-cudnn-frontend", "torch")]
        device = devices[args.gpu]["name"] if args.gpu < len(devices) else f"no device {args.gpu}"
        told = [f"{device}; {versions}, {', '.join(packages)}; medians of {args.repeats}"]
        for i, work in enumerate(gpu_works()):
            measured = gpu.measure(work, args.gpu, args.repeats, _version("torch") is not None,
                                   lambda steps, name=work.name: progress(steps, name))
            rows[i], losses[work.name] = measured
    except DeviceError as e:
        reason = str(e)
    page = gpu.page(rows, told, reason)
    print(page)
    if args.out:
        with atomic_file(Path(args.out)) as temporary:
            Path(temporary).write_text(page, encoding="utf-8")
        if losses:
            from pycaffe_geo.plots.benchmark import draw_losses

            draw_losses(losses, Path(args.out).with_suffix(".png"))


def _growth(args):
    """Yield the rows of every sweep; draw them after the last."""
    from pycaffe_geo.commands._benchmark.growth import measure, sweeps
    from pycaffe_geo.plots.benchmark import draw_growth

    results = {}
    for what, points in sweeps().items():
        results[what] = r = measure(what, points, args.repeats, args.threads, args.clock, progress)
        exponents = {key: r[key] for key in ("ms_exponent", "mib_exponent")}
        for size, ms, mib in zip(r["size"], r["ms"], r["mib"]):
            yield {"grows": what, "size": size, "ms": ms, "mib": mib, **exponents}
    if args.out:
        draw_growth(results, args.out)


def _circumstances(args):
    """Return what the times depend on besides the code."""
    allocator = os.environ.get("LD_PRELOAD") or "the system's malloc"
    tuned = [f"{key}={value}" for key, value in sorted(os.environ.items()) if key.startswith("MALLOC_")]
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    packages = [f"{name} {_version(name) or 'not installed'}" for name in ("numpy", "numba", "onednn-cpu-gomp", "torch")]
    set_to = lambda key: os.environ.get(key, "not set")
    machine = f"{platform.machine()} {platform.system()}"
    return "\n".join([
        f"medians of {args.repeats}, {args.clock} time, {args.threads} thread(s) of {os.cpu_count()}{load}; {machine}",
        f"Python {platform.python_version()}, {', '.join(packages)}",
        f"OPENBLAS_CORETYPE {set_to('OPENBLAS_CORETYPE')}; PYCAFFE_GEO_ENGINES {set_to('PYCAFFE_GEO_ENGINES')}",
        f"allocator {' '.join([allocator, *tuned])}",
    ])


def _version(package):
    """Return the version of an installed package, or None."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _text(value):
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}"
    return "" if value is None else value
