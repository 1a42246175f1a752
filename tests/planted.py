"""Plants a fault in each area of the program, one at a time: the tests must catch it.

    python -m tests.planted [AREA ...]

Works in a clone of what is committed. A fault names its place by text alone: it goes into the one
file of the program that has `old`, wherever that lies. Of its tests each must pass without the
fault and fail with it; what has parameters may fail by one of them.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACES = ("bridge", "engine", "td_components")
LONGEST = 900  # seconds for the tests of one fault; those under Wine take a few minutes


@dataclass(frozen=True)
class Fault:
    """`seen` is what a user would see, in one line."""

    area: str
    old: str
    new: str
    tests: tuple[str, ...]
    seen: str


FAULTS = (
    Fault(
        "osc",
        "        versions.append(item)\n",
        "        versions.insert(0, item)\n",
        ("tests/bridge/control/osc/test_osc.py::test_the_last_value_of_a_sweep_arrives_while_all_are_counted",),
        "a fader that was swept stands where it began",
    ),
    Fault(
        "http",
        'if writes and not all(self._own(origin) for origin in headers.getlist("origin")):',
        "if False:",
        ("tests/bridge/control/http/test_http.py::test_another_site_in_the_artists_browser_changes_nothing",),
        "a web page that the artist visits presses buttons of the bridge",
    ),
    Fault(
        "store",
        "            if self._turn_of[name] <= turn:\n",
        "            if True:\n",
        ("tests/bridge/test_slow_disks.py::test_rest_goes_on_while_a_reference_is_looked_for_and_the_last_wish_counts",),
        "a file that a slow disk finds late takes back what was chosen after it",
    ),
    Fault(
        "output",
        "        if self._level > 0:\n",
        "        if self._level > 1:\n",
        ("tests/bridge/test_session.py::test_the_show_controls_work_while_the_engine_is_dead",),
        "the black button leaves the picture on",
    ),
    Fault(
        "host",
        "DEATHS, WITHIN = 3, 60.0",
        "DEATHS, WITHIN = 1000, 60.0",
        ("tests/bridge/test_session.py::test_three_fast_deaths_open_the_breaker_and_reload_closes_it",),
        "an engine that cannot run is started for ever, and nobody is told",
    ),
    Fault(
        "transports",
        "return None if last and slot.index == last.index != 0 else slot",
        "return slot",
        ("tests/bridge/transports/test_transports.py::test_a_held_picture_is_not_a_new_one_but_an_unnumbered_one_is",),
        "a sender that holds still is generated from without end",
    ),
    Fault(
        "spout",
        "GL_RGBA = 0x1908\n",
        "GL_RGBA = 0x80E1\n",
        ("tests/test_wine.py::test_the_transport_by_each_path[cpu]",),
        "red and blue have changed places in what other programs receive",
    ),
    Fault(
        "causal",
        "return frame if frame < window else sink + (frame - sink) % (window - sink)",
        "return frame % window",
        ("tests/engine/causal/test_stream.py::test_the_ring_holds_what_the_rolling_window_holds",),
        "after some seconds the video forgets its first frames and drifts",
    ),
    Fault(
        "weights",
        "        if entry.begin != end:\n",
        "        if entry.begin < end:\n",
        ("tests/engine/weights/test_headers.py::test_a_hostile_header_is_told_by_file_key_found_and_expected",),
        "a damaged file of weights is loaded, and noise is played",
    ),
    Fault(
        "td",
        "STALL = 0.25  #",
        "STALL = 60.0  #",
        ("tests/td/test_core.py::test_a_stall_is_no_silence",),
        "TouchDesigner says that the bridge is lost whenever the project is saved",
    ),
)  # fmt: skip


def place(root: Path, fault: Fault) -> Path:
    """The one file that has the old text, once; LookupError where there is none such."""
    files = [path for folder in PLACES for path in sorted((root / folder).rglob("*.py"))]
    found = [(path, count) for path in files if (count := path.read_text("utf-8").count(fault.old))]
    if [count for _, count in found] != [1]:
        told = ", ".join(f"{count} in {path.relative_to(root)}" for path, count in found)
        raise LookupError(
            f"{fault.area}: {fault.old.strip()!r} must be once, not {told or 'nowhere'}"
        )
    return found[0][0]


def missed(root: Path, tests: tuple[str, ...]) -> list[str]:
    """Which of these tests do not fail there."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rf", "--tb=no", "-p", "no:cacheprovider", *tests],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, timeout=LONGEST,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    if done.returncode not in (0, 1):
        raise RuntimeError(f"pytest could not run {' '.join(tests)}:\n{done.stdout}")
    failed = re.findall(r"^FAILED (\S+?)(?:\[.*)?(?: - .*)?$", done.stdout, re.MULTILINE)
    return [test for test in tests if test.partition("[")[0] not in failed]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tests.planted", description=__doc__.splitlines()[0])
    areas = [fault.area for fault in FAULTS]
    parser.add_argument("area", nargs="*", help=", ".join(areas))
    chosen = parser.parse_args(arguments).area or areas
    if unknown := set(chosen) - set(areas):
        parser.error(f"no area {', '.join(sorted(unknown))}; there are {', '.join(areas)}")
    escaped = 0
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        root = Path(folder, "clone")
        subprocess.run(["git", "clone", "-q", "--shared", ROOT, root], check=True)
        for fault in (fault for fault in FAULTS if fault.area in chosen):
            path = place(root, fault)
            sound = path.read_text("utf-8")
            before = missed(root, fault.tests)
            path.write_text(sound.replace(fault.old, fault.new), "utf-8")
            after = missed(root, fault.tests)
            path.write_text(sound, "utf-8")
            broken = [test for test in fault.tests if test not in before]
            caught = not broken and not after
            escaped += not caught
            print(f"{'caught' if caught else 'NOT CAUGHT':10}  {fault.area:10}  {fault.seen}")
            for test in broken:
                print(f"            fails without the fault too: {test}")
            for test in after:
                print(f"            does not fail: {test}")
    return 1 if escaped else 0


if __name__ == "__main__":
    sys.exit(main())
