# pyright: basic
"""The Self Test's report, and its analysis of a returned image.

Plain Python: it runs in TouchDesigner as the Text DAT of the same name, and anywhere else. The Self
Test itself, which queries TouchDesigner, is the DAT `selftest`.
"""

import json
import tempfile
import time
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path

FORMAT = 1
FILE = "SpoutBridge_selftest.json"
LARGEST = 4 << 20  # bytes of the builder's report
NEAR = 0.12  # colour tolerance, of 1

# Sampled points of an image, (u, v) from the lower left, and their possible arrangements.
POINTS = ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))
ARRANGEMENTS = {
    "as sent": (0, 1, 2, 3),
    "upside down": (2, 3, 0, 1),
    "mirrored": (1, 0, 3, 2),
    "upside down and mirrored": (3, 2, 1, 0),
}
COLOURS = ((1, 0, 0, 1), (0, 1, 0, 1), (0, 0, 1, 0.5), (1, 1, 0, 1))  # of the test card


class Report:
    """All findings. An error raised by a query becomes part of the report."""

    def __init__(self, version):
        self._began = time.time()
        self.data = {
            "format": FORMAT, "version": version,
            "began": time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(self._began)),
            "seconds": 0.0, "about": {}, "types": {}, "operators": {}, "rules": {},
            "bridge": {}, "steps": [], "errors": [],
        }  # fmt: skip

    def ask(self, part, name, deed):
        """Store the result of `deed` as part[name], or its error."""
        try:
            part[name] = plain(deed())
        except Exception as error:  # noqa: BLE001 - the failure itself is the finding
            part[name] = {"error": said(error)}
        return part[name]

    @contextmanager
    def trying(self, step):
        """One step: its start time, and its traceback if it raises; the next step still runs."""
        self.data["steps"].append([step, round(time.time() - self._began, 2)])
        try:
            yield
        except Exception:  # noqa: BLE001 - it is reported
            self.fail(step)

    def fail(self, step):
        """Store the traceback of the current exception."""
        self.data["errors"].append({"step": step, "traceback": traceback.format_exc()})

    def write(self, folder):
        """Write it to the folder, else to the temporary folder; returns its path, or None. An
        existing file is only replaced by a complete one.
        """
        self.data["seconds"] = round(time.time() - self._began, 1)
        text = json.dumps(self.data, indent=1, ensure_ascii=False, default=str)
        for place in (folder, tempfile.gettempdir()):
            path = Path(place, FILE)
            with suppress(OSError):
                beside = path.with_suffix(".part")
                beside.write_text(text, "utf-8")
                beside.replace(path)
                return path
        return None


def newest(folder, name):
    """The builder's report, from the folder or else the temporary folder."""
    for place in (folder, tempfile.gettempdir()):
        with suppress(OSError, ValueError):
            path = Path(place, name)
            if path.stat().st_size <= LARGEST:
                return json.loads(path.read_text("utf-8"))
    return {}


def plain(value):
    """A value as JSON; unsupported types as text."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(one) for one in (sorted(value) if isinstance(value, set) else value)]
    return str(value)


def said(error):
    """An exception in one line."""
    return f"{type(error).__name__}: {error}"


def near(one, other, parts=3):
    """Whether two colours look the same; `parts` 4 includes alpha."""
    return max(abs(a - b) for a, b in zip(one[:parts], other[:parts], strict=True)) <= NEAR


def judge(sent, back):
    """How four colours came back: {"arrangement", "red_and_blue", "alpha", "off"}. `sent` and
    `back` are (r, g, b, a) from 0 to 1 at POINTS. The arrangement is "none" for a different
    image.
    """
    if any(near(one, other) for place, one in enumerate(sent) for other in sent[:place]):
        return {
            "arrangement": "the card itself does not have four colours",
            "sent": sent,
            "back": back,
        }
    found = []
    for name, order in ARRANGEMENTS.items():
        for swapped in (False, True):
            seen = [back[place] for place in order]
            seen = [(c[2], c[1], c[0], c[3]) if swapped else c for c in seen]
            off = max(
                abs(a - b)
                for one, other in zip(sent, seen, strict=True)
                for a, b in zip(one[:3], other[:3], strict=True)
            )
            found.append((off, swapped, name, seen))
    off, swapped, name, seen = min(found, key=lambda row: row[:2])
    if off > NEAR:
        return {"arrangement": "none", "sent": sent, "back": back, "off": round(off, 3)}
    alphas = [(one[3], other[3]) for one, other in zip(sent, seen, strict=True)]
    kept = all(abs(a - b) <= NEAR for a, b in alphas)
    opaque = all(b >= 1 - NEAR for _, b in alphas)
    return {
        "arrangement": name,
        "red_and_blue": "swapped" if swapped else "as sent",
        "alpha": "kept" if kept else "opaque" if opaque else [round(b, 3) for _, b in alphas],
        "off": round(off, 3),
    }


def order(log, first, second):
    """Which of two kinds of entries comes first within a frame. `log` is [(kind, frame), …] in
    order. "both" if it varies; "" if no frame has both.
    """
    seen = set()
    for frame in {at for _, at in log}:
        kinds = [kind for kind, at in log if at == frame]
        if first in kinds and second in kinds:
            seen.add(first if kinds.index(first) < kinds.index(second) else second)
    return "both" if len(seen) > 1 else next(iter(seen), "")
