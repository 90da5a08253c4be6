"""What prepare_data can read, one file each; prepare_data.py finds them by their files, so nothing is edited to add one.

A file `<name>.py` is the command `pycaffe-geo prepare_data <name>`. The reading itself stands in datasets/<name>.py, as a
function that returns a Recording (see datasets/frames.py): what frames there are and how to read one. The file here holds:

    a docstring         its first line is the summary that `prepare_data --help` lists
    EXAMPLE             a command line (or several lines) that works in a checkout, shown at the end of its `--help`
    arguments(parser)   declares what tells the data, such as a folder, and then `recording_options(parser)` of _recording.py:
                        --size, --step, --skip, --breaks, --gaps, --hold-out, --test-out (--out is there already)
    files(args)         returns {path to write: arguments of `write_pairs`}: `files_of(args, recording)` of _recording.py, which
                        sees to these options; heavy imports stand in here, so that `--help` is quick

Data that is no frames has `write(args)` in place of `files`, which writes args.out itself (digits.py).

Whatever `files` returns is then tried out (datasets/verify.py), written and described; a user's mistake is raised as DataError.
Files whose names start with `_` are no kinds of data.
"""
