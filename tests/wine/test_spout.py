"""Our Spout transport against the real SpoutGL in other processes. Runs in the Windows Python."""

import time
from time import perf_counter

import numpy as np
import pytest
import shim
from rig_tools import peer, wait
from spout_peer import number_of, stamped

from bridge.frame import Frame
from bridge.transports import Options, offers, open_sink, open_source
from bridge.transports.spout_registry import INFO, SLOT, find, senders

PATHS = {"cpu": "CPU share", "gldx": "GPU texture"}
pytestmark = pytest.mark.skipif(shim.mode == "none", reason="no pictures without a shim")
# The path that GPUs take is tested in full, the other by what is its own: pixels and a restart.
in_full = pytest.mark.skipif(shim.mode == "cpu", reason="the same by each path")


@pytest.fixture(scope="module")
def other():
    with peer() as running:
        yield running


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


@pytest.mark.parametrize(
    ("width", "height", "count", "order"),
    [
        (1, 1, 30, "RGBA"),
        pytest.param(2, 3, 30, "RGBA", marks=in_full),
        (333, 201, 60, "RGBA"),
        (333, 201, 60, "BGRA"),
        pytest.param(640, 360, 300, "RGBA", marks=in_full),
        pytest.param(640, 360, 60, "BGRA", marks=in_full),
        pytest.param(1920, 1080, 30, "RGBA", marks=in_full),
    ],
)
def test_every_byte_comes_in_order_once_and_the_last_before_the_pause(
    other, width, height, count, order
):
    fps = 5 if width == 1920 else 15  # the software driver needs about 50 ms a picture
    with open_source("spout:Cam", Options()) as source:
        other.tell(do="send", name="Cam", width=width, height=height, count=count, order=order,
                   fps=fps, linger=1.5)  # fmt: skip
        numbers = collect(source, count)
        assert PATHS[shim.mode] in source.status
        other.answer()
    assert numbers[-1] == count, "a sender that pauses has its last picture shown"
    assert numbers == sorted(set(numbers)), "none double, none out of order"
    print(f"{len(numbers)} of {count}")
    assert len(numbers) >= 0.5 * count, "the rig is slow, so some may fall out"


@pytest.mark.parametrize(
    ("width", "height", "count"),
    [
        (1, 1, 30),
        pytest.param(2, 3, 30, marks=in_full),
        (333, 201, 60),
        pytest.param(640, 360, 300, marks=in_full),
        pytest.param(1920, 1080, 20, marks=in_full),
    ],
)
def test_every_byte_goes_out_and_the_last_one_stays(other, width, height, count):
    with open_sink("spout:Out", Options()) as sink:
        image = stamped(width, height, 1)
        sink.send(Frame(image, perf_counter(), 1))
        assert "pick Out " in sink.status
        assert PATHS[shim.mode] in sink.status
        other.tell(do="receive", name="Out", until=count, seconds=60)
        time.sleep(1.5)  # until it has found us
        for number in range(2, count + 1):
            image[0, 0, :2] = number & 255, number >> 8
            for _ in range(2):  # a held picture is not sent again
                sink.send(Frame(image, perf_counter(), number))
            time.sleep(1 / 15 if width < 1920 else 1 / 5)
        seen = other.answer()["seen"]
    numbers = [number for number, _ in seen]
    assert numbers[-1] == count
    assert numbers == sorted(set(numbers))
    assert all(exact for _, exact in seen)
    print(f"{len(numbers)} of {count}")
    assert len(numbers) >= 0.5 * count


@in_full
def test_a_sender_that_counts_its_pictures_has_its_last_one_shown(counting):
    with peer() as other, open_source("spout:Counted", Options()) as source:
        other.tell(do="send", name="Counted", width=320, height=180, count=120, linger=2, fps=15)
        numbers = collect(source, 120)
        assert source._receiver.counted
    assert numbers[-1] == 120, "also where Spout's own receiver keeps the last but one"
    assert numbers == sorted(set(numbers))
    assert len(numbers) >= 0.5 * 120


@pytest.fixture
def counting():
    """Spout's setting that senders count; it stays in the prefix, so it must go again."""
    import winreg

    key = winreg.CreateKey(winreg.HKEY_CURRENT_USER, r"Software\Leading Edge\Spout")
    winreg.SetValueEx(key, "Framecount", 0, winreg.REG_DWORD, 1)
    yield
    winreg.DeleteValue(key, "Framecount")


def taken_up(source, name: str, size: tuple[int, int]) -> float:
    """Seconds from a sender's being listed in this size to its first picture here."""

    def listed() -> bool:
        found = find(name)
        return bool(found) and (found.width, found.height) == size

    while not listed():
        source.receive(0.002)
    began = perf_counter()
    while (frame := source.receive(0.01)) is None or frame.image.shape[1::-1] != size:
        assert perf_counter() - began < 10
    return perf_counter() - began


def gone(source) -> float:
    """Seconds until the state says that the sender is away."""
    return wait(lambda: source.receive(0.002) is None and "waiting for" in source.status)


