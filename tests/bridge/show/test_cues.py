"""The cue list: what GO shows and when, what it keeps on disk, and which cues it refuses."""

import json
import time
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.show.cues import Cue, Cues
from bridge.show.folder_lock import FolderLock
from bridge.show.lent import Lent
from bridge.state.actions import CUE, ActionError
from bridge.state.status import Readiness, StandbyTold
from bridge.state.store import AbsentError, ParameterError

READY = StandbyTold(Readiness.READY)
LOADING = StandbyTold(Readiness.LOADING, "longlive is loading.", 0.5)
NO_ROOM = StandbyTold(Readiness.NOT_READY, "No room beside stylize.", in_place=True)


class Booth:
    """Cues with looks and a standby of the test's own."""

    def __init__(self, folder) -> None:
        self.now = READY
        self.prepared: list[str] = []
        self.recalled: list[tuple[int, float]] = []
        self.lack: ValueError | None = None  # of what is in the looks
        self.looks = {1: "stylize", 2: "longlive", 3: "longlive"}
        lent = Lent(
            pipeline=lambda: "stylize", names=lambda row: frozenset(), take=lambda *given: None,
            newest=lambda: None, arrived=lambda snapshot: True,
            stand_by=self.stand_by, standby=lambda: self.now,
        )  # fmt: skip
        self.path = folder / "cues.json"
        self.beat = float("-inf")
        self.cues = Cues(self.path, self, lent, FolderLock(), lambda now: self.beat)

    def content(self, number):
        if number not in self.looks:
            raise ActionError(f"There is no look {number}.", 404)
        return self.looks[number], {"prompt": str(number)}

    def stand_by(self, row, values):
        if row and self.lack:
            raise self.lack
        self.prepared.append(row)

    def recall(self, number, fade=None):
        self.content(number)
        if self.lack:
            raise ActionError(str(self.lack))
        self.recalled.append((number, fade))

    def step(self, times: int = 3) -> None:
        """What its thread would do."""
        for _ in range(times):
            self.cues._loop.wake()
            self.cues._step()

    def list(self, *numbers, **fields) -> None:
        for place, number in enumerate(numbers, 1):
            self.cues.add({"number": number, "look": min(place, 3), **fields})

    @property
    def told(self) -> tuple[str, str, str]:
        told = self.cues.told()
        return told["cue"], told["cue_next"], told["cue_waits"]


@pytest.fixture(name="booth")
def _booth(tmp_path):
    return Booth(tmp_path)


def test_go_shows_the_next_cue_and_has_the_one_after_it_stand_by(booth):
    booth.list(1, 3.5, 2, fade=2)
    booth.step()
    assert (booth.told, booth.prepared[-1]) == (("", "1", ""), "stylize")
    booth.cues.go()
    booth.step()
    assert (booth.told, booth.recalled) == (("1", "2", ""), [(1, 2.0)])
    assert booth.prepared[-1] == "longlive"
    booth.cues.go()
    booth.cues.go()  # twice before it could go is once
    booth.step()
    assert (booth.told, booth.recalled[-1]) == (("2", "3.5", ""), (3, 2.0))
    booth.cues.to(3.5)
    booth.step()
    assert (booth.told, booth.prepared[-1]) == (("3.5", "", ""), "")
    with pytest.raises(ActionError, match=r"Cue 3\.5 is the last one\."):
        booth.cues.go()
    booth.cues.back()
    booth.step()
    assert booth.told == ("2", "3.5", "")
    booth.cues.remove(2)
    assert booth.told == ("2", "3.5", ""), "its place in the show stays"


def test_a_go_that_is_not_ready_waits_and_can_be_cancelled(booth):
    booth.list(1, 2)
    booth.now = LOADING
    booth.cues.go()
    booth.step()
    assert (booth.told, booth.recalled) == (("", "1", "1"), [])
    booth.cues.cancel()
    booth.now = READY
    booth.step()
    assert (booth.told, booth.recalled) == (("", "1", ""), [])
    with pytest.raises(ActionError, match="No cue waits"):
        booth.cues.cancel()
    booth.now = LOADING
    booth.cues.to(2)
    booth.step()
    assert (booth.told, booth.prepared[-1]) == (("", "1", "2"), "longlive")
    booth.now = READY
    booth.step()
    assert (booth.told, booth.recalled) == (("2", "", ""), [(2, None)])


def test_a_cue_that_is_changed_while_it_waits_goes_as_it_is_then(booth):
    booth.list(1, 2)
    booth.now = LOADING
    booth.cues.go()
    booth.step()
    booth.cues.change(1, {"name": "Opening", "fade": 3})
    booth.cues.change(1, {"number": 1.5, "look": 3})
    booth.cues.remove(2)
    booth.step()
    assert booth.told == ("", "1.5", "1.5")
    booth.now = READY
    booth.step()
    assert (booth.told, booth.recalled) == (("1.5", "", ""), [(3, 3.0)])


