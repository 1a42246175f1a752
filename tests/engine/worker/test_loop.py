"""The worker's side: what it requests, what it makes blocks of, what ends it."""

import os
import struct
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from itertools import count, repeat
from pathlib import Path

import numpy as np
import pytest

import engine.worker.loop
from engine.catalog.controls import size_control
from engine.files.errors import CheckpointError, FileError
from engine.ipc.channel import bridge_end, worker_end
from engine.ipc.messages import (
    FROM_WORKER,
    VERSION,
    Alive,
    BlockMade,
    BlockPrepared,
    BridgeHello,
    Exit,
    FrameGrant,
    FrameMade,
    FrameRequest,
    LoadPipeline,
    ParameterSnapshot,
    PipelineKept,
    PipelineReady,
    PipelineSwapped,
    PrepareBlock,
    RenewRing,
    ResetStream,
    RingLost,
    RingMade,
    Stop,
    WorkerFailed,
    WorkerHello,
)
from engine.ipc.ring import RingReader, RingWriter
from engine.ipc.segments import private_name, sweep_of, unlink
from engine.ipc.typed import ProtocolError, encode
from engine.parameters import Load, Parameters, Size, control
from engine.worker.loop import Worker
from engine.worker.steering import Steerer
from tests.support.rig import scene

NAN = float("nan")
WAIT = 20  # seconds for what comes at once


class CounterLoad(Load):
    fails: bool = control(False, "Cannot be built.")


class CounterParameters(Parameters):
    takes: int = control(2, "Frames a block takes.", minimum=0, maximum=8)
    gain: float = control(0.0, "A fader.", minimum=0, maximum=2)
    words: str = control("none", "Words.")


class Counter:
    """Takes as many frames as its parameters say, and reports what it was given."""

    refusal = ValueError("No such weights.")
    restless = False  # whether it wants another number each time that it is asked

    def __init__(self, load, context):
        if load.fails:
            raise Counter.refusal
        self.size, self.resets, self.seen, self.asked = context.size, 0, {}, 0

    def wanted(self, parameters):
        self.asked += 1
        return 1 + self.asked % 2 if Counter.restless else parameters.takes

    def __call__(self, images, parameters):
        self.seen = {"given": len(images), **dict(parameters), "resets": self.resets}
        yield images[0] if images else scene(16, 16)

    def reset(self):
        self.resets += 1

    def report(self):
        return {**self.seen, "size": self.size}

    def close(self):
        pass


def target(thing):
    return f"{__name__}:{thing.__name__}"


def load(*, fails=False, size="auto"):
    return LoadPipeline(
        pipeline="counter", target=target(Counter), load=target(CounterLoad),
        values={"fails": fails},
        parameters=target(CounterParameters), size=size, block=8,
        hang_s=5.0, load_s=5.0,
    )  # fmt: skip


class Talk:
    """The bridge's end of a worker that is a thread of this process."""

    def __init__(self):
        (self.incoming, to_worker), (from_worker, outgoing) = os.pipe(), os.pipe()
        self.channel = bridge_end(os.fdopen(from_worker, "rb"), os.fdopen(to_worker, "wb"))
        theirs = worker_end(os.fdopen(self.incoming, "rb"), os.fdopen(outgoing, "wb"))
        self.ended, self.rings = [], {}
        self.ring = RingWriter(private_name(id(self), "in", 1), 16, 16, 16)
        worker = Worker(theirs, own_process=False)
        self.thread = threading.Thread(
            target=lambda: self.ended.append(worker.run()) or theirs.close(), daemon=True
        )
        self.thread.start()

    def say(self, *messages):
        for message in messages:
            self.channel.send(message)

    def hears(self, kind):
        """The next message of a kind; what comes before it is passed over."""
        while (message := self.channel.receive()) is not None:
            if isinstance(message, RingMade):  # without its name it cannot be left behind
                self.rings[message.name] = RingReader(message.name)
                unlink(message.name)
            if isinstance(message, kind):
                return message
        raise AssertionError(f"it ended without {kind}: {self.end()}")

    def begins(self, number=1, **values):
        """Wait for the pipeline, and tell it the values; how many frames it then asks for."""
        self.hears(PipelineReady)
        self.grant(0, number, **values)
        return self.hears(FrameRequest).count

    def grant(self, count=2, number=2, **values):
        first = self.ring.head
        for place in range(count):
            self.ring.write(scene(self.ring.width, 16, place), 0.0, place)
        snapshot = ParameterSnapshot(number=number, values=values)
        self.say(FrameGrant(snapshot=snapshot, count=count, first=first, ring=self.ring.name))

    def block(self):
        """What the next block was made with."""
        made = self.hears(BlockMade)
        return made.snapshot, made.report

    def end(self):
        self.thread.join(WAIT)
        return self.ended[0]


