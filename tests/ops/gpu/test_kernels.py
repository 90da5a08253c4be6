"""Every CUDA source compiles, and the emulator refuses what a device would misread."""

import ctypes
import glob
import shutil
import subprocess
import sysconfig

import numpy as np
import pytest

from pycaffe_geo.ops.gpu.kernels import FOLDER, Kernels, TYPES, kernels, options, source

NAMES = sorted(f.stem for f in FOLDER.glob("*.cu") if f.stem != "common")
ARCHITECTURE = "compute_80"


def nvrtc():
    """Return NVIDIA's run-time compiler, which is what CuPy uses, or None."""
    wheels = glob.glob(f"{sysconfig.get_path('purelib')}/nvidia/*/lib/libnvrtc.so.*")
    for path in (*wheels, "libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12"):
        try:
            return ctypes.CDLL(path)
        except OSError:
            continue
    return None


def compile_by_nvrtc(library, text, flags):
    """Return (succeeded, the compiler's words)."""
    program = ctypes.c_void_p()
    assert library.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernels.cu", 0, None, None) == 0
    result = library.nvrtcCompileProgram(program, len(flags), (ctypes.c_char_p * len(flags))(*(f.encode() for f in flags)))
    size = ctypes.c_size_t()
    library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    library.nvrtcGetProgramLog(program, log)
    library.nvrtcDestroyProgram(ctypes.byref(program))
    return result == 0, log.value.decode()


def compile_by_nvcc(text, flags, folder):
    (folder / "kernels.cu").write_text(text)
    command = ["nvcc", "-ptx", *flags, "-o", str(folder / "kernels.ptx"), str(folder / "kernels.cu")]
    result = subprocess.run(command, capture_output=True, text=True)
    return result.returncode == 0, result.stdout + result.stderr


CASES = [(name, dtype) for name in NAMES for dtype in (*TYPES, *["float16"] * ("BLOB" in (FOLDER / f"{name}.cu").read_text()))]


@pytest.mark.parametrize("name, dtype", CASES)
def test_source_compiles(name, dtype, tmp_path):
    flags, library = [f"-arch={ARCHITECTURE}", "-std=c++17", *options(dtype)], nvrtc()
    if library:
        succeeded, words = compile_by_nvrtc(library, source(name), flags)
    elif shutil.which("nvcc"):
        succeeded, words = compile_by_nvcc(source(name), flags, tmp_path)
    else:
        pytest.skip("neither nvrtc nor nvcc is installed")
    assert succeeded and "warning" not in words, words


@pytest.mark.parametrize("change, message", [
    (lambda d: d.update(size=6.0), "'size' is a float32, declared int"),
    (lambda d: d.update(depth=d["depth"].astype("float64")), r"'depth' is float64, declared float \*"),
    (lambda d: d.update(depth=d["depth"][:, :, :, ::-1]), "'depth' is not contiguous"),
    (lambda d: d.popitem(), "got 5 arguments, declared are 6"),
])
def test_wrong_arguments_are_refused(change, message, emulated_gpu):
    xp = emulated_gpu.xp
    arguments = dict(size=6, width=3, depth=xp.ones((1, 1, 2, 3), "float32"), T=xp.ones((1, 1, 4, 4), "float32"),
                     K=xp.ones((1, 4, 1, 1), "float32"), points=xp.zeros((1, 3, 2, 3), "float32"))
    change(arguments)
    with pytest.raises(TypeError, match=message):
        Kernels("camera", emulated_gpu, np.dtype("float32")).launch("transform_grid", (1, 1, 1), *arguments.values())


def test_one_module_for_a_dtype(emulated_gpu):
    assert kernels("camera", emulated_gpu, "float32") is kernels("camera", emulated_gpu, "float32")


def test_an_empty_grid_does_nothing(emulated_gpu):
    kernels("camera", emulated_gpu, "float32").launch("transform_grid", (0, 1, 1))