def test_a_go_waits_for_its_beat_and_can_be_cancelled_until_then(booth):
    booth.list(1, 2)
    booth.beat = perf_counter() + 1000
    booth.cues.go()
    booth.step()
    assert (booth.told, booth.recalled) == (("", "1", "1"), [])
    booth.cues.cancel()
    booth.beat = perf_counter()
    booth.step()
    assert booth.recalled == []
    booth.cues.go()
    booth.step()
    assert booth.told == ("1", "2", "")


def test_a_cue_that_can_only_replace_what_is_shown_goes_at_once(booth):
    booth.list(2)
    booth.now = NO_ROOM
    booth.step()
    assert booth.cues.standby is NO_ROOM
    booth.cues.go()
    booth.step()
    assert booth.recalled == [(1, None)]


GONE = "Cue 2 cannot be shown: There is no look 9. GO shows cue 3 next."


def test_a_go_skips_a_cue_that_can_never_be_shown_and_says_so(booth):
    booth.list(1)
    booth.cues.add({"number": 2, "look": 9})
    booth.list(3)
    booth.step()
    assert booth.cues.standby.state == "READY"
    assert booth.cues.standby.reason.endswith("Cue 2 cannot be shown: There is no look 9.")
    booth.cues.go()
    booth.step()
    assert booth.cues.standby.state == "NOT READY"
    for press in (booth.cues.go, lambda: booth.cues.to(2)):
        with pytest.raises(ActionError) as refused:
            press()
        assert (refused.value.status, str(refused.value)) == (409, GONE)
    booth.step()
    assert (booth.told, booth.cues.trouble) == (("1", "3", ""), GONE)
    booth.cues.go()
    booth.step()
    assert (booth.told, booth.cues.trouble, booth.recalled[-1][0]) == (("3", "", ""), "", 1)
    with pytest.raises(ActionError, match=r"Cue 2 .*: There is no look 9\. There is no next cue"):
        booth.cues.back()
    booth.cues.back()
    booth.step()
    assert booth.told[0] == "1"


def test_a_cue_whose_look_is_back_is_skipped_no_longer(booth):
    booth.list(1)
    booth.cues.change(1, {"look": 9})
    for mend in (
        lambda: booth.looks.update({9: "stylize"}),
        lambda: booth.cues.change(1, {"look": 3}),
    ):
        with pytest.raises(ActionError, match="There is no look 9"):
            booth.cues.go()
        assert booth.told == ("", "", "")
        mend()
        booth.cues._prepare_at = 0.0
        booth.step()
        assert (booth.told, booth.cues.trouble) == (("", "1", ""), "")
        booth.looks.pop(9, None)


def test_a_cue_waits_for_a_missing_file_and_is_refused_for_a_blocked_word(booth):
    booth.list(1, 2)
    booth.lack = AbsentError({"reference": "Image 'a.png' not found."})
    booth.step()
    booth.cues.go()
    booth.step()
    why = "Cue 1 cannot be shown: Image 'a.png' not found."
    assert (booth.told, booth.cues.standby.reason) == (("", "1", "1"), why)
    booth.lack, booth.cues._prepare_at = None, 0.0
    booth.step()
    assert (booth.told, booth.cues.trouble) == (("1", "2", ""), "")
    booth.lack = ParameterError({"prompt": "It is blocked."})  # since it was prepared
    booth.cues.go()
    booth.step()
    assert booth.told == ("1", "", "")
    assert booth.cues.trouble == "Cue 2 cannot be shown: It is blocked. There is no next cue."


def test_a_refusal_names_the_next_cue_that_can_go(booth):
    booth.list(1, 2, 3, 4)
    booth.cues.change(3, {"look": 9})
    booth.cues.go()
    booth.step()
    del booth.looks[2]
    with pytest.raises(ActionError, match=r"There is no look 2\. GO shows cue 4 next"):
        booth.cues.to(2)
    booth.cues.point("1")
    with pytest.raises(ActionError, match=r"There is no look 2\. GO shows cue 4 next"):
        booth.cues.go()
    assert booth.cues.told()["cue_next"] == "4"


