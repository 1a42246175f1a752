"""What crosses a line: each message whole, in order and once, and nothing else."""

import json
import typing
from dataclasses import MISSING, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ipc.messages import BlockMade, ParameterSnapshot, WorkerFailed
from engine.ipc.typed import ProtocolError, UnknownKindError
from engine.remote import wire
from engine.remote.outbox import MOST, Inbox, Outbox
from engine.remote.wire import (
    FROM_RELAY,
    FROM_SERVER,
    Header,
    Ping,
    RelayHello,
    RelayMessage,
    ServerMessage,
    Steer,
    Stream,
    numbered,
    written,
)

HELLO = RelayHello(version=wire.VERSION, release="1", coding="h264", session="s", relay="r")


@given(st.lists(st.sampled_from(["say", "cut", "deliver", "confirm"]), max_size=200))
def test_each_message_arrives_once_and_in_order_over_any_cuts(acts):
    outbox, inbox, way, said, heard = Outbox(), Inbox(), [], 0, []

    def deliver() -> None:
        number = way.pop(0)
        if inbox.takes(number):
            heard.append(number)

    for act in [*acts, "cut"]:
        if act == "say":
            said += 1
            assert outbox.next_number == said
            outbox.keep(str(said))
            way.append(said)
        elif act == "cut":  # what is on its way is lost; both ends greet
            outbox.confirm(inbox.heard)
            way[:] = map(int, outbox.unconfirmed)
        elif act == "deliver" and way:
            deliver()
        elif act == "confirm":
            outbox.confirm(inbox.heard)
            assert len(outbox.unconfirmed) == said - inbox.heard
    while way:
        deliver()
    assert heard == [*range(1, said + 1)]


def test_what_cannot_be_is_refused():
    outbox, inbox = Outbox(), Inbox()
    outbox.keep("first")
    with pytest.raises(ProtocolError, match="2 was confirmed but never sent"):
        outbox.confirm(2)
    with pytest.raises(ProtocolError, match="Message 1 is missing"):
        inbox.takes(2)
    assert inbox.takes(0), "what may be lost has no order"
    for _ in range(MOST - 1):
        outbox.keep("more")
    with pytest.raises(ProtocolError, match="confirms no messages"):
        outbox.keep("too many")


def _sample(kind: object) -> object:
    """A value of a field's type, within its bounds as far as they are known here."""
    bounds = typing.get_args(kind)[1:] if typing.get_origin(kind) is typing.Annotated else ()
    for bound in bounds:
        if hasattr(bound, "form"):
            return "a" * 64
    base = typing.get_args(kind)[0] if bounds else kind
    samples: dict[object, object] = {int: 1, float: 0.5, bool: True, str: "text"}
    if base in samples:
        return samples[base]
    origin = typing.get_origin(base)
    if origin is tuple:
        return ()
    if isinstance(base, type) and issubclass(base, int):
        return next(iter(base))
    return {"name": "text"} if origin else _message(base)


def _message(kind):
    hints = typing.get_type_hints(kind, include_extras=True)
    return kind(**{each.name: _sample(hints[each.name]) for each in fields(kind)})


@pytest.mark.parametrize(
    ("vocabulary", "union"), [(FROM_RELAY, RelayMessage), (FROM_SERVER, ServerMessage)]
)
def test_every_message_crosses_as_it_is_with_what_a_newer_release_adds(vocabulary, union):
    for kind in typing.get_args(union):
        message = _message(kind)
        is_hello = kind is typing.get_args(union)[0]
        if is_hello:
            message = (
                HELLO
                if kind is RelayHello
                else wire.ServerHello(version=wire.VERSION, release="1", session="s", resumed=True)
            )
        number, data = numbered(written(7, message))
        assert number == 7
        assert vocabulary.decode(data, first=is_hello) == message
        told = {**json.loads(data), "of_a_newer_release": [1, {"x": None}]}
        assert vocabulary.decode(json.dumps(told).encode(), first=is_hello) == message
        for each in fields(kind):  # and what an older one does not know
            if each.default is not MISSING or each.default_factory is not MISSING:
                told.pop(each.name)
        assert isinstance(vocabulary.decode(json.dumps(told).encode(), first=is_hello), kind)


def test_strangers_messages_are_refused_with_a_reason():
    _, greeting = numbered(written(0, HELLO))
    with pytest.raises(UnknownKindError):
        FROM_SERVER.decode(b'{"type":"OfANewerRelease","x":1}')
    with pytest.raises(ProtocolError, match="uses version 2 of their messages, this server vers"):
        FROM_RELAY.decode(greeting.replace(b'"version":1', b'"version":2'), first=True)
    with pytest.raises(ProtocolError, match="came first"):
        FROM_RELAY.decode(b'{"type":"Ping","version":1,"at":0.5}', first=True)
    with pytest.raises(ProtocolError, match="came again"):
        FROM_RELAY.decode(greeting)
    for number in ("NaN", "Infinity", "-Infinity", "1e999", "1e13", "true", '"1"', "null"):
        with pytest.raises(ProtocolError):
            FROM_RELAY.decode(b'{"type":"Ping","at":' + number.encode() + b"}")
    for text in ("", "7", "x {}", "-1 {}", "1.5 {}", "99999999999999999 {}", "٣ {}"):
        with pytest.raises(ProtocolError, match="no number"):
            numbered(text)
    report = BlockMade(frames=1, seconds=0.1, snapshot=1, report={"loss": float("nan")})
    with pytest.raises(ProtocolError, match="NaN is not JSON"):
        FROM_SERVER.decode(numbered(written(0, report))[1])


@given(st.binary(max_size=80))
def test_a_binary_message_is_a_header_and_its_data_or_refused(message):
    try:
        header, data = Header.of(message)
    except ProtocolError:
        return
    assert header.stream in {*Stream}
    assert abs(header.time) < 1e12
    again, rest = Header.of(header.packed(data))
    assert (again, bytes(rest)) == (header, bytes(data))


def test_only_what_the_next_one_repeats_may_be_lost():
    assert Ping in wire.LOSSY
    assert WorkerFailed not in wire.LOSSY
    steer = Steer(snapshot=ParameterSnapshot(number=3, values={"mark": 200, "prompt": "é"}))
    assert isinstance(steer, wire.LOSSY)
    assert FROM_RELAY.decode(numbered(written(0, steer))[1]) == steer
