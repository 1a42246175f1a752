"""The messages between bridge and worker, and those that neither accepts."""

import json
import os
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import FrozenInstanceError, fields
from typing import Annotated, Any, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.ipc.channel import LONGEST, bridge_end, worker_end
from engine.ipc.messages import (
    FROM_BRIDGE,
    FROM_WORKER,
    LONGEST_TEXT,
    MOST_REQUESTED,
    VERSION,
    Alive,
    BlockMade,
    BridgeHello,
    BridgeMessage,
    Exit,
    FrameGrant,
    LoadProgress,
    ParameterSnapshot,
    Stop,
    TimeLimit,
    WorkerHello,
    WorkerMessage,
    brief,
)
from engine.ipc.typed import Few, Letters, ProtocolError, Told, Within, Written, encode
from engine.parameters import Value

SNAPSHOT = ParameterSnapshot(
    number=7, values={"prompt": "Größe \ud83d", "fade": 1.0, "seed": 1, "on": True, "e": 1e-9}
)
GIVEN = {"number": 7, "values": {}}
HELLO = BridgeHello(
    version=VERSION, worker=3, assets="a", models="m", more_models=("n",), cache="c", dismissed=()
)
# Of each type that a field may be: a value, and what cannot be one.
VALUES = {
    int: (5, None, "5", 5.0, True),
    float: (0.5, None, "2.5", True),
    bool: (True, None, 1, "yes"),
    str: ("a word", None, 1, ["a"]),
    Exit: (Exit.CUDA, None, 3, "76", True),
    tuple[str, ...]: (("a", "b"), None, "ab", [1], {"a": 1}),
    tuple[int, ...]: ((7, 42), None, 7, ["a"], [1.0], [True], {"a": 1}),
    Mapping[str, str]: ({"lora_1": "It holds NaN."}, None, [], "x", {"a": None}, {"a": 1}),
    Mapping[str, Value]: ({"size": "64x48", "n": 4}, None, [], {"a": None}, {"a": ["b"]}),
    Mapping[str, Any]: ({"notice": "…", "deep": [[[{}]], None]}, None, [], "x"),
    ParameterSnapshot: (
        SNAPSHOT, None, 7, {}, {"number": 7}, GIVEN | {"more": 1}, GIVEN | {"number": 7.0},
        GIVEN | {"values": {"a": None}},
    ),
}  # fmt: skip
DEEP = {}
for _ in range(20):
    DEEP = {"of": [DEEP]}
NOWHERE = float("nan"), float("inf"), float("-inf"), 10**400, -(10**400)
# What a field that holds no more than this refuses, right type or not.
BEYOND = {
    Within: lambda bound: (bound.least - 1, bound.most + 1, 10 * bound.most + 10, *NOWHERE),
    Few: lambda bound: (
        dict.fromkeys(map(str, range(bound.most + 1)), "x"), {"a": "x" * (bound.longest + 1)},
        {"x" * (bound.longest + 1): "a"},
    ),
    Letters: lambda bound: ("x" * (bound.most + 1), "é" * 10_000_000),
    Written: lambda bound: (
        "", "stage", "../1-2-out-3-0123456789ab", "1-2-out-3-0123456789ab\n", "/etc/passwd",
    ),
    Told: lambda bound: (
        {"notice": "x" * 10_000_000}, {"x" * 200_000: 1}, {"many": [[]] * 100_000}, DEEP,
    ),
}  # fmt: skip


def values_of(hint):
    """A value for a field of this annotation, and what cannot be one."""
    if get_origin(hint) is not Annotated:
        return VALUES[hint]
    base, bound = get_args(hint)
    right, *wrong = VALUES[base]
    right = "1-2-out-3-0123456789ab" if isinstance(bound, Written) else right
    of_type = {int: int, float: (int, float)}.get(base, object)
    beyond = [value for value in BEYOND[type(bound)](bound) if isinstance(value, of_type)]
    return right, *wrong, *beyond


def sample(kind):
    """A message of a kind, with something in each of its fields."""
    version = {"version": VERSION} if "version" in kind.__slots__ else {}
    return kind(**{each.name: values_of(each.type)[0] for each in fields(kind)} | version)


def both_ways():
    for vocabulary, messages in ((FROM_BRIDGE, BridgeMessage), (FROM_WORKER, WorkerMessage)):
        yield from ((vocabulary, sample(kind)) for kind in get_args(messages))


