"""Too little memory or page file is reported as such, and no file is called damaged."""

import errno
from contextlib import contextmanager
from copy import copy
from dataclasses import replace

import cv2
import numpy as np
import pytest

from bridge.workers.fit import fit_within, now
from engine.catalog.rows import Catalog
from engine.files.errors import damaged
from engine.images import decoding
from engine.ipc.channel import worker_end
from engine.ipc.messages import Exit
from engine.system import commit
from engine.system.commit import short_of_memory
from engine.worker.guards import is_out_of_memory
from engine.worker.loop import Worker

MB = 1 << 20


def os_error(number: int, text: str, winerror: int | None = None) -> OSError:
    error = OSError(number, text)
    if winerror is not None:
        error.winerror = winerror
    return error


REFUSED = [
    MemoryError(),
    os_error(errno.ENOMEM, "Cannot allocate memory"),
    os_error(errno.EINVAL, "The paging file is too small for this operation to complete", 1455),
    # as safetensors has it, with no number and in the language of that Windows
    OSError("页面文件太小，无法完成操作。 (os error 1455)"),
    # as torch has it
    RuntimeError("Couldn't open file mapping: <x.pt>, error code: <1455>"),
    RuntimeError("unable to mmap 5676334208 bytes from file <x.pt>: Cannot allocate memory (12)"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:114] data. DefaultCPUAllocator: not enough memory"
                 ": you tried to allocate 100 bytes."),
    OSError('[WinError 1455] The paging file is too small. Error loading "c10.dll" or one of its '
            "dependencies."),
]  # fmt: skip


@pytest.mark.parametrize("error", REFUSED, ids=lambda error: str(error)[:40] or "MemoryError")
def test_refused_memory_is_known_however_it_is_said(error):
    assert short_of_memory(error)
    assert is_out_of_memory(error), "the worker makes room and tries again"


def from_none(error, wrapped):
    """As torch's compiler has it."""
    wrapped.__context__, wrapped.__suppress_context__ = error, True
    return wrapped


def from_cause(error, wrapped):
    wrapped.__cause__ = error
    return wrapped


def in_handler(error, wrapped):
    wrapped.__context__ = error
    return wrapped


WAYS = pytest.mark.parametrize("way", [from_none, from_cause, in_handler])


@WAYS
@pytest.mark.parametrize("error", REFUSED, ids=lambda error: str(error)[:40] or "MemoryError")
def test_refused_memory_is_known_however_it_is_wrapped(error, way):
    error = copy(error)
    assert short_of_memory(way(error, RuntimeError("backend='inductor' raised:")))
    twice = way(way(error, ValueError("inner")), RuntimeError("outer"))
    assert short_of_memory(twice)
    assert is_out_of_memory(twice)


@WAYS
def test_what_wraps_another_error_is_no_lack_of_memory(way):
    inner = ValueError("no such kernel")
    wrapped = way(inner, RuntimeError("backend='inductor' raised:"))
    inner.__context__ = wrapped  # a circle
    assert not short_of_memory(wrapped)


@WAYS
def test_a_file_that_asks_for_too_much_stays_to_blame(tmp_path, way):
    with worker(tmp_path) as made:
        end = made._end(way(MemoryError(), damaged("x.pt")), Exit.LOAD)
    assert end.code is Exit.FILE
    assert "x.pt is damaged" in str(end)


@pytest.mark.parametrize(
    "error",
    [ValueError("header too large"), OSError(errno.EIO, "Input/output error"), EOFError(),
     RuntimeError("PytorchStreamReader failed reading zip archive"),
     os_error(errno.EACCES, "Permission denied", 5)],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_no_lack_of_memory(error):
    assert not short_of_memory(error)


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        (["?:\\pagefile.sys"], None),
        (["C:\\pagefile.sys 0 0"], None),
        (["C:\\pagefile.sys"], None),
        (["C:\\pagefile.sys 2048 2048", "?"], None),
        (["C:\\pagefile.sys 1000 3000"], 2000 * MB),
        (["C:\\pagefile.sys 1000 1000", "D:\\my files\\pagefile.sys 16 500"], 500 * MB),
        (["C:\\pagefile.sys 1000 1000"], 0),
        ([], 0),
    ],
)
def test_what_a_page_file_may_grow_by(files, wanted):
    assert commit.growth(files, 1000 * MB) == wanted


def test_room_counts_what_windows_may_still_promise(monkeypatch):
    plenty = now(None, 0).memory
    monkeypatch.setattr(commit, "left", lambda: 3 * MB)
    assert commit.available() == 3 * MB
    assert commit.little_left()
    assert now(None, 0).memory == 3 * MB < plenty
    stylize = Catalog.installed()["stylize"]
    there = replace(now(None, 0), shared=1 << 60)
    told = fit_within(stylize, stylize.load(), "4096x4096", there, 0).told("stylize")
    assert "are free; close other programs, or let Windows choose the size of its page" in told
    monkeypatch.setattr(commit, "left", lambda: None)
    fit = fit_within(stylize, stylize.load(), "4096x4096", there, 0)
    assert str(fit).endswith("are free")
    monkeypatch.setattr(commit, "left", lambda: 1 << 60)
    assert commit.available() < 1 << 60, "nor more than there is"


@pytest.mark.parametrize(
    "error", [MemoryError(), cv2.error("(-4:Insufficient memory) Failed to allocate 9 bytes")]
)
def test_a_picture_that_finds_no_memory_is_not_called_damaged(monkeypatch, error):
    png = cv2.imencode(".png", np.full((8, 8, 3), 90, np.uint8))[1].tobytes()

    def refuse(*_):
        raise error

    monkeypatch.setattr(decoding.cv2, "imdecode", refuse)
    with pytest.raises(decoding.PictureError, match="too little free memory") as told:
        decoding.decoded(png, decoding.Need(8, 8))
    assert told.value.status == 507
    assert "damaged" not in str(told.value)


@contextmanager
def worker(tmp_path):
    with (tmp_path / "in").open("wb") as out, (tmp_path / "in").open("rb") as incoming:
        yield Worker(worker_end(incoming, out), own_process=False)


def test_a_library_that_finds_no_memory_ends_a_load_with_the_cure(tmp_path):
    with worker(tmp_path) as made:
        end = made._end(REFUSED[-1], Exit.LOAD)
    assert end.code is Exit.MEMORY
    assert "too little memory left ([WinError 1455]" in str(end)
    assert "close other programs" in str(end)
