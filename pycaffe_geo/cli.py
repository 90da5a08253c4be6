"""The console command `pycaffe-geo <command> ...`: finds the commands, reads their options, turns errors into exit codes."""

import argparse
import contextlib
import importlib
import logging
import os
import pkgutil
import re
import sys

import pycaffe_geo
from pycaffe_geo import commands
from pycaffe_geo.commands._common import described
from pycaffe_geo.errors import NumericError, PycaffeGeoError, listed, nearest

OK, MISTAKE, NUMERIC, INTERRUPTED = 0, 1, 2, 130


def main(argv=None):
    """Run one command and return its exit code: 0; 1 a user's mistake; 2 non-finite numbers; 130 interrupted.

    argv: the words after the program's name (default: sys.argv[1:]). An error that is ours, not the user's, is raised.
    """
    try:
        with _log_to_stderr():
            code = _run(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()
        return code or OK
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at its end
        return OK
    except NumericError as e:
        return _fail(e, NUMERIC)
    except PycaffeGeoError as e:
        return _fail(e, MISTAKE)
    except OSError as e:
        if e.filename is None:
            raise
        return _fail(f"{os.fspath(e.filename)}: {e.strerror}", MISTAKE)
    except MemoryError as e:
        return _fail(f"out of memory: {e}", MISTAKE)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)


def command_names():
    """Return the names of all commands: the files in commands/ that do not start with `_`."""
    return sorted(m.name for m in pkgutil.iter_modules(commands.__path__) if not m.name.startswith("_"))


def command_parser(name):
    """Return the ArgumentParser of the command `name`."""
    module = _module(name)
    parser = _Parser(prog=f"pycaffe-geo {name}", **described(module))
    module.arguments(parser)
    return parser


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser whose mistakes are PycaffeGeoErrors that name the nearest option."""

    def error(self, message):
        raise PycaffeGeoError(f"{self.prog}: {message}; see `{self.prog} --help`")

    def parse_args(self, args=None, namespace=None):
        chosen = self.chosen(args)
        if chosen is self and self._kinds():
            got = args[0] if args else ""
            self.error(f"got '{got}', expected one of {listed(self._kinds())}{nearest(got.strip('-'), self._kinds())}")
        known = [word for action in chosen._actions for word in action.option_strings]
        for word in args:
            name = word.partition("=")[0]
            if re.match("-[-A-Za-z]", name) and name not in known:
                chosen.error(f"unknown option '{name}'{nearest(name, known)}")
        args, extra = self.parse_known_args(args, namespace)
        if extra:
            chosen.error(f"unknown argument '{extra[0]}', expected options")
        return args

    def chosen(self, args):
        """Return the parser of the kind, such as `tum` of prepare_data, that `args` begin with; this one where there is none."""
        return self._kinds().get(args[0], self) if args else self

    def _kinds(self):
        found = (action.choices for action in self._actions if isinstance(action, argparse._SubParsersAction))
        return next(found, {})


def _run(argv):
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(_overview())
        return OK
    if argv[0] == "--version":
        print(f"pycaffe_geo {pycaffe_geo.__version__}")
        return OK
    name = argv[0]
    if name not in command_names():
        known = command_names()
        raise PycaffeGeoError(f"pycaffe-geo: unknown command '{name}'{nearest(name, known)} (there are {listed(known)})")
    parser = command_parser(name)
    if any(word in ("-h", "--help") for word in argv[1:]):
        parser.chosen(argv[1:]).print_help()
        return OK
    return _module(name).run(parser.parse_args(argv[1:]))


def _overview():
    width = max(map(len, command_names()))
    lines = [f"  {name:{width}}  {_module(name).__doc__.strip().splitlines()[0]}" for name in command_names()]
    return "\n".join([
        "usage: pycaffe-geo <command> [options]", "", pycaffe_geo.__doc__.strip(), "", "commands:", *lines, "",
        "`pycaffe-geo <command> --help` tells its options, with an example. In a checkout `tools/<command>.py` is the same.",
        "Exit codes: 0; 1 a mistake in what was given; 2 non-finite numbers; 130 interrupted.",
    ])


def _module(name):
    return importlib.import_module(f"pycaffe_geo.commands.{name}")


def _fail(error, code):
    print(error if code == INTERRUPTED else f"error: {error}", file=sys.stderr)
    return code


class _Lines(logging.Formatter):
    """Log records as plain lines; warnings and errors say that they are."""

    def format(self, record):
        text = super().format(record)
        return text if record.levelno < logging.WARNING else f"{record.levelname.lower()}: {text}"


@contextlib.contextmanager
def _log_to_stderr():
    """Show the log of the package, and everybody's warnings, on stderr. The handlers that were there before stay."""
    handler, root, ours = logging.StreamHandler(sys.stderr), logging.getLogger(), logging.getLogger("pycaffe_geo")
    handler.setFormatter(_Lines())
    level = ours.level
    root.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        ours.setLevel(level)
