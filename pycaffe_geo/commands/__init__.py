"""The tools, one file each; cli.py finds them by their files, so nothing is edited to add one.

A file `<name>.py` is the command `pycaffe-geo <name>`. It holds:

    a docstring         its first line is the summary that `pycaffe-geo --help` lists
    EXAMPLE             a command line (or several lines) that works in a checkout, shown at the end of `--help`
    arguments(parser)   declares the options, the common ones by `options(parser, ...)` of _common.py
    run(args)           does the work and returns the exit code (None = 0); heavy imports stand in here, so that `--help` is quick

Results are printed to stdout; a user's mistake is raised as PycaffeGeoError. Files whose names start with `_` are no commands.
"""