HELLO = BridgeHello(
    version=VERSION,
    worker=1,
    assets=".",
    models="models",
    more_models=("m",),
    cache="c",
    dismissed=(),
)


@contextmanager
def talking(*messages):
    talk = Talk()
    try:
        talk.say(*messages)
        yield talk
    finally:
        talk.channel.close()
        talk.thread.join(WAIT)
        talk.channel.hang_up()
        talk.ring.unlink()
        for ring in (talk.ring, *talk.rings.values()):
            ring.close()


@pytest.fixture
def restless(monkeypatch):
    monkeypatch.setattr(Counter, "restless", True)


def test_a_block_is_made_with_what_its_grant_says_and_nothing_else():
    with talking(HELLO, load()) as talk:
        assert talk.hears(WorkerHello) == WorkerHello(version=VERSION, pid=os.getpid())
        assert talk.begins() == 2
        talk.grant(number=7, gain=1.5, words="sea")
        number, report = talk.block()
        assert (number, report["gain"], report["words"], report["given"]) == (7, 1.5, "sea", 2)
        talk.hears(FrameRequest)
        talk.grant(number=8, gain=0.5)
        number, report = talk.block()
        assert (number, report["gain"], report["words"]) == (8, 0.5, "none"), "no mixture"
        talk.say(Stop())
        assert talk.end() is Exit.DONE


def test_the_first_request_is_counted_by_the_values_that_there_are_once_it_is_loaded():
    with talking(HELLO, load(size="64x48")) as talk:
        assert talk.begins(takes=5) == 5
        talk.grant(5, takes=5)
        assert talk.block()[1]["size"] == "64x48"


def test_a_grant_whose_values_take_another_count_is_asked_for_again():
    with talking(HELLO, load()) as talk:
        assert talk.begins() == 2
        talk.grant(2, number=3, takes=4, words="four")
        assert talk.hears((FrameRequest, BlockMade)) == FrameRequest(count=4), "no block before"
        talk.grant(4, number=4, takes=4, words="more")
        number, report = talk.block()
        assert (number, report["given"], report["words"]) == (4, 4, "more")
        assert talk.hears(FrameRequest).count == 4
        talk.grant(4, number=5, takes=0, words="of nothing")
        assert talk.hears(FrameRequest).count == 0


def test_who_wants_another_count_each_time_is_not_asked_without_end(restless):
    with talking(HELLO, load()) as talk:
        talk.grant(talk.begins(number=1), number=2)
        count = talk.hears(FrameRequest).count
        talk.grant(count, number=3)
        number, report = talk.block()
        assert (number, report["given"]) == (2, count), "as it was counted"


def test_a_stream_is_reset_between_two_blocks_and_a_ring_made_anew():
    with talking(HELLO, load()) as talk:
        talk.begins()
        talk.grant()
        ring = talk.hears(RingMade).name
        assert talk.block()[1]["resets"] == 0
        talk.hears(FrameRequest)
        talk.say(ResetStream(), RenewRing())
        talk.grant()
        assert talk.hears(RingMade).name != ring
        assert talk.block()[1]["resets"] == 1


