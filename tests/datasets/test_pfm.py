"""PFM files: the order of rows and bytes, and refusals."""

import numpy as np
import pytest

from pycaffe_geo.datasets.pfm import read_pfm
from pycaffe_geo.errors import DataError

VALUES = np.array([[1, 2.5, np.inf], [4, 5, 6]], np.float32)


@pytest.mark.parametrize("order, scale", [("<", "-1.0"), (">", "1.0"), ("<", "-0.003922")])
def test_rows_are_stored_from_the_bottom(tmp_path, order, scale):
    (tmp_path / "a.pfm").write_bytes(f"Pf\n3 2\n{scale}\n".encode() + VALUES[::-1].astype(f"{order}f4").tobytes())
    found = read_pfm(tmp_path / "a.pfm")
    np.testing.assert_array_equal(found, VALUES)
    assert found.dtype == np.float32 and found.dtype.isnative


@pytest.mark.parametrize("data, message", [
    (b"PF\n1 1\n-1\n" + bytes(12), "a.pfm: begins with b'PF.n1 1.n-1.n.*expected a PFM file of one channel"),
    (b"", "begins with b'', expected"),
    (b"Pf\n3 2\n-1\n" + bytes(23), "says that it is 3x2, but holds 23 bytes, expected 24; was it cut short"),
    (b"Pf\n3 x\n-1\n", "begins with"),
])
def test_wrong_files_are_named(tmp_path, data, message):
    (tmp_path / "a.pfm").write_bytes(data)
    with pytest.raises(DataError, match=message):
        read_pfm(tmp_path / "a.pfm")
    with pytest.raises(DataError, match="nowhere.pfm: cannot be read"):
        read_pfm(tmp_path / "nowhere.pfm")
