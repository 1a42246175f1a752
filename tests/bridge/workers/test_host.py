"""Only the engine host's own thread decides and writes."""

import threading
from types import SimpleNamespace

import pytest

from bridge.state.status import EngineState
from bridge.workers.host import EngineHost
from bridge.workers.troubles import Troubles
from tests.support.rig import running_session, scene


@pytest.mark.slow
def test_what_workers_complain_of_is_written_by_the_hosts_thread_alone(tmp_path, monkeypatch):
    written: list[tuple[str, str]] = []

    def noted(by, text: str, *rest: float) -> None:
        written.append((text, threading.current_thread().name))
        by(text, *rest)

    troubles = Troubles(5)
    monkeypatch.setattr(troubles, "note", lambda *given, by=troubles.note: noted(by, *given))
    monkeypatch.setattr(troubles, "refuse", lambda *given, by=troubles.refuse: noted(by, *given))
    monkeypatch.setattr("bridge.workers.host.Troubles", lambda _: troubles)
    with running_session(tmp_path, pipeline="painter", load={"frames": 2}) as rig:
        stop, session = rig.steady_input(), rig.session
        written.clear()  # what the start may write, as there is no such thread yet
        rig.running()
        session.store.update({"trouble": "nan"})
        rig.until(lambda: session.status().bad_blocks)
        rig.until(lambda: "NaN" in session.status().error)
        session.store.update({"trouble": "", "broken": "load"})
        rig.until(lambda: "could not be loaded" in session.status().error)
        rig.crash()
        rig.until(lambda: session.status().restarts)
        stop()
    texts = " ".join(text for text, _ in written)
    assert "NaN" in texts
    assert "could not be loaded" in texts
    assert {thread for _, thread in written} == {"engine host"}


def test_what_a_pipeline_notes_is_a_reason_of_a_sentences_length(tmp_path):
    with running_session(tmp_path, pipeline="passthrough") as rig:
        rig.put(scene(64, 48))
        rig.running()

        def reason(notice: object) -> str:
            rig.session._host.current.report = {"notice": notice}  # until its next block
            return rig.session.status().reason

        rig.until(lambda: reason("DEMO WEIGHTS") == "DEMO WEIGHTS")
        rig.until(lambda: reason("x" * 99_000) == "x" * 3999 + "…")
        rig.until(lambda: reason({"of": ["another", "kind"]}) == "{'of': ['another', 'kind']}")


@pytest.mark.parametrize(
    ("coming", "wish", "told"),
    [
        (EngineState.IDLE, None, EngineState.LOADING),  # it died, and is replaced
        (EngineState.RUNNING, None, EngineState.WARMUP),
        (None, "another", EngineState.LOADING),
        (None, None, EngineState.IDLE),
    ],
)
def test_the_engine_is_idle_only_where_nothing_is_to_come(coming, wish, told):
    link = coming and SimpleNamespace(state=coming)
    host = SimpleNamespace(current=None, breaker_open=False, coming=link, _wish=wish, _line="")
    assert EngineHost.state.fget(host) == told