def test_what_comes_later_is_prepared_beside_what_is_made_and_told_when_that_changes(
    monkeypatch,
):
    asked = []

    def prepare(pipeline, parameters):
        asked.append(parameters.words)
        if parameters.words == "none such":
            raise ValueError("There is none such.")
        return max(0, 3 - len(asked))

    def ahead(number, words):
        return PrepareBlock(snapshot=ParameterSnapshot(number=number, values={"words": words}))

    with talking(HELLO, load()) as talk:
        talk.begins()
        talk.say(ahead(1, "at once"))
        told = talk.hears(BlockPrepared)
        assert (told.snapshot, told.ready, told.problem) == (1, True, ""), "it has no `prepare`"
        monkeypatch.setattr(Counter, "prepare", prepare, raising=False)
        talk.say(ahead(2, "soon"))
        assert not talk.hears(BlockPrepared).ready
        assert talk.hears(BlockPrepared) == BlockPrepared(snapshot=2, ready=True, problem="")
        talk.grant(words="now")
        assert talk.block()[1]["words"] == "now"
        talk.say(ahead(3, "none such"))
        told = talk.hears(BlockPrepared)
        assert (told.ready, told.problem) == (False, "There is none such.")
    assert asked.index("none such") >= 3


def test_a_granted_ring_that_is_gone_is_told_and_another_one_asked_for():
    with talking(HELLO, load()) as talk:
        talk.begins()
        nowhere = private_name(1, "in", 1)
        talk.say(FrameGrant(snapshot=ParameterSnapshot(number=2), count=2, ring=nowhere))
        assert talk.hears(RingLost).name == nowhere
        assert talk.hears(FrameRequest).count == 2


def test_a_pipeline_is_put_in_place_or_the_old_one_kept_each_with_its_values():
    with talking(HELLO, load()) as talk:
        talk.begins()
        talk.say(load(size="32x32"))
        talk.hears(PipelineSwapped)
        assert talk.begins(takes=3) == 3, "counted by what holds now"
        talk.say(load(fails=True))
        assert talk.hears(PipelineKept) == PipelineKept(text="No such weights.", unforeseen=False)
        talk.hears(PipelineReady)
        talk.say(load(fails=True))  # also before it has been told of any values
        talk.hears(PipelineKept)
        assert talk.begins(takes=3) == 3
        talk.grant(3, takes=3, words="on")
        report = talk.block()[1]
        assert (report["words"], report["size"]) == ("on", "32x32")


@pytest.mark.slow
def test_a_file_of_the_users_is_one_sentence_in_the_log_and_what_is_ours_is_traced(
    monkeypatch, capsys
):
    told = "x.safetensors is damaged; download it again."
    with talking(HELLO, load()) as talk:
        talk.begins()
        for error, traced in ((CheckpointError(told), False), (ValueError(told), True)):
            monkeypatch.setattr(Counter, "refusal", error)
            talk.say(load(fails=True))
            assert talk.hears(PipelineKept).text == told
            log = capsys.readouterr().err
            assert told in log
            assert ("Traceback" in log) is traced


def test_pictures_come_by_the_ring_with_the_number_of_their_snapshot():
    with talking(HELLO, load()) as talk:
        talk.begins()
        talk.grant(number=9)
        talk.block()
        (ring,) = talk.rings.values()
        slot = ring.newest()
        assert slot.tag == 9
        assert np.array_equal(slot.image, scene(16, 16))