def test_the_next_cue_follows_by_itself_unless_it_is_cancelled(booth):
    booth.list(1, 2, 3, follow=0.03)
    booth.cues.go()
    booth.step(1)
    assert booth.told[0] == "1"
    assert 0 <= booth.cues.told()["cue_follow"] <= 0.1
    time.sleep(0.03)
    booth.step(1)
    assert booth.told[0] == "2"
    booth.cues.cancel()
    time.sleep(0.04)
    booth.step()
    assert booth.told == ("2", "3", "")
    booth.cues.back()
    booth.step(1)
    booth.cues.point("")  # it is undone
    assert (booth.told, booth.cues.told()["cue_follow"]) == (("", "1", ""), 0)
    assert json.loads(booth.path.read_text())["shown"] is None


def test_the_list_and_its_place_are_there_after_a_restart(booth, tmp_path):
    booth.list(1, 2.25, name="Opening — ciel", follow=4)
    booth.cues.go()
    booth.step()
    again = Booth(tmp_path)
    again.cues.read()
    assert again.cues.all == booth.cues.all
    assert again.cues.all[0] == Cue(1.0, "Opening — ciel", 1, None, 4.0)
    assert again.told == ("1", "2.25", "")


@given(st.integers(1, 9_999_000))
def test_a_cue_is_found_by_the_number_that_is_told(thousandths):
    cue = Cue(thousandths / 1000, "", 1)
    assert CUE.check(str(cue)) == cue.number


GOOD = json.dumps({"number": 2, "name": "", "look": 2, "fade": None, "follow": None})
BAD = {
    "": 0, "[]": 0, "{}": 0, '{"cues": {}}': 0, "\x00" * 9: 0, "[" * 9000: 0,
    f'{{"cues": [{GOOD}], "shown": "x"}}': 1, f'{{"cues": [3, {GOOD}]}}': 1,
    f'{{"cues": [{GOOD}, {{"number": 1, "look": 1}}]}}': 1, f'{{"cues": [{GOOD}, {GOOD}]}}': 1,
}  # fmt: skip


@pytest.mark.parametrize("content", BAD)
def test_what_is_no_cue_is_named_and_kept_and_the_other_cues_are_there(booth, content):
    booth.path.write_text(content)
    booth.cues.read()
    assert (" skipped: " in booth.cues.trouble, len(booth.cues.all)) == (True, BAD[content])
    assert str(booth.path) in booth.cues.trouble
    booth.list(1)
    assert booth.path.with_suffix(".bad").read_text() == content
    assert booth.cues.trouble == ""
    assert json.loads(booth.path.read_text())["cues"][0]["number"] == 1


def test_a_list_that_cannot_be_saved_stays_as_it_was(booth):
    booth.list(1)
    booth.path.with_name("cues.json.new").mkdir()
    with pytest.raises(ActionError, match="The cues are not saved: ") as refused:
        booth.list(2)
    assert (refused.value.status, [*map(str, booth.cues.all)]) == (507, ["1"])
    booth.cues.go()
    booth.step()
    assert booth.cues.trouble.startswith("The cues are not saved: ")
    booth.path.with_name("cues.json.new").rmdir()
    booth.cues._prepare_at = 0.0
    booth.step(1)
    assert (booth.cues.trouble, json.loads(booth.path.read_text())["shown"]) == ("", 1)


REFUSED = {
    "number": (0, -1, 1, 1e9, "x", None, True, float("nan")),
    "look": (0, 1.5, "x", None),
    "fade": (-1, 99999, "x"),
    "follow": (-1, "x"),
    "name": (3, "x" * 81),
    "colour": ("red",),
}


def test_a_bad_field_is_refused_by_name_and_nothing_is_saved(booth):
    booth.list(1)
    for name, values in REFUSED.items():
        for value in values:
            with pytest.raises(ParameterError) as refused:
                booth.cues.add({"look": 1, name: value})
            assert [*refused.value.problems] == [name], value
    assert len(booth.cues.all) == 1
    for number in (1.5, 7):
        with pytest.raises(LookupError, match=r"There is no cue .*; there are 1\."):
            booth.cues.change(number, {"look": 2})


def test_a_cue_keeps_what_is_not_changed_and_may_get_another_number(booth):
    booth.list(1, 2, fade=3)
    booth.cues.go()
    booth.step()
    booth.cues.change(1, {"number": 5, "name": "Last"})
    assert booth.cues.all[-1] == Cue(5.0, "Last", 1, 3.0)
    assert booth.told == ("5", "", ""), "it is still the one that is shown"
    assert json.loads(booth.path.read_text())["shown"] == 5
    with pytest.raises(ParameterError, match="There is a cue 5 already"):
        booth.cues.change(2, {"number": 5})


def test_its_thread_does_all_this_by_itself(booth):
    booth.list(1, 2)
    booth.cues.start()
    booth.cues.go()
    end = perf_counter() + 20
    while not booth.recalled:
        assert perf_counter() < end
        time.sleep(0.01)
    booth.cues.stop()