def test_a_sender_may_be_killed_and_come_back_in_another_size():
    times = []
    with open_source("spout:Stage", Options()) as source:
        for width, height in ((64, 48), (64, 48), (322, 200)):
            with peer() as sender:
                sender.tell(do="send", name="Stage", width=width, height=height, count=1000)
                came = taken_up(source, "Stage", (width, height))
                assert collect(source, 20)[-1] >= 20
                assert f"{width}x{height}" in source.status
                sender.kill()
            went = gone(source)
            print(f"taken up in {1e3 * came:.0f} ms, gone after {1e3 * went:.0f} ms")
            times.append(came)
            assert went < 0.5
    assert sorted(times)[1] < 0.5, "the first connection of all may be slow in the rig"


@in_full
def test_a_sender_that_is_renamed_is_away_until_the_name_is_there_again(other):
    with open_source("spout:Old", Options()) as source:
        other.tell(do="send", name="Old", width=32, height=16, count=20)
        assert collect(source, 20)[-1] == 20
        other.answer()
        assert gone(source) < 0.5
        other.tell(do="send", name="New", width=32, height=16, count=20)
        other.answer()
        assert source.receive(0.1) is None
        assert "waiting for spout:Old" in source.status


def test_a_sender_that_resizes_in_place(other):
    """The program keeps its name and gives another texture."""
    times = []
    with open_source("spout:Grow", Options()) as source:
        other.tell(
            do="send", name="Grow", width=64, height=48, count=25, then=[[333, 201], [32, 16]]
        )
        for width, height in ((64, 48), (333, 201), (32, 16)):
            came = taken_up(source, "Grow", (width, height))
            print(f"{width}x{height} after {1e3 * came:.0f} ms")
            times.append(came)
            assert collect(source, 25)[-1] == 25
        other.answer()
    assert sorted(times)[1] < 0.5


@in_full
@pytest.mark.parametrize("name", ["Étoile", "Kamera überall", "雨"])
def test_names_that_are_not_ascii(other, name):
    with open_source(f"spout:{name}", Options()) as source:
        other.tell(do="send", name=name, width=32, height=16, count=30)
        assert collect(source, 30)[-1] == 30
        assert name in source.status
        other.answer()


@in_full
def test_a_taken_name_gets_a_number_and_the_true_one_is_shown(other):
    other.tell(do="send", name="Twin", width=32, height=16, count=150)
    wait(lambda: find("Twin"))
    with open_sink("spout:Twin", Options()) as sink:
        sink.send(Frame(stamped(40, 20, 1), perf_counter(), 1))
        assert "pick Twin_1 " in sink.status
        assert find("Twin_1").width == 40
        assert "spout:Twin_1" not in {offer.uri for offer in offers()}, "never our own"
        with open_source("spout:Twin", Options()) as source:
            assert collect(source, 150)[-1] == 150
    other.answer()
    assert find("Twin_1") is None


@in_full
def test_without_a_name_the_preferred_one_or_the_only_one_is_taken_and_kept(other):
    options = Options(prefer="BridgeIn", avoid="BridgeOut")
    with open_sink("spout:BridgeOut", options) as sink, open_source("spout:", options) as source:
        sink.send(Frame(stamped(40, 20, 1), perf_counter(), 1))
        assert source.receive(0.3) is None, "never the own one"
        assert "waiting for a Spout sender" in source.status
        other.tell(do="send", name="Only", width=32, height=16, count=50)
        assert collect(source, 50)[-1] == 50
        other.answer()
        other.tell(do="send", name="Another", width=32, height=16, count=25)
        assert source.receive(0.5) is None, "it waits for the one that it has taken up"
        assert "spout:Only" in source.status
        other.answer()
    with peer() as second, open_source("spout:", options) as source:
        other.tell(do="send", name="BridgeIn", width=32, height=16, count=120)
        wait(lambda: find("BridgeIn"))
        second.tell(do="send", name="Stranger", width=64, height=48, count=60)
        assert collect(source, 120)[-1] == 120
        assert "BridgeIn" in source.status
        other.answer()


@in_full
def test_between_several_it_asks(other):
    with peer() as second, open_source("spout:", Options(prefer="BridgeIn")) as source:
        other.tell(do="send", name="One", width=32, height=16, count=60)
        second.tell(do="send", name="Two", width=32, height=16, count=60)
        wait(lambda: find("One") and find("Two"))
        assert source.receive(0.2) is None
        assert "choose one of One, Two" in source.status
        second.answer()
        other.answer()


@in_full
def test_the_gpu_scales_where_asked(other):
    with open_source("spout:Large", Options(limit=(320, 180))) as source:
        other.tell(do="send", name="Large", width=640, height=360, count=15)
        frame = None
        end = perf_counter() + 15
        while frame is None and perf_counter() < end:
            frame = source.receive(0.1)
        small = stamped(640, 360, 1).reshape(180, 2, 320, 2, 4).mean((1, 3))
        assert frame.image.shape == (180, 320, 4)
        difference = np.abs(frame.image[1:] - small[1:])  # the first row has the number
        assert difference.max() <= 2, "each pixel is the mean of four"
        other.answer()


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
    return (ctypes.c_char * size).from_address(view)


@in_full
def test_sixty_four_senders_and_one_of_a_format_that_cannot_be(other):
    names = [f"Many{number:02}".encode() for number in range(63)] + [b"Caf\xe9"]
    blocks = [mapping(name, INFO.size) for name in names]
    listed = mapping(b"SpoutSenderNames", SLOT * 64)
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
