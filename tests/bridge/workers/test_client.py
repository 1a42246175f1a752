"""A worker as the bridge sees it: messages to it, the effect of its messages, its end."""

import logging
import re
import threading
from dataclasses import replace
from time import perf_counter

import pytest

from bridge.frames.frame import Frame
from bridge.state.status import EngineState
from bridge.workers.client import SwapDone, SwapFailed, WorkerConfig, WorkerGone, not_loaded
from engine.ipc.messages import (
    VERSION,
    BlockUnusable,
    BridgeHello,
    FrameGrant,
    FrameRequest,
    LoadPipeline,
    PipelineKept,
    PipelineLoading,
    PipelineReady,
    PipelineSwapped,
    ResetStream,
    RingAttached,
    Stop,
)
from engine.ipc.ring import RingReader, RingWriter
from engine.ipc.segments import private_name
from engine.ipc.typed import encode
from tests.support import mad_worker, other_version
from tests.support.doubles import CATALOG, HOGS, PAINTER
from tests.support.played import WAIT, config, played
from tests.support.rig import running_session, scene

HOG, SOW, BOAR = HOGS
LONGLIVE = CATALOG["longlive"]
HELLO = BridgeHello(
    version=VERSION, worker=1, assets="a", models="m", more_models=(), cache="c", dismissed=()
)
REQUEST = FrameRequest(count=0)


def test_at_first_a_worker_is_told_what_to_load_and_then_with_which_values():
    with played(PAINTER, steps=99, prompt="sea", foreign="x") as worker:
        assert worker.hello.version == VERSION
        told = worker.load
        assert (told.target, told.block) == ("tests.support.doubles:Painter", 16)
        assert told.size == "auto"
        hello = worker.hello
        assert (hello.assets, hello.models, hello.more_models) == ("assets", "models", ("more",))
        worker.client.grant([], None, "cover")
        values = worker.is_told(FrameGrant).snapshot.values
        assert values == {"steps": 8, "prompt": "sea"}, "within its own range"
    with played(LONGLIVE, size="64x48") as worker:
        assert worker.load.size == "64x48", "what it follows from block to block"


def test_what_it_computes_on_is_known_once_it_is_ready_and_logged(caplog):
    caplog.set_level("INFO", logger="bridge.workers.client")
    with played(PAINTER) as worker:
        assert worker.client.device == ""
        worker.says(PipelineReady(device="NVIDIA GeForce RTX 4090"))
        worker.news_of(PipelineReady)
        assert worker.client.device == "NVIDIA GeForce RTX 4090"
    with played(PAINTER) as worker:
        worker.says(PipelineReady())
        worker.news_of(PipelineReady)
        assert worker.client.device == "CPU"
    assert "painter runs on NVIDIA GeForce RTX 4090" in caplog.messages


def test_a_block_is_under_way_from_its_grant_to_the_next_request():
    """Neither while the worker loads, nor while it waits for frames."""
    with played(PAINTER) as worker:
        client = worker.client
        worker.says(PipelineReady())
        worker.news_of(PipelineReady)
        assert not client.block_since
        client.grant([], None, "cover")  # values, which the worker answers with a request
        for count in (1, 2):
            worker.says(REQUEST)
            worker.news_of(FrameRequest, count)
            assert not client.block_since, "it waits"
            before = perf_counter()
            client.grant([], None, "cover")
            assert before <= client.block_since <= perf_counter()
            worker.says(BlockUnusable(text="flat", snapshot=1))
            worker.news_of(BlockUnusable, count)


def test_only_the_newest_values_go_out_and_only_with_a_grant():
    with played(HOG) as worker:
        for number in range(2, 200):
            worker.client.set_parameters(number, {"prompt": str(number)})
        worker.client.set_parameters(5, {"prompt": "late"})
        worker.client.reset()
        assert worker.client.grant([], None, "cover") == 199
        worker.is_told(ResetStream)  # and nothing before it
        granted = worker.is_told(FrameGrant)
        assert granted.snapshot.number == worker.client.parameters_number == 199
        assert dict(granted.snapshot.values) == {"prompt": "199"}
        assert (granted.count, granted.ring) == (0, "")


def test_who_sets_values_waits_for_no_worker():
    """Here one whose pipe is full, for it reads nothing."""
    with played(HOG, prompt="x" * 200_000) as worker:
        client = worker.client
        client.grant([], None, "cover")
        client.grant([], None, "cover")
        for number in range(2, 100):
            client.set_parameters(number, {"prompt": str(number)})
        client.grant([], None, "cover")
        told = [worker.is_told(FrameGrant).snapshot.number for _ in range(3)]
        assert told == [1, 1, 99]


def swap(worker, orders):
    """Let the client answer one request by a pipeline; what the worker is told."""
    worker.client.swap(orders)
    worker.client.grant_swap()
    return worker.is_told(LoadPipeline)