EVERY = pytest.mark.parametrize(
    ("vocabulary", "message"),
    [pytest.param(*each, id=type(each[1]).__name__) for each in both_ways()],
)


def first(message):
    return isinstance(message, (BridgeHello, WorkerHello))


@EVERY
def test_what_is_said_is_what_is_heard_and_nobody_can_change_it(vocabulary, message):
    heard = vocabulary.decode(encode(message), first=first(message))
    assert heard == message
    assert type(heard) is type(message)
    for each in fields(message):
        with pytest.raises(FrozenInstanceError):
            setattr(heard, each.name, None)


@pytest.mark.slow
@EVERY
def test_a_field_too_many_one_too_few_and_one_that_it_cannot_hold_are_refused(vocabulary, message):
    told = json.loads(encode(message))
    wrong = [told | {"more": 1}]
    for each in fields(message):
        if each.name != "version":
            wrong.append({name: told[name] for name in told if name != each.name})
            wrong += [told | {each.name: value} for value in values_of(each.type)[1:]]
    for each in wrong:
        with pytest.raises(ProtocolError, match=f"{told['type']} is invalid: ") as refused:
            vocabulary.decode(json.dumps(each).encode(), first=first(message))
        assert len(str(refused.value)) < 400, "one sentence, whatever was said"


@pytest.mark.parametrize(("vocabulary", "hello", "speaker", "listener"), [
    (FROM_BRIDGE, HELLO, "The bridge", "this engine worker"),
    (FROM_WORKER, WorkerHello(version=VERSION, pid=1), "The engine worker", "this bridge"),
])  # fmt: skip
def test_both_versions_are_told_where_they_differ_whatever_else_has_changed(
    vocabulary, hello, speaker, listener
):
    told = json.loads(encode(hello))
    both = f"{speaker} sent an invalid message: it uses %s of .*, {listener} version {VERSION};"
    for version in (VERSION + 1, 0, "2", float(VERSION), True, None):
        for more in ({}, {"type": "Born"}, {"news": 1}):
            other = json.dumps(told | {"version": version} | more).encode()
            with pytest.raises(ProtocolError, match=both % f"version {version!r}"):
                vocabulary.decode(other, first=True)
    with pytest.raises(ProtocolError, match=both % "no version"):
        vocabulary.decode(b'{"say": "born", "pid": 7}', first=True)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"{]]}", "Expecting property name"),
        (b"\xff", "utf-8"),
        (b"[" * 100_000, "recursion"),
        (b"[1]", r"\[1\] is not a message"),
        (
            b"{}",
            f"None is not a message of version {VERSION}, which both claim to use",
        ),
        (b'{"type": "Gossip"}', f"'Gossip' is not a message of version {VERSION}"),
        (b'{"type": ["Alive"]}', f"is not a message of version {VERSION}"),
        (encode(Stop()), "'Stop' is not a message"),  # the other one's
        (encode(WorkerHello(version=VERSION, pid=1)), "WorkerHello came again"),
        (
            b'{"type": "FrameRequest", "count": %d, "guides": 0, "streaming": false}'
            % (MOST_REQUESTED + 1),
            "count cannot be 65: it must be 0 to 64",
        ),
        (
            b'{"type": "FrameRequest", "count": -1, "guides": 0, "streaming": false}',
            "count cannot be -1: it",
        ),
        (
            b'{"type": "FrameRequest", "count": 0, "guides": 65, "streaming": false}',
            "guides cannot be 65: it",
        ),
        (
            b'{"type": "WorkerFailed", "text": "", "code": 3, "unforeseen": true, "blames": {}}',
            "code cannot be 3: it must be one of 0, 1, 70",
        ),
    ],
)
def test_what_is_no_message_is_refused_in_a_sentence(data, told):
    with pytest.raises(ProtocolError, match=f"The engine worker sent an invalid message: .*{told}"):
        FROM_WORKER.decode(data)


def test_the_first_message_is_a_hello():
    told = json.dumps({"type": "Alive", "version": VERSION}).encode()
    with pytest.raises(ProtocolError, match="Alive came first"):
        FROM_WORKER.decode(told, first=True)


def test_whole_numbers_of_json_become_the_floats_that_they_were():
    limit = FROM_WORKER.decode(b'{"type": "TimeLimit", "seconds": 3}')
    assert limit == TimeLimit(seconds=3.0)
    assert type(limit.seconds) is float
    values = FROM_BRIDGE.decode(encode(FrameGrant(snapshot=SNAPSHOT))).snapshot.values
    assert [type(values[name]) for name in ("fade", "seed", "on")] == [float, int, bool]


