# pyright: basic
"""Who has which value: the patch, the bridge, or one on its way to the other.

Plain Python: it runs in TouchDesigner as the Text DAT of the same name, and anywhere else. Nothing
here sends; `due` says what is to be sent, `to_show` what the patch is to show. Times are seconds.
"""

import os
import re
from urllib.parse import unquote

PIPELINE = "pipeline"
ROOT = "/bridge/"
EVERY = 0.012  # between two values of one parameter
QUIET = 0.15  # after sending, in which an answer may be of an older value
CONFIRM = 1.0  # in which a value that was sent must come back
LARGEST = 2**31 - 1  # of a whole number in a parameter
NEVER = float("-inf")
# Paths as people paste them, by the rules of the bridge's own doors (bridge/system/paths.py)
# Quotes, and what closes each: as shells have them, and as word processors and chats make of them
QUOTES = {'"': '"', "'": "'", "“": "”", "”": "”", "„": "“”", "‘": "’", "’": "’", "‚": "‘’",
          "«": "»", "»": "«"}  # fmt: skip
CONTROL = re.compile("[\x00-\x1f]")
DRIVE = re.compile(r"/+([A-Za-z]:[\\/].*)", re.DOTALL)
# What nobody sees at the ends of a pasted text: blanks, line ends, marks of direction, joiners
INVISIBLE = (
    "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
    + "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    + "\u2060\u2066\u2067\u2068\u2069\ufeff"
)
EXACT = ("float", "int", "bool", "choice")  # kinds that OSC carries as they are


class Values:
    """Values by the bridge's long names; the pipeline is one of them."""

    def __init__(self):
        self._specs = {}
        self._names = {}
        self._shown = {}  # what the patch showed a frame ago
        self._moved = {}  # what was moved in the patch and is still to be sent
        self._insisted = {}  # what the patch has and the bridge made something else of
        self._had = {}  # what the bridge said last, however it is connected
        self.forget()

    def forget(self):
        """Another connection: what was moved in the patch is still to be sent."""
        self._sent = {}  # name to (value, when, tries) until it comes back
        self._sent_at = {}
        self._told = {}  # what the bridge said, until it is shown
        self._insisted = {}

    def learn(self, schema):
        """Know the parameters of a schema."""
        self._specs = {spec["name"]: spec for spec in schema.get("parameters", ())}
        self._names = {}
        for spec in self._specs.values():
            self._names[ROOT + spec["name"]] = spec["name"]
            self._names[ROOT + spec["osc"]] = spec["name"]

    def named(self, address):
        """The parameter at an OSC address; None where there is none."""
        return self._names.get(address)

    def __contains__(self, name):
        return name in self._specs

    def file(self, name, value):
        """The file of this machine that this may mean, for the bridge to be given; or empty."""
        return pasted(str(value)) if self._specs[name].get("asset") else ""

    def take_loras(self):
        """Whether there is a parameter that names a LoRA."""
        return any(spec.get("lora") for spec in self._specs.values())

    def is_doubtful(self, name, value):
        """Whether OSC may have made something else of this text than the bridge has."""
        text = name in self._specs and self._specs[name]["kind"] not in EXACT
        return text and value != self._shown.get(name)

    def texts(self):
        """The parameters that OSC may not carry as they are."""
        return [name for name, spec in self._specs.items() if spec["kind"] not in EXACT]

    def message(self, name, value):
        """The OSC message that sets a parameter: f, i or s, whatever it is in the patch."""
        value = self._right(name, value)
        return ROOT + self._specs[name]["osc"], int(value) if isinstance(value, bool) else value

    # From the patch.

    def notice(self, shown):
        """One frame's values. What changed will be sent, also when nobody listens now; a parameter
        that was not there before is only looked at.
        """
        self._shown = {name: value for name, value in self._shown.items() if name in shown}
        for name, value in shown.items():
            new = name not in self._shown
            if new or not same(self._shown[name], value):
                self._shown[name] = value
                if not new:
                    self._moved[name] = value

    def put_back(self, name):
        """What was to be sent could not be: it is still to be sent."""
        if name in self._shown:
            self._moved.setdefault(name, self._shown[name])

    def settle(self, shown):
        """What a parameter shows since its page was built anew is nobody's move: it is not sent."""
        self._shown.update({name: shown[name] for name in shown if name in self._shown})

    def insist(self):
        """Have all be sent that the patch shows otherwise than the bridge has just told."""
        for name, value in self._told.items():
            if name in self._shown and not same(self._shown[name], value):
                self._moved[name] = self._shown[name]

    def due(self, now):
        """What is to be sent now: the newest value of each, not more often than is of use."""
        ready = [n for n in self._moved if now - self._sent_at.get(n, NEVER) >= EVERY]
        found = {name: self._moved.pop(name) for name in ready}
        for name in found:
            self._sent_at[name] = now
            self._told.pop(name, None)
        return {n: v for n, v in found.items() if n in self._specs or n == PIPELINE}

    def sent(self, name, value, now, tries=0):
        """A value is on its way, and ought to come back."""
        self._sent[name] = value, now, tries
        self._sent_at[name] = now

    def overdue(self, now):
        """What did not come back: (to be sent once more, not to be waited for any longer)."""
        late = {n: s for n, s in self._sent.items() if now - s[1] >= CONFIRM}
        for name in late:
            del self._sent[name]
        again = {n: s[0] for n, s in late.items() if s[2] == 0 and n in self._specs}
        return again, late.keys() - again.keys()

    # From the bridge.

    def told(self, name, value, settled=False):
        """The bridge says what a parameter is. `settled` means that this is later than all sent.
        Whether it has taken a value: the one that was sent, or another than it had.
        """
        value, sent, had = self._right(name, value), self._sent.pop(name, None), self._had.get(name)
        self._told[name] = self._had[name] = value
        if settled:
            self._moved.pop(name, None)
            self._sent_at.pop(name, None)
        as_sent = sent is not None and same(self._right(name, sent[0]), value)
        return as_sent or (had is not None and not same(had, value))

    def to_show(self, shown, driven, now):
        """What the patch is to show: where nobody moves it, and nothing in the patch drives it."""
        found = {}
        for name in [n for n in self._told if now - self._sent_at.get(n, NEVER) >= QUIET]:
            if name not in shown:
                continue  # its page is still to be built, or it is of another pipeline
            value = self._told.pop(name)
            if name in self._moved or same(shown[name], value):
                continue
            if name not in driven:
                found[name] = self._shown[name] = value
            elif name not in self._sent and self._insisted.get(name) != (shown[name], value):
                # It is told again, once: a value out of range comes back as another for ever.
                self._insisted[name] = shown[name], value
                self._moved[name] = shown[name]
        return found

    def _right(self, name, value):
        """A value in the type that the bridge has for it; OSC knows no bool."""
        kind = self._specs[name]["kind"] if name in self._specs else "text"
        make = {"bool": bool, "int": _whole, "float": float}.get(kind, str)
        return make(value)