def test_each_picture_is_told_of_once_it_is_in_the_ring_and_before_the_block_ends():
    with talking(HELLO, load()) as talk:
        talk.begins()
        talk.grant(2)
        assert isinstance(talk.hears((FrameMade, BlockMade)), FrameMade)
        (ring,) = talk.rings.values()
        assert ring.head == 1
        assert isinstance(talk.hears((FrameMade, BlockMade)), BlockMade)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([b'{"type":"BridgeHello","version":99,"worker":1}'],
         f"it uses version 99 of their messages, this engine worker version {VERSION};"),
        ([b'{"do":"parameters","number":1,"values":{}}'], "it uses no version"),
        ([encode(HELLO), b'{"type":"Steer"}'],
         f"'Steer' is not a message of version {VERSION}"),
        ([encode(HELLO), b'{"type":"LoadPipeline"}'], "LoadPipeline is invalid: missing fields"),
        ([encode(HELLO), b'{"type":"Stop","now":true}'], "Stop is invalid: missing fields: []"),
        ([encode(HELLO), encode(HELLO)], "BridgeHello came again"),
        ([encode(HELLO), encode(Alive())], "'Alive' is not a message"),
        ([encode(HELLO), b"{]]}"], "sent an invalid message: Expecting property name"),
    ],
)  # fmt: skip
def test_a_bridge_that_says_what_is_no_message_ends_the_worker_which_says_why(said, told):
    with talking() as talk:
        for data in said:
            talk.channel._outgoing.write(struct.pack("<I", len(data)) + data)
        talk.channel._outgoing.flush()
        failed = talk.hears(WorkerFailed)
        assert told in failed.text
        assert (failed.code, talk.end()) == (Exit.PROTOCOL, Exit.PROTOCOL)


def test_frames_for_no_pipeline_end_it_too():
    with talking(HELLO, FrameGrant(snapshot=ParameterSnapshot(number=1))) as talk:
        assert "granted frames to no pipeline" in talk.hears(WorkerFailed).text
        assert talk.end() is Exit.PROTOCOL


def test_a_worker_process_ends_for_a_bridge_of_another_version_with_a_status_of_its_own():
    hello = b'{"type":"BridgeHello","version":99,"more":[]}'
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "engine.worker"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        process.stdin.write(struct.pack("<I", len(hello)) + hello)
        process.stdin.flush()
        channel, told = bridge_end(process.stdout, process.stdin), None
        while (message := channel.receive()) is not None:
            told = message
        words = process.stderr.read().decode()
        assert process.wait(WAIT) == Exit.PROTOCOL
    both = f"uses version 99 of their messages, this engine worker version {VERSION}"
    assert both in told.text
    assert both in words
    assert "Traceback" not in words
    assert told.code is Exit.PROTOCOL


def test_a_worker_process_that_is_sent_noise_says_so_and_does_not_end_as_if_it_was_told_to():
    done = subprocess.run(
        [sys.executable, "-P", "-m", "engine.worker"], input=b"\xff" * 300, capture_output=True,
        timeout=WAIT,
    )  # fmt: skip
    assert done.returncode == Exit.PROTOCOL
    assert b"The bridge sent an invalid message: it announces" in done.stderr
    assert b"Traceback" not in done.stderr


# The parameters of a block.


def test_values_are_taken_as_they_come_and_numbers_keep_their_kind():
    steerer = Steerer(CounterParameters)
    made = steerer.of(ParameterSnapshot(number=3, values={"gain": 1, "takes": 3})).parameters
    assert made == CounterParameters(gain=1.0, takes=3)
    assert (type(made.gain), type(made.takes), made.words) == (float, int, "none")
    with pytest.raises(ValueError, match="frozen"):
        made.gain = 2.0


def test_what_another_pipeline_alone_knows_is_left_out_and_nothing_is_validated_again():
    values = {"gain": 9.0, "foreign": "x"}
    made = Steerer(CounterParameters).of(ParameterSnapshot(number=1, values=values)).parameters
    assert dict(made) == {"takes": 2, "gain": 9.0, "words": "none"}


def test_the_same_snapshot_is_the_same_object():
    steerer = Steerer(CounterParameters)
    one, same = (steerer.of(ParameterSnapshot(number=1, values={"gain": 1.0})) for _ in range(2))
    assert one is same
    assert steerer.of(ParameterSnapshot(number=1, values={"gain": 0.5})) is not one


def test_a_message_that_cannot_be_is_an_error_of_values():
    assert issubclass(ProtocolError, ValueError), "whoever reads a channel expects those"


