"""Our Spout transport against the real SpoutGL in other processes. Runs in the Windows Python."""

import time
from contextlib import ExitStack, contextmanager
from time import perf_counter

import numpy as np
import pytest
import shim
from rig_tools import wait
from spout_peer import number_of, stamped

from bridge.frames.frame import Frame
from bridge.transports import Options, offers, open_sink, open_source
from bridge.transports.spout.registry import INFO, SLOT, find, senders

PATHS = {"cpu": "CPU share", "gldx": "GPU texture"}
pytestmark = pytest.mark.skipif(shim.mode == "none", reason="no pictures without a shim")
# The path that GPUs take is tested in full, the other by what is its own: pixels and a restart.
in_full = pytest.mark.skipif(shim.mode == "cpu", reason="the same by each path")


def collect(source, last: int, seconds: float = 30.0):
    """The numbers that come, up to `last` or beyond; every byte of each picture must be right."""
    numbers, end = [], perf_counter() + seconds
    while perf_counter() < end and not (numbers and numbers[-1] >= last):
        frame = source.receive(0.1)
        if frame is not None:
            assert frame.image.any(), "no black frame, ever"
            number = number_of(frame.image)
            height, width = frame.image.shape[:2]
            assert np.array_equal(frame.image, stamped(width, height, number))
            numbers.append(number)
    return numbers


def stepped(other, source, last: int, **order) -> list[int]:
    """The numbers that come of a sender that sends each when the one before is here."""
    other.tell(do="send", count=last, asked=last, fps=1000, **order)
    numbers = []
    for number in range(1, last + 1):
        numbers += collect(source, number)
        if number < last:
            other.step()
    return numbers


# Many times the one or two pictures that Spout or a reading back may keep behind the newest.
SIZES = [
    (1, 1, 12),
    pytest.param(2, 3, 12, marks=in_full),
    (333, 201, 12),
    pytest.param(640, 360, 24, marks=in_full),
    pytest.param(1920, 1080, 7, marks=in_full),
]


@pytest.mark.parametrize("order", ["RGBA", "BGRA"])
@pytest.mark.parametrize(("width", "height", "count"), SIZES)
def test_every_byte_comes_in_order_once_and_the_last_before_the_pause(
    other, width, height, count, order
):
    with open_source("spout:Cam", Options()) as source:
        numbers = stepped(other, source, count, name="Cam", width=width, height=height, order=order)
        assert source.receive(0.1) is None, "it pauses"
        assert PATHS[shim.mode] in source.status
        other.end()
    assert numbers == list(range(1, count + 1)), "none is lost, none double, none out of order"


@pytest.mark.parametrize(("width", "height", "count"), SIZES)
def test_every_byte_goes_out_and_the_last_one_stays(other, width, height, count):
    with open_sink("spout:Out", Options()) as sink:
        image = stamped(width, height, 1)
        other.tell(do="receive", name="Out", until=count, told=True)
        for number in range(1, count + 1):
            image[0, 0, :2] = number & 255, number >> 8
            for _ in range(2):  # a held picture is not sent again
                sink.send(Frame(image, perf_counter(), number))
            assert other.answer() == number, "each is to be seen for as long as it is the last"
        assert "pick Out " in sink.status
        assert PATHS[shim.mode] in sink.status
        seen = other.answer()["seen"]
    assert seen == [[number, True] for number in range(1, count + 1)]


@in_full
@pytest.mark.parametrize("count", [30])
def test_at_the_senders_own_pace_pictures_come_in_order_and_to_the_last(other, count):
    with open_source("spout:Pace", Options()) as source:
        other.tell(do="send", name="Pace", width=640, height=360, count=count, fps=15)
        numbers = collect(source, count)
        other.end()
    print(f"{len(numbers)} of {count} came")
    assert numbers[-1] == count, "a sender that pauses has its last picture shown"
    assert numbers == sorted(set(numbers)), "none double, none out of order"
    assert len(numbers) > count / 4, "the rig is slow, so some may fall out"


@in_full
def test_a_sender_that_counts_its_pictures_has_its_last_one_shown(counting, other):
    with open_source("spout:Counted", Options()) as source:
        numbers = stepped(other, source, 30, name="Counted", width=320, height=180)
        assert source._receiver.counted
        other.end()
    assert numbers == list(range(1, 31)), "also where Spout's own receiver keeps the last but one"