def _whole(value):
    """A whole number as a parameter can hold it: in 32 bits. By OSC the bridge tells a larger one
    as text.
    """
    return max(-LARGEST, min(LARGEST, int(value) if isinstance(value, str) else round(value)))


def same(one, other):
    """Whether two values are one as far as OSC can tell: its numbers have 24 bits."""
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return abs(one - other) <= 1e-6 * max(1.0, abs(one), abs(other))
    return one == other


def pasted(text):
    """A path without its quotes, and of a file's URL the path; what is no path stays as it is."""
    text = _unquoted(text)
    if text[:5].lower() == "file:":
        return _local(_unquoted(text[5:])).strip(INVISIBLE)
    return text


def _unquoted(text):
    text = text.strip(INVISIBLE)
    if len(text) > 1 and text[-1] in QUOTES.get(text[0], ""):
        return text[1:-1].strip(INVISIBLE)
    return text.removesuffix('"').strip(INVISIBLE) if text.count('"') == 1 else text


def _local(path):
    """The path of a URL's rest: `///C:/a%20b`, `//localhost/C:/a`, `//server/share/a`, `/C:/a`; and
    of what only looks like one: `//C:\\a`, `//~/a`, `//a`.
    """
    if path.startswith("//"):
        read = unquote(path, errors="surrogateescape")
        path = path if CONTROL.search(read) else read  # a pattern such as %04d is none of a URL
        host, _, rest = path[2:].partition("/")
        if re.match("[A-Za-z]:", host) or not rest or host in (".", "..", "~"):
            path = path[2:]
        elif host in ("", "localhost"):
            path = f"/{rest.lstrip('/')}"
        elif os.name == "nt":
            path = "\\\\" + f"{host}/{rest}".replace("/", "\\")
        else:
            path = f"/{host}/{rest}"  # elsewhere a share is a folder like any other
    found = DRIVE.fullmatch(path)
    return found[1] if found else path
