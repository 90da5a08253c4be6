import pytest
from solver_files import write_small


@pytest.fixture
def small(tmp_path):
    """The solver file of a small regression task under tmp_path."""
    return write_small(tmp_path)