def test_what_is_sent_as_it_may_not_be_is_refused_where_it_arrives():
    """Nothing is checked twice: the encoder trusts its own side."""
    grant = FrameGrant(snapshot=ParameterSnapshot(number=1, values={"prompt": None}))
    with pytest.raises(ProtocolError, match="FrameGrant is invalid: values cannot be"):
        FROM_BRIDGE.decode(encode(grant))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@pytest.mark.slow
@EVERY
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_whatever_stands_in_a_field_is_read_as_it_is_or_refused(vocabulary, message, data):
    told = json.loads(encode(message))
    for name in data.draw(st.sets(st.sampled_from(sorted(told)), min_size=1, max_size=2)):
        told[name] = data.draw(ANYTHING | st.sampled_from([*NOWHERE, 2**63, -1, 1e300]))
    said = json.dumps(told).encode()
    try:
        heard = vocabulary.decode(said, first=first(message))
    except ProtocolError as error:
        refused = str(error)
    else:
        refused = ""
        assert repr(vocabulary.decode(encode(heard), first=first(message))) == repr(heard)
    assert len(refused) < 400


@given(text=st.text(max_size=10), times=st.sampled_from([1, 399, 400, 401, 5000]))
@settings(max_examples=40, deadline=None)
def test_as_much_of_any_text_is_told_as_a_sentence_holds(text, times):
    text, told = text * times, brief(text * times)
    message = LoadProgress(phase=told, part=0.0)
    assert FROM_WORKER.decode(encode(message)) == message
    assert told == text if len(text) <= LONGEST_TEXT else text.startswith(told[:-1])


@contextmanager
def pair():
    """Both ends of a pair of pipes, in one process."""
    (from_bridge, to_worker), (from_worker, to_bridge) = os.pipe(), os.pipe()
    bridge = bridge_end(os.fdopen(from_worker, "rb"), os.fdopen(to_worker, "wb"))
    worker = worker_end(os.fdopen(from_bridge, "rb"), os.fdopen(to_bridge, "wb"))
    yield bridge, worker
    for end in (bridge, worker):
        end.close()
        end.hang_up()


def test_messages_go_over_pipes_until_one_end_is_closed():
    with pair() as (bridge, worker):
        bridge.send(HELLO)
        bridge.send(FrameGrant(snapshot=SNAPSHOT, count=4, first=8, ring="in"))
        worker.send(WorkerHello(version=VERSION, pid=3))
        worker.send(BlockMade(frames=4, seconds=0.5, snapshot=7, report={"deep": [[]]}))
        assert worker.receive() == HELLO
        assert worker.receive() == FrameGrant(snapshot=SNAPSHOT, count=4, first=8, ring="in")
        assert bridge.receive() == WorkerHello(version=VERSION, pid=3)
        assert bridge.receive().report == {"deep": [[]]}
        worker.close()
        assert bridge.receive() is None
        bridge.close()
        assert worker.receive() is None
        with pytest.raises((OSError, ValueError)):
            worker.send(Alive())


def test_one_hello_is_asked_for_and_no_more():
    with pair() as (bridge, worker):
        worker.send(Alive())
        with pytest.raises(ProtocolError, match="it uses no version"):
            bridge.receive()
    with pair() as (bridge, worker):
        for _ in range(2):
            worker.send(WorkerHello(version=VERSION, pid=3))
        assert bridge.receive()
        with pytest.raises(ProtocolError, match="WorkerHello came again"):
            bridge.receive()


@pytest.mark.parametrize("end", [bridge_end, worker_end])
def test_a_length_that_no_message_has_is_told_and_never_taken_for_the_end(end):
    incoming, outgoing = os.pipe()
    os.write(outgoing, (LONGEST + 1).to_bytes(4, "little"))
    with (
        os.fdopen(incoming, "rb") as file,
        pytest.raises(ProtocolError, match="bytes, which is too long"),
    ):
        end(file, file).receive()
    os.close(outgoing)


@pytest.mark.parametrize("broken", [b"\x09\0\0", b"\x09\0\0\0{}"])
def test_a_stream_that_is_broken_off_is_as_good_as_closed(broken):
    incoming, outgoing = os.pipe()
    os.write(outgoing, broken)
    os.close(outgoing)
    with os.fdopen(incoming, "rb") as file:
        assert bridge_end(file, file).receive() is None