@pytest.fixture
def counting():
    """Spout's setting that senders count; it stays in the prefix, so it must go again."""
    import winreg

    key = winreg.CreateKey(winreg.HKEY_CURRENT_USER, r"Software\Leading Edge\Spout")
    winreg.SetValueEx(key, "Framecount", 0, winreg.REG_DWORD, 1)
    yield
    winreg.DeleteValue(key, "Framecount")


def taken_up(source, name: str, size: tuple[int, int]) -> int:
    """Looks at a hundred a second from a sender's being listed in this size to its picture here."""

    def listed() -> bool:
        source.receive(0.002)
        found = find(name)
        return bool(found) and (found.width, found.height) == size

    wait(listed)
    began, looks = perf_counter(), 1
    while (frame := source.receive(0.01)) is None or frame.image.shape[1::-1] != size:
        looks += 1
        assert perf_counter() - began < 30
    return looks


def gone(source, name: str) -> None:
    """The sender is away, which is told within the half second that nobody minds."""
    wait(lambda: find(name) is None)
    time.sleep(0.3)  # it need not be asked meanwhile, so a slow rig changes nothing
    given = [source.receive(0.0) for _ in range(3)]
    assert given[-1] is None
    assert f"waiting for spout:{name}" in source.status


@in_full
def test_a_sender_that_is_renamed_is_away_until_the_name_is_there_again(other):
    with open_source("spout:Old", Options()) as source:
        other.tell(do="send", name="Old", width=32, height=16, count=20)
        assert collect(source, 20)[-1] == 20
        other.end()
        gone(source, "Old")
        other.tell(do="send", name="New", width=32, height=16, count=1)
        wait(lambda: find("New"))
        assert source.receive(0.1) is None
        assert "waiting for spout:Old" in source.status
        other.end()
        other.tell(do="send", name="Old", width=32, height=16, count=1)
        assert collect(source, 1) == [1]
        other.end()


def test_a_sender_that_resizes_in_place(other):
    """The program keeps its name and gives another texture."""
    looks = []
    with open_source("spout:Grow", Options()) as source:
        other.tell(
            do="send", name="Grow", width=64, height=48, count=25, then=[[333, 201], [32, 16]]
        )
        for width, height in ((64, 48), (333, 201), (32, 16)):
            looks.append(taken_up(source, "Grow", (width, height)))
            assert collect(source, 25)[-1] == 25
            other.step()
        other.answer()
    print(f"taken up after {looks} looks")
    assert sorted(looks)[1] < 50


@in_full
@pytest.mark.parametrize("name", ["Étoile", "Kamera überall", "雨"])
def test_names_that_are_not_ascii(other, name):
    with open_source(f"spout:{name}", Options()) as source:
        other.tell(do="send", name=name, width=32, height=16, count=5)
        assert collect(source, 5)[-1] == 5
        assert name in source.status
        other.end()


@in_full
def test_a_taken_name_gets_a_number_and_the_true_one_is_shown(other):
    other.tell(do="send", name="Twin", width=32, height=16, count=20)
    wait(lambda: find("Twin"))
    with open_sink("spout:Twin", Options()) as sink:
        sink.send(Frame(stamped(40, 20, 1), perf_counter(), 1))
        assert "pick Twin_1 " in sink.status
        assert find("Twin_1").width == 40
        assert "spout:Twin_1" not in {offer.uri for offer in offers()}, "never our own"
        with open_source("spout:Twin", Options()) as source:
            assert collect(source, 20)[-1] == 20
    other.end()
    assert find("Twin_1") is None


@in_full
def test_without_a_name_the_preferred_one_or_the_only_one_is_taken_and_kept(others):
    other, second = others
    options = Options(prefer="BridgeIn", avoid="BridgeOut")
    with open_sink("spout:BridgeOut", options) as sink, open_source("spout:", options) as source:
        sink.send(Frame(stamped(40, 20, 1), perf_counter(), 1))
        assert source.receive(0.3) is None, "never the own one"
        assert "waiting for a Spout sender" in source.status
        other.tell(do="send", name="Only", width=32, height=16, count=20)
        assert collect(source, 20)[-1] == 20
        other.end()
        other.tell(do="send", name="Another", width=32, height=16, count=5)
        wait(lambda: find("Another"))
        assert source.receive(0.5) is None, "it waits for the one that it has taken up"
        assert "spout:Only" in source.status
        other.end()
    with open_source("spout:", options) as source:
        other.tell(do="send", name="BridgeIn", width=32, height=16, count=20)
        wait(lambda: find("BridgeIn"))
        second.tell(do="send", name="Stranger", width=64, height=48, count=20)
        wait(lambda: find("Stranger"))
        assert collect(source, 20)[-1] == 20
        assert "BridgeIn" in source.status
        second.end()
        other.end()