def test_another_pipeline_takes_the_place():
    with played(HOG, prompt="sea") as worker:
        client, sow = worker.client, config(SOW, appetite=3)
        inbox = client.inbox
        assert not client.swap_waits
        client.swap(config(BOAR))
        client.swap(sow)  # the newest wish
        assert client.swap_waits
        client.grant_swap()
        told = worker.is_told(LoadPipeline)
        assert told.values["appetite"] == 3
        assert not client.swap_waits
        worker.says(PipelineLoading(), PipelineSwapped(), PipelineReady(), REQUEST)
        assert worker.news_of(SwapDone) == SwapDone(sow)
        worker.news_of(FrameRequest)
        assert (client.orders, client.row) == (sow, SOW)
        assert (client.state, client.loaded) == (EngineState.WARMUP, True)
        assert client.inbox is not inbox
        assert client.swapping is sow, "the host's thread ends that"
        client.end_swap(sow)
        assert client.swapping is None


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"lora_1": "a"}, {"lora_1": "b"}, "LoRA b could not be loaded: It is bad; a stays."),
        ({}, {"lora_3": "b"}, "LoRA b could not be loaded: It is bad; longlive continues without"),
        (
            {"lora_1": "a", "lora_2": "b"},
            {"lora_1": "c", "lora_2": "d"},
            "LoRAs c and d could not be loaded: It is bad; a and b stay.",
        ),
        ({"lora_1": "a"}, {"lora_1": ""}, "longlive could not be loaded: It is bad."),
        ({}, {"lora_1": "b", "vae": "tae"}, "longlive could not be loaded: It is bad."),
    ],
)
def test_a_lora_that_fails_is_named_with_what_stays(old, new, told):
    runs, asked = (
        WorkerConfig(row=LONGLIVE, load=LONGLIVE.load(**load), hang_s=1, load_s=1)
        for load in (old, new)
    )
    assert not_loaded(asked, runs, "It is bad.").startswith(told)
    other = replace(runs, row=CATALOG["reward-forcing"])
    assert not_loaded(asked, other, "It is bad.") == "longlive could not be loaded: It is bad."


def test_what_could_not_be_loaded_is_told_and_what_is_asked_for_meanwhile_still_to_come():
    with played(HOG) as worker:
        client, sow, boar = worker.client, config(SOW), config(BOAR)
        swap(worker, sow)
        client.swap(boar)
        worker.says(PipelineKept(text="No room.", unforeseen=False))
        told = SwapFailed(sow, "sow could not be loaded: No room.", "No room.")
        assert worker.news_of(SwapFailed) == told
        client.end_swap(sow)
        assert (client.row, client.swapping) == (HOG, boar)
        assert client.swap_waits


def test_a_worker_that_dies_while_it_loads_tells_of_what_it_died():
    with played(HOG) as worker:
        sow = config(SOW)
        swap(worker, sow)
        worker.worker.close()
        assert worker.news_of(WorkerGone) == WorkerGone(sow)
    with played(HOG) as worker:
        worker.client.swap(sow)  # which nobody has granted
        worker.worker.close()
        assert worker.news_of(WorkerGone) == WorkerGone(None)


def test_three_threads_agree_on_what_is_loaded_whenever_it_is_asked_for():
    """The host's asks, the feeder's grants, the one that hears the outcome decides."""
    last, given = 300, []
    with played(HOG) as worker:
        client = worker.client

        def ask():
            for appetite in range(1, last + 1):
                client.swap(config(SOW, shortest=appetite / 10))

        def feed():
            while client.requests.wait(1, WAIT):
                client.requests.take(1)
                if client.swap_waits:
                    client.grant_swap()
                else:
                    client.grant([], None, "cover")

        def work():
            worker.says(REQUEST)
            while not isinstance(told := worker.worker.receive(), Stop):
                if isinstance(told, LoadPipeline):
                    given.append(told.values["shortest"])
                    worker.says(PipelineSwapped())
                worker.says(REQUEST)

        threads = [threading.Thread(target=each, daemon=True) for each in (work, feed, ask)]
        for thread in threads:
            thread.start()
        threads[2].join(WAIT)
        with worker._changed:
            done = lambda: [n.runs for n in worker.news if isinstance(n, SwapDone)]  # noqa: E731
            arrived = lambda: done() and done()[-1].load.shortest == last / 10  # noqa: E731
            assert worker._changed.wait_for(arrived, WAIT)
        client._outbox.put(Stop())
        threads[0].join(WAIT)
        assert [orders.load.shortest for orders in done()] == given == sorted(given)
        assert client.orders is client.swapping is done()[-1]


