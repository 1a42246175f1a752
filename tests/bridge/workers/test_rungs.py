"""A worker that dies of what it tried is replaced by one that uses a slower way, once for each.
What a warm-up does is shown, and may take as long as loading.
"""

from itertools import pairwise

import pytest

from engine.catalog.rows import BUILT_IN, Catalog
from tests.support.climber import CLIMBER, RUNGS
from tests.support.rig import Rig, running_session

pytestmark = pytest.mark.slow
ROWS = Catalog((*BUILT_IN, CLIMBER))


def climbs(rig: Rig, rung: str) -> set[str]:
    """Wait until the climber runs on a rung; the states on the way."""
    states: set[str] = set()

    def there() -> bool:
        status = rig.session.status()
        states.add(status.state)
        runs = (status.pipeline, status.state) == ("climber", "RUNNING")
        return runs and bool(status.notes)

    rig.until(there, 90)
    assert rig.session.status().notes["rung"] == rung
    return states


def shown_before_its_first_block(rig: Rig) -> None:
    """As it is where no frame comes."""
    rig.until(lambda: rig.session._host.current is not None)


def test_deaths_on_what_is_tried_lead_down_the_ladder_and_do_not_count(tmp_path):
    """One is killed, one exits, and one hangs: three would be the end for any other."""
    with running_session(tmp_path, ROWS, {"deadly": 3}, pipeline="climber", load_s=5) as rig:
        shown_before_its_first_block(rig)
        stop = rig.steady_input()
        assert "FAILED" not in climbs(rig, RUNGS[3])
        assert rig.session.status().restarts == 3
        stop()


def test_the_shown_pipeline_continues_while_a_coming_one_climbs_down(tmp_path, caplog):
    with running_session(tmp_path, ROWS, pipeline="passthrough") as rig:
        stop = rig.steady_input()
        rig.running()
        worker = rig.session.status().worker
        rig.session.switch("climber", {"deadly": 1, "forgets": True})
        rig.until(lambda: "could not be loaded" in rig.session.status().error)
        status = rig.session.status()
        told = "climber could not be loaded: The engine worker died while trying rung 4."
        assert status.error == told, "of the same twice, and so it is refused"
        assert (status.pipeline, status.worker, status.state) == ("passthrough", worker, "RUNNING")
        rig.session.switch("climber", {"deadly": 2, "forgets": False})
        rig.until(lambda: "while trying rung 3" in caplog.text)
        status = rig.session.status()
        assert (status.pipeline, status.worker, status.state) == ("passthrough", worker, "RUNNING")
        climbs(rig, RUNGS[2])
        told = "The engine worker died while trying rung 4, then rung 3; climber now runs rung 2."
        assert (rig.session.status().restarts, rig.session.status().error) == (0, told)
        stop()


def test_the_same_death_again_counts_as_any_other(tmp_path):
    load = {"deadly": 1, "forgets": True}
    with running_session(tmp_path, ROWS, load, pipeline="climber") as rig:
        shown_before_its_first_block(rig)
        stop = rig.steady_input()
        rig.until(lambda: rig.session.status().state == "FAILED")
        assert rig.session.status().restarts == 4
        stop()


def test_a_warm_up_is_shown_and_no_hang_at_first_live_and_after_a_restart(tmp_path):
    """Each takes longer than a block may."""
    load = {"warms": 0.25}
    with running_session(tmp_path, ROWS, load, pipeline="climber", hang_s=0.5) as rig:
        shown_before_its_first_block(rig)
        status = rig.session.status()
        assert (status.phase, status.progress) == ("", 1.0), "nothing is to do without a frame"
        assert status.reason == "The engine is ready and waits for a frame."
        stop = rig.steady_input()

        def warms_up(state: str) -> None:
            """Wait for the end of a warm-up, which is shown step by step."""
            steps: list[tuple[float, str]] = []
            states: set[str] = set()
            reasons: set[str] = set()
            rig.until(lambda: rig.session.status().phase.startswith("compiling"))
            while (now := rig.session.status()).phase:
                if (now.progress, now.phase) not in steps:
                    steps.append((now.progress, now.phase))
                states.add(now.state)
                reasons.add(now.reason)
            assert state in states
            assert "climber is warming up: compiling 3 of 4." in reasons
            assert (0.5, "compiling 3 of 4") in steps
            assert all(before < after for (before, _), (after, _) in pairwise(steps))
            rig.running()

        warms_up("WARMUP")
        worker = rig.session.status().worker
        rig.until(lambda: rig.session.status().reason == "")
        rig.session.store.update({"steps": 2})
        warms_up("RUNNING")
        assert (rig.session.status().worker, rig.session.status().restarts) == (worker, 0)
        rig.crash()
        rig.until(lambda: rig.session.status().restarts == 1)
        warms_up("RESTARTING")
        stop()