@in_full
def test_between_several_it_asks(others):
    with open_source("spout:", Options(prefer="BridgeIn")) as source:
        for peer, name in zip(others, ("One", "Two"), strict=True):
            peer.tell(do="send", name=name, width=32, height=16, count=1)
        wait(lambda: find("One") and find("Two"))
        assert source.receive(0.2) is None
        assert "choose one of One, Two" in source.status
        for peer in others:
            peer.end()


@in_full
def test_the_gpu_scales_where_asked(other):
    with open_source("spout:Large", Options(limit=(320, 180))) as source:
        other.tell(do="send", name="Large", width=640, height=360, count=1)
        frame = source.receive(30)
        small = stamped(640, 360, 1).reshape(180, 2, 320, 2, 4).mean((1, 3))
        assert frame.image.shape == (180, 320, 4)
        difference = np.abs(frame.image[1:] - small[1:])  # the first row has the number
        assert difference.max() <= 2, "each pixel is the mean of four"
        other.end()


@contextmanager
def mapping(name: bytes, size: int):
    """A named mapping that we may write: what another program would have made."""
    import ctypes
    from ctypes import wintypes

    kernel = ctypes.WinDLL("kernel32")
    kernel.CreateFileMappingA.restype = wintypes.HANDLE
    kernel.CreateFileMappingA.argtypes = (
        wintypes.HANDLE, ctypes.c_void_p, wintypes.DWORD, wintypes.DWORD, wintypes.DWORD,
        ctypes.c_char_p,
    )  # fmt: skip
    kernel.MapViewOfFile.restype = ctypes.c_void_p
    kernel.MapViewOfFile.argtypes = (
        wintypes.HANDLE, wintypes.DWORD, wintypes.DWORD, wintypes.DWORD, ctypes.c_size_t,
    )  # fmt: skip
    handle = kernel.CreateFileMappingA(wintypes.HANDLE(-1), None, 4, 0, size, name)
    view = kernel.MapViewOfFile(handle, 2, 0, 0, 0)
    try:
        yield (ctypes.c_char * size).from_address(view)
    finally:
        kernel.UnmapViewOfFile(ctypes.c_void_p(view))
        kernel.CloseHandle(wintypes.HANDLE(handle))


@in_full
def test_sixty_four_senders_and_one_of_a_format_that_cannot_be():
    names = [f"Many{number:02}".encode() for number in range(63)] + [b"Caf\xe9"]
    with ExitStack() as held:
        blocks = [held.enter_context(mapping(name, INFO.size)) for name in names]
        listed = held.enter_context(mapping(b"SpoutSenderNames", SLOT * 64))
        before = bytes(listed)
        try:
            for place, (name, block) in enumerate(zip(names, blocks, strict=True)):
                form = 10 if place == 3 else 87
                block[:] = INFO.pack(0, 16, 8, form, 0, rb"C:\Many.exe", 0)
                listed[place * SLOT : (place + 1) * SLOT] = name.ljust(SLOT, b"\0")
            began = perf_counter()
            found = senders()
            took = perf_counter() - began
            print(f"64 senders read in {1e3 * took:.1f} ms")
            assert len(found) == 64
            assert found[63].name == "Café"
            with open_source("spout:Many03", Options()) as source:
                assert source.receive(0.3) is None
                assert "RGBA16F" in source.problem
                assert "8-bit fixed" in source.problem
        finally:
            listed[:] = before
            for block in blocks:
                block[:] = bytes(INFO.size)


def test_a_sender_may_be_killed_and_come_back_in_another_size(peers):
    """The last one here: after it the other programs must be started anew."""
    looks = []
    with open_source("spout:Stage", Options()) as source:
        for (width, height), sender in zip(
            ((64, 48), (64, 48), (322, 200)), peers.idle(3), strict=True
        ):
            sender.tell(do="send", name="Stage", width=width, height=height, count=3000)
            looks.append(taken_up(source, "Stage", (width, height)))
            assert collect(source, 20)[-1] >= 20
            assert f"{width}x{height}" in source.status
            sender.kill()
            gone(source, "Stage")
    print(f"taken up after {looks} looks")
    assert sorted(looks)[1] < 50, "the first connection of all may be slow in the rig"