class Told:
    """The worker's end of a channel whose other end hears all that is no nonsense."""

    def __init__(self):
        self.heard = []

    def send(self, message):
        self.heard.append(FROM_WORKER.decode(encode(message)))


@pytest.mark.parametrize(
    ("done", "total", "part"),
    [(1, 4, 0.25), (7.0, 1, 1.0), (-1, 4, 0.0), (3, 0, 0.0), (0, 0, 0.0), (NAN, 1, 0.0),
     (1, NAN, 0.0), (1, -1, 0.0), (float("inf"), 1, 1.0), (float("inf"), float("inf"), 0.0)],
)  # fmt: skip
def test_what_a_pipeline_says_of_its_loading_is_told_as_a_part_of_the_whole(done, total, part):
    told = Told()
    worker = Worker(told, own_process=False)
    worker._progress("x" * 1_000_000, done, total)
    assert told.heard[0].part == part
    assert len(told.heard[0].phase) == 4000


@pytest.mark.parametrize("code", [Exit.LOAD, Exit.BROKE])
def test_as_much_is_told_of_an_error_as_a_sentence_holds(code):
    told = Told()
    worker = Worker(told, own_process=False)
    worker._tell(worker._end(RuntimeError("no such thing, " * 100_000), code).last_words)
    assert told.heard[0].text.startswith("RuntimeError: no such thing, ")
    assert told.heard[0].code is code


@pytest.mark.slow
def test_every_pipeline_gets_the_folders_that_the_bridge_named_at_first(monkeypatch):
    seen, build = [], engine.worker.loop.build
    monkeypatch.setattr(
        "engine.worker.loop.build", lambda *given: seen.append(given[2]) or build(*given)
    )
    with talking(HELLO, load()) as talk:
        talk.begins()
        talk.say(load(size="48x48"))
        talk.hears(PipelineSwapped)
    for context in seen:
        assert (context.assets, context.models) == (Path(), Path("models"))
        assert context.more_models == (Path("m"),)
    assert len(seen) == 2


@pytest.mark.parametrize(("error", "code", "blames"), [
    (FileError("net.pt is damaged."), Exit.FILE, {}),
    (FileError("ink is damaged.", {"lora_1": "ink is damaged."}), Exit.FILE,
     {"lora_1": "ink is damaged."}),
    (FileError("all are.", dict.fromkeys(map(str, range(99)), "x" * 9999)), Exit.FILE, 16),
    (ValueError("No such choice."), Exit.LOAD, {}),
])  # fmt: skip
def test_files_that_cannot_be_used_are_told_with_the_parameters_to_blame(
    monkeypatch, error, code, blames
):
    monkeypatch.setattr(Counter, "refusal", error)
    with talking(HELLO, load(fails=True)) as talk:
        failed = talk.hears(WorkerFailed)
        assert (failed.text, failed.code, failed.unforeseen) == (str(error), code, False)
        assert failed.blames == blames or len(failed.blames) == blames
        assert talk.end() is code


def test_a_pipeline_that_never_ends_its_block_is_ended(monkeypatch):
    monkeypatch.setattr("engine.worker.loop.MOST_MADE", 20)
    monkeypatch.setattr(Counter, "__call__", lambda self, images, p: repeat(scene(16, 16)))
    with talking(HELLO, load()) as talk:
        talk.begins()
        talk.grant()
        assert talk.hears(WorkerFailed).text == "The pipeline returned over 20 images in a block."
        assert talk.end() is Exit.BROKE


def stumbles(*_):
    raise KeyError("the key of a stranger")


