import logging
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pycaffe_geo import cli
from pycaffe_geo.errors import NumericError, SpecError

ROOT = Path(__file__).parent.parent
NAMES = cli.command_names()


def test_every_file_is_a_command_and_has_its_tool():
    files = {f.stem for f in (ROOT / "pycaffe_geo" / "commands").glob("*.py") if not f.stem.startswith("_")}
    assert set(NAMES) == files
    assert {"train", "test", "time", "check_gradients", "summarize", "draw_net", "plot", "infer", "expand"} <= files
    for name in NAMES:
        text = (ROOT / "tools" / f"{name}.py").read_text(encoding="utf-8")
        assert f'main(["{name}", *sys.argv[1:]])' in text


def test_overview_lists_every_command_with_a_line(capsys):
    assert cli.main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in NAMES:
        assert any(line.split()[:1] == [name] and len(line.split()) > 3 for line in lines)


@pytest.mark.parametrize("name", NAMES)
def test_help_ends_with_examples_whose_options_parse(name, capsys):
    assert cli.main([name, "--help"]) == 0
    text = capsys.readouterr().out
    example = text[text.index("example:\n") + len("example:\n"):].replace("\\\n", " ")
    assert f"tools/{name}.py" in example
    for line in example.strip().splitlines():
        program, *words = shlex.split(line)
        tool = Path(program).stem
        cli.command_parser(tool).parse_args(words)
        assert (ROOT / "tools" / f"{tool}.py").is_file()
        for file in (word for word in words if word.startswith(("prototxt/", "solvers/", "docs/"))):
            assert (ROOT / file).is_file(), f"{name}: the example needs {file}"


@pytest.mark.parametrize("words, message", [
    (["trian"], "unknown command 'trian', did you mean 'train'?"),
    (["test", "--nett", "x"], "unknown option '--nett', did you mean '--net'?"),
    (["test"], "the following arguments are required: --net"),
    (["test", "--net", "x", "--cpu", "--gpu", "0"], "not allowed with argument"),
    (["test", "--net", "x", "--gpu", "-1"], "--gpu"),
    (["test", "--net", "x", "--iterations", "0"], "got '0', expected a whole number of at least 1"),
    (["test", "--net", "x", "y"], "unknown argument 'y'"),
    (["test", "--net", "x", "--shape", "x=1,a"], "expected top=N,C,H,W"),
    (["test", "--net", "no_such.yaml"], "no_such.yaml: no such file"),
    (["infer", "--intrinsics", "1,2,3"], "expected fx,fy,cx,cy"),
    (["infer", "--intrinsics", "nan,1,2,3"], "expected fx,fy,cx,cy"),
    (["test", "--net", "x", "--weights", ","], "got ',', expected a,b,..."),
])
def test_mistakes_end_in_1_with_one_paragraph(words, message, capsys):
    assert cli.main(words) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    assert message in err and "Traceback" not in err


def _command(monkeypatch, run):
    """Make `pycaffe-geo fake` run the function `run`."""
    module = type(sys)("pycaffe_geo.commands.fake")
    module.__doc__, module.EXAMPLE, module.arguments, module.run = "Fake.", "tools/fake.py", lambda parser: None, run
    monkeypatch.setitem(sys.modules, "pycaffe_geo.commands.fake", module)
    monkeypatch.setattr(cli, "command_names", lambda: ["fake"])


@pytest.mark.parametrize("error, code, text", [
    (SpecError("a.yaml:1:1: wrong"), 1, "error: a.yaml:1:1: wrong"),
    (NumericError("the loss is nan"), 2, "error: the loss is nan"),
    (KeyboardInterrupt(), 130, "interrupted"),
    (PermissionError(13, "Permission denied", "/out"), 1, "error: /out: Permission denied"),
    (MemoryError("4 GiB"), 1, "error: out of memory: 4 GiB"),
])
def test_errors_become_exit_codes(error, code, text, monkeypatch, capsys):
    def run(args):
        raise error

    _command(monkeypatch, run)
    assert cli.main(["fake"]) == code
    assert capsys.readouterr().err == f"{text}\n"


def test_a_bug_of_ours_keeps_its_traceback(monkeypatch):
    _command(monkeypatch, lambda args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["fake"])


def test_run_chooses_the_exit_code_and_logs_to_stderr(monkeypatch, capsys):
    def run(args):
        logging.getLogger("pycaffe_geo.x").info("loaded %d", 3)
        logging.getLogger("pycaffe_geo.x").warning("careful")
        return 7

    handlers = list(logging.getLogger().handlers)
    _command(monkeypatch, run)
    assert cli.main(["fake"]) == 7
    assert capsys.readouterr().err == "loaded 3\nwarning: careful\n"
    assert logging.getLogger().handlers == handlers


def test_heavy_modules_load_in_run_alone():
    code = (
        "import sys, pycaffe_geo.cli as c; c.main(['--help']); [c.command_parser(n) for n in c.command_names()];"
        "sys.exit([m for m in ('numpy', 'h5py', 'matplotlib', 'yaml', 'tqdm') if m in sys.modules] or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_tool_runs_from_anywhere_without_installation(tmp_path):
    environment = {**os.environ, "PYTHONPATH": ""}
    tool = [sys.executable, str(ROOT / "tools" / "expand.py"), "--net"]
    (tmp_path / "n.yaml").write_text("layers:\n- {name: x, type: Input, input_param: {shape: {dim: [1, 2]}}}\n", encoding="utf-8")
    done = subprocess.run([*tool, "n.yaml"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "type: Input" in done.stdout, done.stderr
    done = subprocess.run([*tool, "m.yaml"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "m.yaml: no such file" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="no broken pipes there")
def test_a_reader_who_leaves_early_gets_no_traceback():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as broken:
        code = "import sys; from pycaffe_geo.cli import main; sys.exit(main(['--help']))"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=broken, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0 and done.stderr == ""
