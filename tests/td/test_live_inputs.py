"""Control video and mask by the component: to a desk, and as pictures to a bridge of its own
process. Spout is not to be had here, so what the double would send goes by shared memory.
"""

import json
import sys
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager

import cv2
import numpy as np
import pytest

from tests.bridge.playout.test_guides import shm
from tests.support.bridge import running
from tests.support.guided import given
from tests.td.test_bridge import bridge, desk, page, patch

pytestmark = pytest.mark.slow
__all__ = ["desk", "patch"]  # fixtures
GUIDED = """
from engine.catalog.rows import Catalog
from tests.support.guided import CATALOG
Catalog.installed = classmethod(lambda cls, *_: CATALOG)
from bridge.cli import main
main()
"""


@pytest.fixture(autouse=True)
def by_shared_memory(patch):
    """Also where it would be by Spout."""
    vars(patch.comp.op("bridge_show").module).update(SENDERS="shm")


@pytest.fixture
def top(patch):
    """A TOP of the artist's."""
    return patch.td.place.create("rampTOP", "depth")


# To a desk.


def test_a_top_is_sent_as_the_control_and_the_bridge_is_told_to_take_it(patch, desk, top):
    out = patch.comp.op("control_out").par
    chain = [patch.comp.op(f"control_{name}") for name in ("top", "fit", "flip", "out")]
    assert out.active.eval() is False
    assert chain[0].par.top.eval() == patch.comp.op("in1"), "so that nothing there is in error"
    with bridge(desk) as port:
        patch.connect(port)
        patch.play(0.2)
        assert desk.attached == [], "a patch that wants none leaves the bridge's alone"
        patch.par.Sendname = "StageIn"
        patch.par.Controltop = top
        patch.until(lambda: desk.attached == [("control", "shm:StageControl")])
        assert (out.active.eval(), out.sendername.eval()) == (True, "StageControl")
        assert chain[0].par.top.eval() == top
        assert [op.inputs for op in chain[1:]] == [[op] for op in chain[:-1]]
        patch.par.Flipsend, patch.par.Sendcustom, patch.par.Sendw = True, True, 320
        assert chain[2].par.flipy.eval() is True, "turned as the input is"
        assert chain[1].par.resolutionw.eval() == 320
        assert chain[1].par.format.eval() == "rgba8fixed", "depth is often of 32 bits"
        patch.par.Active = False
        assert out.active.eval() is False


def test_what_comes_from_elsewhere_is_taken_by_its_name_or_uri(patch, desk, top):
    with bridge(desk) as port:
        patch.connect(port)
        taken = []
        for typed, uri in (
            ("Depth Cam", "shm:Depth Cam"), (" shm:pose\n", "shm:pose"), ("None", "none"),
            ("camera:0", "camera:0"), ("pattern:", "pattern:"),
        ):  # fmt: skip
            patch.par.Controlfrom = typed
            taken.append(("control", uri))
            patch.until(lambda: desk.attached == taken)
        desk.now = {**desk.now, "control": "pattern: · 64x48", "control_input": "live"}
        patch.until(lambda: patch.par.Controlinput.eval() == "live: pattern: · 64x48")
        patch.par.Masktop = top  # wins over what is typed
        patch.par.Maskfrom = "Other"
        patch.until(lambda: desk.attached[-1] == ("mask", "shm:BridgeMask"))
        top.destroy()
        patch.until(lambda: desk.attached[-1] == ("mask", "shm:Other"))
        patch.par.Maskfrom = "C:\\films\\cut.mp4"
        patch.until(lambda: desk.attached[-1][1].endswith("cut.mp4"))


def test_how_it_stands_with_them_is_shown_and_goes_with_the_bridge(patch, desk):
    shown = patch.par.Maskinput
    with bridge(desk) as port:
        patch.connect(port)
        assert shown.eval() == ""
        for condition, says in (
            ("waiting", "waiting"), ("live", "live"), ("still", "still"),
            ("waiting", "lost, its last frame is held"), ("live", "live"),
        ):  # fmt: skip
            desk.now = {**desk.now, "mask": "shm:cut · 32x24", "mask_input": condition}
            patch.until(lambda says=says: shown.eval() == f"{says}: shm:cut · 32x24")
        before = patch.td.dirty
        desk.now = {**desk.now, "mask": "shm:new · opening", "mask_input": "waiting"}
        patch.until(lambda: shown.eval() == "waiting: shm:new · opening")
        assert patch.par.Controlinput.eval() == ""
    patch.until(lambda: shown.eval() == "")
    assert patch.td.dirty == before, "nothing to be saved"


def test_a_bridge_without_them_is_asked_for_none(patch, desk, top, monkeypatch):
    """As one of an earlier version, whose schema has no such values of the state."""
    from bridge.control import schema as schemas

    schema = schemas.schema(desk)
    schema["state"] = [row for row in schema["state"] if not row["name"].endswith("_input")]
    monkeypatch.setattr("bridge.control.http.app.schema", lambda _: schema)
    patch.par.Controltop = top
    with bridge(desk) as port:
        patch.connect(port)
        patch.play(0.2)
        assert desk.attached == []
        assert patch.par.Lasterror.eval() == ""
        assert "Statecontrolinput" not in page(patch.comp, "Status")