@pytest.mark.parametrize("method", ["wanted", "reset", "guided", "__call__"])
def test_a_pipeline_that_raises_is_told_by_its_own_error(monkeypatch, capfd, method):
    monkeypatch.setattr(Counter, method, stumbles, raising=False)
    with talking(HELLO, load()) as talk:
        talk.hears(PipelineReady)
        talk.grant(0)
        talk.say(ResetStream())
        if method != "reset":
            talk.grant()
        failed = talk.hears(WorkerFailed)
        assert failed.text == "KeyError: 'the key of a stranger'"
        assert (failed.code, failed.unforeseen) == (Exit.BROKE, True)
        assert talk.end() is Exit.BROKE
    assert f"in {stumbles.__name__}" in capfd.readouterr().err, "the bridge's log has it whole"


def test_a_picture_that_is_none_before_a_reset_that_raises_is_told_too(monkeypatch):
    monkeypatch.setattr(Counter, "__call__", lambda self, images, p: [np.zeros((4, 4))])
    monkeypatch.setattr(Counter, "reset", stumbles)
    with talking(HELLO, load()) as talk:
        talk.begins()
        talk.grant()
        assert talk.hears(WorkerFailed).text == "KeyError: 'the key of a stranger'"


INTERRUPTED = """
import os, runpy, signal, sys
class Asked:
    def find_spec(self, name, path=None, target=None):
        if name in ("numpy", "cv2"):
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(1000):
                pass
sys.meta_path.insert(0, Asked())
runpy.run_module("engine.worker", run_name="__main__", alter_sys=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="has no way to send oneself a Ctrl-C")
def test_ctrl_c_while_a_worker_is_imported_is_the_bridges_to_hear():
    ran = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], input=b"", capture_output=True, timeout=60
    )
    assert (ran.returncode, ran.stderr) == (Exit.DONE, b"")
    assert b"WorkerHello" in ran.stdout


@pytest.mark.parametrize("how", ["asked", "deserted"])
def test_a_pipeline_hears_at_once_that_it_is_asked_to_end_even_within_a_block(monkeypatch, how):
    told, inside = threading.Event(), threading.Event()

    class Busy(Counter):
        def __init__(self, load, context):
            self.size, self.resets, self.seen, self.asked = context.size, 0, {}, 0
            context.stopping(told.set)

        def __call__(self, images, parameters):
            inside.set()
            assert told.wait(WAIT)
            yield scene(16, 16)

    monkeypatch.setattr("tests.engine.worker.test_loop.Counter", Busy)
    Busy.__name__ = "Counter"  # under which it is found
    with talking(HELLO, load()) as talk:
        talk.begins()
        talk.grant()
        assert inside.wait(WAIT)
        if how == "asked":
            talk.say(Stop())
        else:
            talk.channel.close()
        assert told.wait(WAIT)
    sweep_of(os.getpid())  # as the bridge does once its worker has gone


def greedy(self, images, parameters):
    """Has memory for 16 pixels a side of what it is given, or asked for."""
    width = images[0].shape[1] if images else int(parameters.size.partition("x")[0])
    self.seen = {"width": width}
    if width > Counter.room:
        raise MemoryError
    yield scene(width, 16)


class SizedParameters(CounterParameters):
    size: Size = size_control()


@pytest.mark.slow
@pytest.mark.parametrize("text", [False, True])
def test_after_memory_ran_out_half_the_size_stays_until_another_is_asked_for(monkeypatch, text):
    monkeypatch.setattr(Counter, "__call__", greedy)
    monkeypatch.setattr(Counter, "room", 16, raising=False)
    order = replace(load(), parameters=target(SizedParameters)) if text else load()
    with talking(HELLO, order) as talk:

        def block(width):
            if text:
                talk.grant(0, takes=0, size=f"{width}x16")
            else:
                talk.ring = RingWriter(private_name(id(talk), "in", next(numbers)), width, 16, 16)
                talk.grant(2, takes=2)
            return talk.block()[1]["width"]

        numbers = count(2)
        talk.begins(**({"takes": 0, "size": "16x16"} if text else {"takes": 2}))
        assert [block(width) for width in (16, 32, 32)] == [16, 16, 16]
        monkeypatch.setattr(Counter, "room", 64)
        assert [block(width) for width in (32, 64, 32)] == [16, 64, 32]
