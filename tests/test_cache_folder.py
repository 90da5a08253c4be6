from pycaffe_geo import cache_folder


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("PYCAFFE_GEO_CACHE", str(tmp_path / "chosen"))
    assert cache_folder.cache_folder() == tmp_path / "chosen"
    monkeypatch.delenv("PYCAFFE_GEO_CACHE")
    monkeypatch.setattr(cache_folder.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder.cache_folder() == tmp_path / "xdg" / "pycaffe_geo"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder.cache_folder() == tmp_path / ".cache" / "pycaffe_geo"
    monkeypatch.setattr(cache_folder.sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache_folder.cache_folder() == tmp_path / "local" / "pycaffe_geo"
