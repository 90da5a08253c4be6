import os

import pytest

from pycaffe_geo.atomic import atomic_file


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "w.h5"
    path.write_text("old")
    with pytest.raises(KeyError), atomic_file(path) as temporary:
        with open(temporary, "w") as f:
            f.write("half")
        raise KeyError
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["w.h5"]
