"""Images and LoRAs on their way to a server: both ends, with a line that the test cuts."""

import hashlib
import threading
import time
from pathlib import Path

import pytest

from bridge.serve.files import Incoming, Store
from engine.images.assets import find
from engine.ipc.messages import VERSION, BridgeHello
from engine.parameters import Parameters, control
from engine.remote import files
from engine.remote.files import Sharer
from engine.remote.wire import FileHeld, FileKind, FileRefused, FileWanted, OfferFile

WAIT = 20.0  # seconds, against hanging


class Named(Parameters):
    image: str = control("", "An image.", asset=True)


class Way:
    """The sender of a line as files use it; what is sent waits in `pieces` until it is taken."""

    def __init__(self) -> None:
        self.pieces: list[tuple[int, bytes]] = []
        self.open = True
        self.came = threading.Condition()

    def piece(self, data, wanted):
        with self.came:
            if self.open and len(self.pieces) >= 2:
                return None  # it carries no more
            if self.open:
                self.pieces.append((wanted, data))
                self.came.notify_all()
            return self.open

    def next(self) -> tuple[int, bytes]:
        with self.came:
            assert self.came.wait_for(lambda: self.pieces, WAIT)
            return self.pieces.pop(0)


class Ends:
    """A bridge's folder of images, and a session that gets what it lacks of them."""

    def __init__(self, folder: Path) -> None:
        self.assets, self.there = folder / "assets", folder / "session"
        self.assets.mkdir()
        self.known = threading.Event()
        self.sharer = Sharer(self.known.set)
        self.sharer.look_in(
            BridgeHello(
                version=VERSION, worker=1, assets=str(self.assets), models=str(folder),
                more_models=(), cache="", dismissed=(),
            )
        )  # fmt: skip
        self.store = Store(folder / "store")
        self.incoming = Incoming(self.store, self.there)

    def offer(self, name: str) -> OfferFile:
        end = time.perf_counter() + WAIT
        while (found := self.sharer.files([Named], {"image": name})["image"]) is None:
            assert time.perf_counter() < end
            self.known.wait(0.01)
        return found.offer

    def write(self, name: str, data: bytes) -> OfferFile:
        (self.assets / name).write_bytes(data)
        return self.offer(name)

    def arrives(self, way: Way):
        """Take pieces until a file is whole, and what is answered then."""
        while not (answers := self.incoming.piece(*way.next())):
            pass
        return answers

    def lies(self, name: str) -> bytes:
        return (self.there / "assets" / name).read_bytes()


@pytest.fixture
def ends(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "PIECE", 100)
    monkeypatch.setattr("bridge.serve.files.SPARE", 0)
    return Ends(tmp_path)


def test_a_file_goes_on_after_a_cut_and_arrives_once_under_all_its_names(ends):
    data = bytes(range(256)) * 4
    first, second = ends.write("a.png", data), ends.write("b.png", data)
    wish = ends.incoming.offered(first)
    assert isinstance(wish, FileWanted)
    assert ends.incoming.offered(second) is None
    way = Way()
    ends.sharer.send(wish, way)
    for _ in range(3):
        assert ends.incoming.piece(*way.next()) == ()
    again = ends.incoming.again()  # there is another connection, on which the old one goes on
    assert again is not None
    assert again.start == 300
    stale = way.next()
    ends.sharer.send(again, way)
    assert ends.incoming.piece(*stale) == ()
    assert ends.arrives(way) == (FileHeld(sha256=first.sha256),)
    assert (ends.lies("a.png"), ends.lies("b.png")) == (data, data)
    assert ends.incoming.again() is None
    other = Incoming(ends.store, ends.there.with_name("of another bridge"))
    assert other.offered(first) == FileHeld(sha256=first.sha256), "the server has it for all"


def test_other_content_under_the_same_name_takes_its_place(ends):
    for data in (b"one" * 100, b"two" * 100, b"one" * 100):
        way, wish = Way(), ends.incoming.offered(ends.write("a.png", data))
        if isinstance(wish, FileWanted):
            ends.sharer.send(wish, way)
            assert isinstance(ends.arrives(way)[0], FileHeld)
        assert ends.lies("a.png") == data


@pytest.mark.parametrize("change", [b"", b"short", b"x" * 1000, None])
def test_a_file_that_changes_on_its_way_is_refused_and_the_next_one_comes(ends, change):
    offer, empty = ends.write("a.png", b"y" * 500), ends.write("empty.png", b"")
    wish = ends.incoming.offered(offer)
    assert isinstance(wish, FileWanted)
    assert ends.incoming.offered(empty) is None
    if change is None:
        (ends.assets / "a.png").unlink()
    else:
        (ends.assets / "a.png").write_bytes(change)
    way = Way()
    ends.sharer.send(wish, way)
    refused, wish = ends.arrives(way)
    assert refused == FileRefused(
        sha256=offer.sha256,
        text="'a.png' cannot be used on the server: it did not arrive as it was offered.",
    )
    assert isinstance(wish, FileWanted)
    way = Way()
    ends.sharer.send(wish, way)
    assert ends.arrives(way) == (FileHeld(sha256=empty.sha256),)
    assert ends.lies("empty.png") == b""


def test_a_file_that_cannot_be_read_is_left_out_and_asked_for_no_more(ends, monkeypatch):
    """The engine says that it lacks it, as of one that does not exist."""
    path = ends.assets / "a.png"
    path.write_bytes(b"x")
    opened = []

    def broken(self, *_):
        opened.append(self)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "open", broken)
    assert find(ends.assets, "a.png")
    assert ends.sharer.files([Named], {"image": "a.png"}) == {"image": None}
    assert ends.known.wait(WAIT)
    for _ in range(3):
        assert ends.sharer.files([Named], {"image": "a.png"}) == {}
    assert opened == [path]


@pytest.mark.parametrize(
    ("kind", "name", "size", "why"),
    [
        (FileKind.IMAGE, "../a.png", 1, "not a name"),
        (FileKind.IMAGE, "/etc/passwd", 1, "not a name"),
        (FileKind.IMAGE, "", 1, "not a name"),
        (FileKind.LORA, "a.safetensors", 1, "not a name"),
        (FileKind.LORA, "../a.safetensors", 1, "not a name"),
        (FileKind.LORA, f"{'0' * 12}/a.safetensors", 1, "not a name"),
        (FileKind.IMAGE, "a.png", 26 << 20, "larger than 25 MB"),
        (FileKind.IMAGE, "\ud800.png", 1, "not a name"),
    ],
)
def test_what_the_server_does_not_take_is_a_sentence(ends, kind, name, size, why):
    sha256 = hashlib.sha256(b"x").hexdigest()
    answer = ends.incoming.offered(OfferFile(kind=kind, name=name, sha256=sha256, size=size))
    assert isinstance(answer, FileRefused)
    assert why in answer.text
    assert ends.incoming.again() is None
    assert not ends.there.exists()