# Who cannot be understood.


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b'{"type":"WorkerHello","version":99,"pid":1}',
         f"it uses version 99 of their messages, this bridge version {VERSION}; restart"),
        (b'{"say":"born","pid":1}', f"it uses no version of .*, this bridge version {VERSION};"),
        (encode(REQUEST), "it uses no version"),
        (b"{]]}", "Expecting property name"),
    ],
)  # fmt: skip
def test_a_worker_of_another_version_is_ended_and_both_are_told(caplog, said, told):
    with played(PAINTER, hello=False) as worker, caplog.at_level(logging.ERROR):
        worker.babbles(said)
        worker.news_of(WorkerGone)
        assert worker.client.error.startswith("The engine worker sent an invalid message: ")
        assert re.search(told, worker.client.error)
        assert re.search(told, caplog.text)
        assert worker.news == [WorkerGone(None)], "of nothing that it says"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b'{"type":"Gossip"}', f"'Gossip' is not a message of version {VERSION}"),
        (
            b'{"type":"FrameRequest","guides":0,"streaming":false}',
            "FrameRequest is invalid: missing fields: ['count']",
        ),
        (
            b'{"type":"FrameRequest","count":"4","guides":0,"streaming":false}',
            "FrameRequest is invalid: count cannot be '4'",
        ),
        (
            b'{"type":"FrameRequest","count":65,"guides":0,"streaming":false}',
            "count cannot be 65: it must be 0 to 64",
        ),
        (b'{"type":"TimeLimit","seconds":-1}', "seconds cannot be -1: it must be 0 to 86400"),
        (
            b'{"type":"BlockMade","frames":1000000000000,"seconds":0,"snapshot":1,"report":{}}',
            "frames cannot be 1000000000000: it must be 0 to 1000",
        ),
        (b'{"type":"BlockMade","report":%s}' % (b"[" * 10_000 + b"]" * 10_000), "recursion"),
        (b'{"type":"LoadProgress","phase":"","part":7.0}', "part cannot be 7.0: it must be 0 to 1"),
        (b'{"type":"RingMade","name":"stage"}', "name cannot be 'stage': it must be the name of a"),
        (
            b'{"type":"Alive","well":true}',
            "Alive is invalid: missing fields: [], unknown fields: ['well']",
        ),
        (encode(HELLO), "'BridgeHello' is not a message"),
        (encode(PipelineSwapped()), "it reports a pipeline that it was not given"),
    ],
)
def test_a_worker_that_says_what_is_no_message_is_ended_and_told_of(caplog, said, told):
    with played(PAINTER) as worker, caplog.at_level(logging.ERROR):
        worker.babbles(said)
        worker.news_of(WorkerGone)
        assert "The engine worker sent an invalid message: " in worker.client.error
        assert told in worker.client.error
        assert told in caplog.text
        assert worker.client.why() == worker.client.error


@pytest.mark.slow
def test_a_mad_workers_word_ends_that_worker_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setenv(mad_worker.SAYS, mad_worker.LONG)
    monkeypatch.setattr("bridge.workers.launch.WORKER", mad_worker.__name__)
    with running_session(tmp_path, pipeline="relay") as rig:
        rig.until(lambda: "it must be at most 4000 characters" in rig.session.status().error)
        monkeypatch.undo()
        rig.session._host.reload()
        rig.put(scene(64, 48))
        rig.running()


def test_a_worker_takes_the_name_of_its_own_ring_alone(tmp_path):
    others = RingWriter(private_name(4711, "in", 1), 16, 16)
    with played(PAINTER) as worker:
        worker.client.grant([Frame(scene(16, 16), 0.0, 1)], (16, 16), "cover")
        own = worker.is_told(FrameGrant).ring
        worker.says(RingAttached(name=others.name), RingAttached(name=own))
        worker.news_of(RingAttached, 2)
        RingReader(others.name).close()
        with pytest.raises(FileNotFoundError):
            RingReader(own)
    others.unlink()
    others.close()


def test_a_worker_that_only_makes_noise_is_ended_and_told_of():
    with played(PAINTER) as worker:
        worker.worker._outgoing.write(b"\xff" * 300)
        worker.worker._outgoing.flush()
        worker.news_of(WorkerGone)
        assert "bytes, which is too long" in worker.client.error


def test_the_user_is_told_both_versions_where_the_worker_is_of_another(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr("bridge.workers.launch.WORKER", other_version.__name__)
    both = (
        f"it uses version {other_version.VERSION} of their messages, "
        f"this bridge version {VERSION}; restart the bridge, or reinstall spout-bridge"
    )
    with running_session(tmp_path, pipeline="relay") as rig:
        rig.until(lambda: both in rig.session.status().error)
        rig.until(lambda: rig.session.status().restarts)
    assert both in caplog.text


@pytest.mark.slow
def test_a_worker_is_told_which_ones_before_it_a_user_ended(tmp_path):
    """So that what they were trying is not held against it; a crash is."""
    with running_session(tmp_path, CATALOG, pipeline="painter") as rig:
        host, ended = rig.session._host, []
        for asked in (True, False, True):
            rig.until(lambda: host.current and host.current.loaded, 60)
            link = host.current
            assert [*link._hello().dismissed] == ended
            if asked:
                ended.append(link.pid)
                rig.session.actions["kill_engine"].run()
            else:
                link.kill()
            rig.until(lambda link=link: host.current is not link, 60)