# To a bridge that runs.


RATES = {"spout_out": (25, (64, 48)), "control_out": (15, (128, 96)), "mask_out": (7, (32, 24))}


class Senders:
    """What the component's Spout Out TOPs would send, by shared memory, each at a rate of its own;
    the pictures are numbers. They begin and end as the TOPs say.
    """

    def __init__(self, patch):
        self._comp, self._frame = patch.comp, patch.td.frame
        self.sent = {name: [] for name in RATES}
        self.dead = set()  # names of those whose program has gone
        self._ends = {}
        patch.td.frame = self.frame

    def frame(self):
        self._frame()
        for name, (fps, size) in RATES.items():
            par = self._comp.op(name).par
            shares = par.sendername.eval() if par.active.eval() and name not in self.dead else ""
            running, end = self._ends.get(name, ("", None))
            if shares != running:
                if end:
                    end.close()
                end = ExitStack()
                if shares:
                    end.enter_context(shm(shares, fps, size, self.sent[name]))
                self._ends[name] = shares, end

    def close(self):
        for _, end in self._ends.values():
            end.close()


@contextmanager
def sending(patch):
    senders = Senders(patch)
    try:
        yield senders
    finally:
        senders.close()


def picture(real, side):
    with urllib.request.urlopen(f"{real.url}/api/v1/frame/{side}.png", timeout=10) as answer:
        image = cv2.imdecode(np.frombuffer(answer.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    return cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA)


def number(image):
    low, middle, high = image[1, 1, :3].tolist()
    return low | middle << 8 | high << 16


def test_input_control_and_mask_go_to_a_bridge_and_a_lost_one_is_told(patch, top, tmp_path):
    name = f"test-td{top.id}"
    patch.par.Sendname = f"{name}In"
    flags = ("--sink", "null:", "--source", f"shm:{name}In", "--pipeline", "passthrough",
             "--output-size", "66x48", "--size", "64x48")  # fmt: skip
    command = [sys.executable, "-c", GUIDED]
    with sending(patch) as senders, running(tmp_path / "data", *flags, command=command) as real:
        patch.connect(real.port)
        patch.par.Controltop = patch.par.Masktop = top
        # Passthrough has no use for them, and says so for as long as they are wanted.
        patch.until(lambda: "passthrough has no VACE" in patch.par.Lasterror.eval())
        assert patch.par.Controlinput.eval() == ""
        patch.par.Pipeline = "stripes"
        patch.until(lambda: patch.par.Controlinput.eval().startswith(f"live: shm:{name}Control"))
        patch.until(lambda: patch.par.Maskinput.eval().startswith(f"live: shm:{name}Mask"))
        patch.until(lambda: patch.par.Lasterror.eval() == "")
        parts = {"input": "spout_out", "control": "control_out", "mask": "mask_out"}
        made = []

        def all_are_used():
            shown = given(picture(real, "output"))
            if all(getattr(shown, part) in senders.sent[out] for part, out in parts.items()):
                made.append(shown)
            return len({*made}) >= 20

        patch.until(all_are_used)
        for part, out in parts.items():
            # Each of what came when the input did: a busy machine receives late now and then.
            sent = np.array(senders.sent[out])
            off = sorted(
                abs(int(np.abs(sent - one.input).argmin())
                    - int(np.flatnonzero(sent == getattr(one, part))[0]))
                for one in made
            )  # fmt: skip
            assert off[len(off) // 2] <= 1, (part, off)
        for side, out in parts.items():
            assert number(picture(real, side)) in senders.sent[out]
        # The program that sends the control ends.
        senders.dead.add("control_out")
        patch.until(lambda: "is lost; its last frame is held" in patch.par.Lasterror.eval())
        patch.until(lambda: patch.par.Controlinput.eval().startswith("lost, its last frame is"))
        last = senders.sent["control_out"][-1]
        patch.until(lambda: given(picture(real, "output")).control == last)
        assert number(picture(real, "control")) == last
        senders.dead.clear()
        patch.until(lambda: patch.par.Controlinput.eval().startswith("live"))
        patch.until(lambda: patch.par.Lasterror.eval() == "")
        # A present picture of the input becomes the reference.
        patch.td.press(patch.comp, "Refsnap")
        patch.until(lambda: patch.par.Reference.eval().startswith("snap-"))
        patch.par.Controltop = ""
        patch.until(lambda: real.state()["control_input"] == "none")
        patch.until(lambda: patch.par.Controlinput.eval() == "")
        with pytest.raises(urllib.error.HTTPError) as refused:
            picture(real, "control")
        assert "No live control is set" in json.load(refused.value)["detail"]
