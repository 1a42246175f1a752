# pyright: basic
"""What the Self Test found: the report, and what it makes of a picture that came back.

Plain Python: it runs in TouchDesigner as the Text DAT of the same name, and anywhere else. The Self
Test itself, which asks TouchDesigner, is the DAT `selftest`.
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
NEAR = 0.12  # by which a colour may be off, of 1

# Where a picture is looked at, (u, v) from its left lower corner, and what those four become.
POINTS = ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))
ARRANGEMENTS = {
    "as sent": (0, 1, 2, 3),
    "upside down": (2, 3, 0, 1),
    "mirrored": (1, 0, 3, 2),
    "upside down and mirrored": (3, 2, 1, 0),
}
COLOURS = ((1, 0, 0, 1), (0, 1, 0, 1), (0, 0, 1, 0.5), (1, 1, 0, 1))  # of the card


class Report:
    """Everything that was found. Whatever is raised while one thing is asked becomes part of it."""

    def __init__(self, version):
        self._began = time.time()
        self.data = {
            "format": FORMAT, "version": version,
            "began": time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(self._began)),
            "seconds": 0.0, "about": {}, "types": {}, "operators": {}, "rules": {},
            "bridge": {}, "steps": [], "errors": [],
        }  # fmt: skip

    def ask(self, part, name, deed):
        """Keep what `deed` returns as part[name]; where it raises, that it could not be asked."""
        try:
            part[name] = plain(deed())
        except Exception as error:  # noqa: BLE001 - that this cannot be asked is what we want to know
            part[name] = {"error": said(error)}
        return part[name]

    @contextmanager
    def trying(self, step):
        """One step: when it began, and its traceback where it raises; the next one goes on."""
        self.data["steps"].append([step, round(time.time() - self._began, 2)])
        try:
            yield
        except Exception:  # noqa: BLE001 - the report is how we hear of it
            self.fail(step)

    def fail(self, step):
        """Keep the traceback of what is being handled."""
        self.data["errors"].append({"step": step, "traceback": traceback.format_exc()})

    def write(self, folder):
        """Write it into the folder, or else where temporary files are; its path, None for nowhere.
        What was there before is replaced only by a whole one.
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
    """What the builder reported, from the folder or else from that of temporary files."""
    for place in (folder, tempfile.gettempdir()):
        with suppress(OSError, ValueError):
            path = Path(place, name)
            if path.stat().st_size <= LARGEST:
                return json.loads(path.read_text("utf-8"))
    return {}


def plain(value):
    """A value as JSON has it; what it has no form for, as its text."""
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
    """Whether two colours are the same to the eye; `parts` 4 looks at alpha too."""
    return max(abs(a - b) for a, b in zip(one[:parts], other[:parts], strict=True)) <= NEAR


def judge(sent, back):
    """How four colours came back: {"arrangement", "red_and_blue", "alpha", "off"}. `sent` and
    `back` are (r, g, b, a) from 0 to 1 at POINTS. The arrangement is "none" where it is another
    picture.
    """
    if any(near(one, other) for place, one in enumerate(sent) for other in sent[:place]):
        return {"arrangement": "the card itself has not four colours", "sent": sent, "back": back}
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
    """Which of two kinds of entries comes first within one frame. `log` is [(kind, frame), …] as it
    was written. "both" where it is now so, now so; "" where no frame has both.
    """
    seen = set()
    for frame in {at for _, at in log}:
        kinds = [kind for kind, at in log if at == frame]
        if first in kinds and second in kinds:
            seen.add(first if kinds.index(first) < kinds.index(second) else second)
    return "both" if len(seen) > 1 else next(iter(seen), "")
