"""Show the CPU, the GPUs and their memory, and which device would be used.

Without options the device is the one a solver with `solver_mode: GPU` would run on.
"""

import os

from pycaffe_geo.commands._common import device_options
from pycaffe_geo.errors import bytes_text

EXAMPLE = "tools/device_query.py"
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def arguments(parser):
    device_options(parser)


def run(args):
    import platform

    import numpy

    from pycaffe_geo import __version__
    from pycaffe_geo.backend import choose_device, gpu_report
    from pycaffe_geo.errors import DeviceError

    print(f"pycaffe_geo {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    print(f"CPU: {_usable_cores()} core(s) usable of {os.cpu_count()}, NumPy {numpy.__version__}, BLAS {_blas(numpy)}")
    limits = [f"{name}={os.environ[name]}" for name in THREAD_VARIABLES if name in os.environ]
    print(f"BLAS threads: {', '.join(limits) or 'not limited by the environment'}")
    try:
        versions, devices = gpu_report()
        print(f"GPU: {versions}")
        for i, d in enumerate(devices):
            memory = f"{bytes_text(d['free'])} free of {bytes_text(d['total'])}"
            print(f"  --gpu {i}: {d['name']}, compute capability {d['capability']}, {memory}")
        found = True
    except DeviceError as e:
        print(f"GPU: {e}")
        found = False
    if args.cpu:
        reason = "asked for by --cpu"
    elif args.gpu is not None:
        reason = "asked for by --gpu"
    else:
        reason = "solver_mode: GPU takes device_id 0" if found else "no GPU can be used"
    device = choose_device(args.cpu, args.gpu, "GPU" if found else "CPU")
    print(f"would run on: {device} ({reason})")


def _usable_cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _blas(numpy):
    try:
        config = numpy.show_config(mode="dicts")
    except TypeError:  # NumPy 1.24 cannot tell in this form
        return "unknown"
    blas = config["Build Dependencies"].get("blas", {})
    return f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()
