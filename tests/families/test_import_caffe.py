"""`import caffe` gives our look-alike where it should, and nowhere else."""

import importlib
import sys

import pytest

import pycaffe_geo.caffe
from pycaffe_geo.families.import_caffe import caffe_is_ours, install


@pytest.fixture(autouse=True)
def no_caffe():
    """Each test begins without any caffe and leaves none."""
    finders, modules = list(sys.meta_path), {n: m for n, m in sys.modules.items() if n.split(".")[0] == "caffe"}
    for name in modules:
        del sys.modules[name]
    yield
    sys.meta_path[:] = finders
    for name in [n for n in sys.modules if n.split(".")[0] == "caffe"]:
        del sys.modules[name]
    sys.modules.update(modules)


def test_a_block_finds_our_caffe_under_every_name(tmp_path, monkeypatch):
    (tmp_path / "caffe").mkdir()  # an unbuilt checkout: a folder, but no package
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    own_spec = pycaffe_geo.caffe.__spec__
    with caffe_is_ours():
        import caffe
        import caffe.io
        from caffe import layers, params  # noqa: F401
        from caffe.proto import caffe_pb2

        with pytest.raises(ModuleNotFoundError, match="No module named 'caffe.no_such'"):
            importlib.import_module("caffe.no_such")
    assert caffe is pycaffe_geo.caffe and caffe.io is pycaffe_geo.caffe.io
    assert caffe_pb2.TEST == caffe.TEST
    assert caffe.__spec__ is own_spec and caffe.__name__ == "pycaffe_geo.caffe"
    assert not [f for f in sys.meta_path if type(f).__module__.startswith("pycaffe_geo")]


def test_what_caffe_pb2_lacks_is_said():
    with caffe_is_ours():
        from caffe.proto import caffe_pb2
    with pytest.raises(AttributeError, match="caffe_pb2.NetParameter does not exist here"):
        caffe_pb2.NetParameter()


def test_a_real_caffe_comes_first(tmp_path, monkeypatch):
    (tmp_path / "caffe").mkdir()
    (tmp_path / "caffe" / "__init__.py").write_text("REAL = True")
    monkeypatch.syspath_prepend(tmp_path)
    with caffe_is_ours():
        import caffe

        assert caffe.REAL
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("caffe.net_spec")  # never a part of ours in a real one


def test_install_is_for_good_and_once():
    install()
    install()
    assert len([f for f in sys.meta_path if type(f).__module__.startswith("pycaffe_geo")]) == 1
    with caffe_is_ours():
        pass
    import caffe

    assert caffe is pycaffe_geo.caffe
