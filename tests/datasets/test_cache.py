"""The cache: one file per recipe, rendered once, other parameters another file; sources by name or path."""

import multiprocessing

import pytest

from pycaffe_geo.datasets import cache
from pycaffe_geo.datasets.pairs import PairFile
from pycaffe_geo.errors import DataError

SMALL = {"width": 10, "height": 8, "clusters": 2, "samples": 1}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PYCAFFE_GEO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_world_is_rendered_once(monkeypatch):
    path = cache.pair_path("rooms_train", **SMALL)
    assert (len(PairFile(path)), PairFile(path).width) == (24, 10)
    monkeypatch.setattr(cache, "render_pairs", None)
    assert cache.pair_path("rooms_train", **SMALL) == path


def test_every_parameter_changes_the_file():
    base = cache.world_pairs(**SMALL)
    for change in ({"split": "test"}, {"clusters": 1}, {"seed": 1}, {"fov_deg": 80}, {"rotation_deg": 4}, {"height": 9},
                   {"translation_m": 0.1}, {"depth_range": [0.6, 4.5]}, {"samples": 2}, {"cx": 4}):
        assert cache.world_pairs(**{**SMALL, **change}) != base, change
    assert cache.world_pairs(**SMALL, rotation_deg=5) == cache.world_pairs(**SMALL, rotation_deg=5.0) == base


def test_a_damaged_cached_file_is_rendered_again(caplog):
    path = cache.world_pairs(**SMALL)
    good = path.read_bytes()
    path.write_bytes(good[:len(good) // 2])
    assert cache.world_pairs(**SMALL) == path
    assert "the cached file is replaced" in caplog.text
    PairFile(path).check()


def test_two_processes_at_once(folder):
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        jobs = [pool.apply_async(cache.pair_path, ("rooms_test",), SMALL) for _ in range(2)]
        paths = [job.get(60) for job in jobs]
    assert paths[0] == paths[1]
    PairFile(paths[0]).check()
    assert [p.name for p in folder.iterdir()] == [paths[0].name]


def test_a_split_stays_inside_the_folder():
    with pytest.raises(DataError, match="split is '../x', expected a word"):
        cache.world_pairs(**SMALL, split="../x")


def test_a_folder_that_cannot_be_written_is_told_before_rendering(folder, monkeypatch):
    folder.write_text("a file")
    monkeypatch.setattr(cache, "render_pairs", None)
    with pytest.raises(DataError, match="cache: the cache folder cannot be written to .*PYCAFFE_GEO_CACHE can name another"):
        cache.world_pairs(**SMALL)


def test_sources_are_worlds_or_files(tmp_path, monkeypatch):
    path = cache.world_pairs(**SMALL)
    assert cache.pair_path(str(path)) == path
    monkeypatch.chdir(tmp_path)
    assert cache.pair_path(path.name, base=path.parent) == path
    with pytest.raises(DataError, match="'rooms_trian' is neither a pair file .*did you mean 'rooms_train'"):
        cache.pair_path("rooms_trian")
    with pytest.raises(DataError, match="is a file: 'width' belong to a procedural world"):
        cache.pair_path(str(path), width=3)
    with pytest.raises(DataError, match="unknown parameter 'widht', did you mean 'width'"):
        cache.world_pairs(widht=3)
    with pytest.raises(DataError, match="clusters is 0"):
        cache.world_pairs(clusters=0)


def test_runs_are_cached_beside_the_pairs(monkeypatch):
    small = {"width": 10, "height": 8, "runs": 1, "length": 3, "samples": 1}
    path = cache.pair_path("rooms_sequences_test", **small)
    assert path.name.startswith("rooms_sequences_test_") and PairFile(path).frames == 3
    stereo = cache.pair_path("rooms_sequences_test", **small, baseline=0.1)
    assert stereo != path and "right" in PairFile(stereo).names
    assert cache.world_size("rooms_sequences_test", **small, baseline=0.1) == (8, 10)
    monkeypatch.setattr(cache, "render_runs", None)
    assert cache.pair_path("rooms_sequences_test", **small) == path
    with pytest.raises(DataError, match="unknown parameter 'clusters'"):
        cache.pair_path("rooms_sequences_test", clusters=3)
