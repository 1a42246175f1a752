"""The cache folder stays below its limit, loses whole entries only, never loses what others put
there, and may be missing.
"""

import os
import random
import time
from contextlib import suppress

import pytest

from bridge.settings import Settings
from bridge.workers.cache import BESIDE, GOING, MARK, TAG, CacheFolder, trim
from engine.system.caches import PARTS
from tests.support.rig import running_session, scene

DAY = 86_400


def put(path, size, days=0.0, *, read=None):
    """A file of `size` bytes, written some days ago, and read then or later."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    now = time.time()
    os.utime(path, (now - DAY * (days if read is None else read), now - DAY * days))
    return path


def marked(folder):
    """With the parts that we make."""
    assert CacheFolder(folder).usable() == folder
    return folder


def left(folder):
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != TAG)
    return sorted(p.relative_to(folder).as_posix() for p in files)


def test_the_entries_used_least_recently_go_first_and_whole(tmp_path):
    marked(tmp_path)
    put(tmp_path / "triton" / "OLD" / "kernel.cubin", 400, days=9)
    put(tmp_path / "triton" / "OLD" / "kernel.json", 50, days=9)
    put(tmp_path / "triton" / "READ" / "kernel.cubin", 400, days=30, read=1)
    put(tmp_path / "triton" / "READ" / "kernel.json", 50, days=30)
    put(tmp_path / "inductor" / "fxgraph" / "ab" / "hash" / "graph", 300, days=20)
    put(tmp_path / "inductor" / "fxgraph" / "ab" / "other" / "graph", 300, days=2)
    put(tmp_path / "inductor" / "xy" / "code.py", 100, days=4)
    put(tmp_path / "inductor" / "xy" / "deeper" / "code.so", 100, days=40)
    put(tmp_path / "0123.json", 10, days=3)
    assert trim(tmp_path, 5000) == 0
    assert trim(tmp_path, 1100) == 750, "the graph of day 20 and the kernel of day 9"
    assert left(tmp_path) == [
        "0123.json", "inductor/fxgraph/ab/other/graph", "inductor/xy/code.py",
        "inductor/xy/deeper/code.so", "triton/READ/kernel.cubin", "triton/READ/kernel.json",
    ]  # fmt: skip
    assert trim(tmp_path, 0) == 950
    assert left(tmp_path) == ["0123.json"]
    assert [(tmp_path / part / TAG).read_bytes() for part in PARTS.values()] == [MARK] * 2


def test_what_a_bridge_left_half_removed_goes_even_below_the_limit(tmp_path):
    marked(tmp_path)
    put(tmp_path / "triton" / f"{GOING}7-KEY" / "kernel.json", 50)
    put(tmp_path / "triton" / "KEY" / "kernel.json", 50)
    trim(tmp_path, 5000)
    assert left(tmp_path) == ["triton/KEY/kernel.json"]


def test_no_folder_and_a_folder_that_changes_meanwhile_are_no_error(tmp_path, monkeypatch):
    assert trim(tmp_path / "nowhere", 0) == 0
    marked(tmp_path)
    put(tmp_path / "triton" / "A" / "kernel", 50)
    put(tmp_path / "triton" / "B" / "kernel", 50)

    def busy(path, *_):
        raise PermissionError(13, "in use", str(path))

    monkeypatch.setattr("bridge.workers.cache.shutil.rmtree", busy)
    assert trim(tmp_path, 60) == 0, "what another process holds is not counted as removed"


def test_any_folder_ends_below_any_limit_and_never_loses_more_than_it_must(tmp_path):
    for seed in range(20):
        rng, folder = random.Random(seed), marked(tmp_path / str(seed))
        sizes = {}
        for number in range(rng.randint(0, 12)):
            size = rng.randint(1, 200)
            part = rng.choice(list(PARTS.values()))
            place = rng.choice([f"{part}/{number}/a", f"{part}/x/{number}/b"])
            put(folder / place, size, days=(number * 7) % 13)
            sizes[place] = size
        most = rng.randint(0, 1000)
        trim(folder, most)
        there = set(left(folder))
        assert sum(sizes[place] for place in there) <= most
        gone = [(number_of(place) * 7) % 13 for place in sizes if place not in there]
        kept = [(number_of(place) * 7) % 13 for place in there]
        assert not gone or not kept or max(kept) <= min(gone), "the oldest first"


def number_of(place):
    return int("".join(c for c in place if c.isdigit()))


NAMES = ("models", "thesis.txt", "0123456789abcdef.json", "cache", BESIDE, *PARTS.values())


def test_nothing_that_others_put_into_the_folder_is_ever_removed(tmp_path):
    """Beside our parts, in folders of their names, and behind links inside them."""
    for seed in range(30):
        rng, folder = random.Random(seed), tmp_path / str(seed) / "c"
        foreign = {put(tmp_path / str(seed) / "outside" / "film.mov", 9, days=90)}
        for _ in range(rng.randint(1, 12)):
            place = folder.joinpath(*rng.choices(NAMES, k=rng.randint(1, 4)))
            with suppress(OSError):  # one of them is a file
                foreign.add(put(place, rng.randint(1, 200), days=rng.randint(0, 99)))
        for name in rng.sample(NAMES, 2):
            with suppress(OSError):  # it exists, or Windows allows no links
                (folder / name).symlink_to(tmp_path / str(seed) / "outside")
        used = CacheFolder(folder).usable()
        if used:
            for part in PARTS.values():
                put(used / part / "OURS" / "kernel", 50)
                with suppress(OSError):
                    (used / part / "link").symlink_to(tmp_path / str(seed) / "outside")
                    (used / part / "OURS" / "link").symlink_to(tmp_path / str(seed) / "outside")
            assert trim(used, 0) == 100, "and nothing else is counted"
        trim(folder, 0)
        trim(folder / BESIDE, 0)
        assert [path for path in foreign if not path.is_file()] == []


def test_folders_of_our_names_that_were_there_before_are_left_alone(tmp_path):
    theirs = put(tmp_path / "c" / "inductor" / "KEY" / "data", 100)
    assert CacheFolder(tmp_path / "c").usable() == tmp_path / "c" / BESIDE
    assert [*theirs.parent.parent.iterdir()] == [theirs.parent]
    put(tmp_path / "c" / BESIDE / "triton" / "KEY" / "kernel", 70)
    assert trim(tmp_path / "c" / BESIDE, 0) == 70
    assert CacheFolder(tmp_path / "c").usable() == tmp_path / "c" / BESIDE, "the next start"


def test_programs_of_versions_that_made_no_mark_are_still_used_and_trimmed(tmp_path):
    put(tmp_path / "triton" / "KEY" / "kernel", 70)
    put(tmp_path / "0123456789abcdef.json", 10)
    assert marked(tmp_path) == tmp_path
    assert trim(tmp_path, 0) == 70


def test_a_full_disk_leaves_no_part_without_its_mark(tmp_path, monkeypatch, caplog):
    def full(path, data):
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("bridge.workers.cache.Path.write_bytes", full)
        assert CacheFolder(tmp_path).usable() is None
    assert "(No space left on device)" in caplog.text
    assert [*tmp_path.iterdir()] == []
    assert CacheFolder(tmp_path).usable() == tmp_path


def test_a_folder_that_cannot_be_written_is_said_once_and_not_used(tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    cache = CacheFolder(tmp_path / "file" / "cache")
    assert [cache.usable(), cache.usable()] == [None, None]
    (line,) = caplog.messages
    assert line.startswith(f"The cache folder {cache.folder} is not writable (")
    assert line.endswith("not kept there; choose another folder with --cache.")
    (tmp_path / "file").unlink()
    assert cache.usable() == cache.folder, "once it can be"


def test_a_full_disk_is_a_problem_and_leaves_nothing(tmp_path, monkeypatch):
    cache = CacheFolder(tmp_path / "c")
    assert cache.problem() == ""

    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bridge.workers.cache.os.fsync", full)
    assert cache.problem() == (
        f"The cache folder {cache.folder} is not writable (No space left on device). Compiled "
        "programs are not kept there; choose another folder with --cache."
    )
    assert sorted(path.name for path in cache.folder.iterdir()) == sorted(PARTS.values())


@pytest.mark.slow
def test_a_worker_runs_without_a_cache_that_cannot_be_written(tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    with running_session(tmp_path, pipeline="relay", cache=tmp_path / "file") as rig:
        rig.put(scene(64, 48))
        rig.running()
        assert rig.session._host.current._place.cache is None
        rig.session._host.reload()
    assert sum("--cache" in line for line in caplog.messages) == 1


@pytest.mark.slow
def test_a_worker_finds_what_the_compilers_kept_and_the_folder_is_trimmed_at_the_start(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("bridge.workers.cache.MOST", 100)
    marked(tmp_path / "c")
    old = put(tmp_path / "c" / "triton" / "OLD" / "kernel", 90, days=9)
    new = put(tmp_path / "c" / "triton" / "NEW" / "kernel", 90, days=1)
    with running_session(tmp_path, pipeline="relay", cache=tmp_path / "c") as rig:
        rig.put(scene(64, 48))
        rig.running()
        rig.until(lambda: not old.exists())
        assert rig.session._host.current._place.cache == tmp_path / "c"
    assert new.exists()


@pytest.mark.parametrize("typed", ["~/c", "c", '"c"'])
def test_the_folder_is_typed_as_any_other(tmp_path, monkeypatch, typed):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert Settings(cache=typed, folder=tmp_path).cache_folder == tmp_path / "c"
