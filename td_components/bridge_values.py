# pyright: basic
"""Keep the values of patch and bridge in sync.

Plain Python: it runs in TouchDesigner as the Text DAT of the same name, and anywhere else. Nothing
here sends; `due` returns what to send, `to_show` what the patch should show. Times are seconds.
"""

import os
import re
from urllib.parse import unquote

PIPELINE = "pipeline"
ROOT = "/bridge/"
EVERY = 0.012  # minimum interval between values of one parameter
QUIET = 0.15  # after sending, during which an answer may be outdated
CONFIRM = 1.0  # within which a sent value must be confirmed
LARGEST = 2**31 - 1  # integer that a parameter can hold
NEVER = float("-inf")
# Pasted paths, by the bridge's own rules (bridge/system/paths.py)
# Opening quotes and their closing ones: from shells, word processors and chats
QUOTES = {'"': '"', "'": "'", "“": "”", "”": "”", "„": "“”", "‘": "’", "’": "’", "‚": "‘’",
          "«": "»", "»": "«"}  # fmt: skip
CONTROL = re.compile("[\x00-\x1f]")
DRIVE = re.compile(r"/+([A-Za-z]:[\\/].*)", re.DOTALL)
# Invisible characters at the ends of pasted text: spaces, line ends, direction marks, joiners
INVISIBLE = (
    "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
    + "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    + "\u2060\u2066\u2067\u2068\u2069\ufeff"
)
EXACT = ("float", "int", "bool", "choice")  # kinds that OSC carries unchanged


class Values:
    """Values by the bridge's long names, including the pipeline."""

    def __init__(self):
        self._specs = {}
        self._names = {}
        self._renamed = {}  # previous names, each with the current one
        self._shown = {}  # values in the patch one frame ago
        self._moved = {}  # changed in the patch and not sent yet
        self._insisted = {}  # values of the patch that the bridge changed
        self._had = {}  # last value from the bridge, across connections
        self.forget()

    def forget(self):
        """Start a new connection; changes in the patch will still be sent."""
        self._sent = {}  # name to (value, when, tries) until confirmed
        self._sent_at = {}
        self._told = {}  # values from the bridge, until shown
        self._insisted = {}

    def learn(self, schema):
        """Load the parameters of a schema."""
        self._specs = {spec["name"]: spec for spec in schema.get("parameters", ())}
        renamed = [row for row in schema.get("renamed", ()) if row["what"] == "parameter"]
        self._renamed = {row["old"]: row["new"] for row in renamed}
        self._names = {}
        for spec in self._specs.values():
            self._names[ROOT + spec["name"]] = spec["name"]
            self._names[ROOT + spec["osc"]] = spec["name"]

    def current(self, name):
        """The current name of a parameter that may have been renamed."""
        return name if name in self._specs else self._renamed.get(name, name)

    def named(self, address):
        """The parameter at an OSC address, or None."""
        return self._names.get(address)

    def __contains__(self, name):
        return name in self._specs

    def file(self, name, value):
        """The local file that this may name, to upload to the bridge; or empty."""
        return pasted(str(value)) if self._specs[name].get("asset") else ""

    def take_loras(self):
        """Whether any parameter names a LoRA."""
        return any(spec.get("lora") for spec in self._specs.values())

    def is_doubtful(self, name, value):
        """Whether OSC may have altered this text."""
        text = name in self._specs and self._specs[name]["kind"] not in EXACT
        return text and value != self._shown.get(name)

    def texts(self):
        """The parameters that OSC may alter."""
        return [name for name, spec in self._specs.items() if spec["kind"] not in EXACT]

    def message(self, name, value):
        """The OSC message that sets a parameter, as f, i or s."""
        value = self._right(name, value)
        return ROOT + self._specs[name]["osc"], int(value) if isinstance(value, bool) else value

    # From the patch.

    def notice(self, shown):
        """Note one frame's values. Changes will be sent, even if no bridge listens now; a new
        parameter is only recorded.
        """
        self._shown = {name: value for name, value in self._shown.items() if name in shown}
        for name, value in shown.items():
            new = name not in self._shown
            if new or not same(self._shown[name], value):
                self._shown[name] = value
                if not new:
                    self._moved[name] = value

    def put_back(self, name):
        """Queue a value again that could not be sent."""
        if name in self._shown:
            self._moved.setdefault(name, self._shown[name])

    def settle(self, shown):
        """Record values changed by rebuilding a page: they are not the user's and are not sent."""
        self._shown.update({name: shown[name] for name in shown if name in self._shown})

    def insist(self):
        """Send every value in which the patch differs from the bridge."""
        for name, value in self._told.items():
            if name in self._shown and not same(self._shown[name], value):
                self._moved[name] = self._shown[name]

    def due(self, now):
        """The newest values to send now, rate-limited."""
        ready = [n for n in self._moved if now - self._sent_at.get(n, NEVER) >= EVERY]
        found = {name: self._moved.pop(name) for name in ready}
        for name in found:
            self._sent_at[name] = now
            self._told.pop(name, None)
        return {n: v for n, v in found.items() if n in self._specs or n == PIPELINE}

    def sent(self, name, value, now, tries=0):
        """Note a sent value, to be confirmed."""
        self._sent[name] = value, now, tries
        self._sent_at[name] = now

    def overdue(self, now):
        """Unconfirmed values: (to send again, to give up on)."""
        late = {n: s for n, s in self._sent.items() if now - s[1] >= CONFIRM}
        for name in late:
            del self._sent[name]
        again = {n: s[0] for n, s in late.items() if s[2] == 0 and n in self._specs}
        return again, late.keys() - again.keys()

    # From the bridge.

    def told(self, name, value, settled=False):
        """Take a value reported by the bridge. `settled` means that it is newer than anything sent.
        Returns whether the bridge accepted a value: the one sent, or any different from before.
        """
        value, sent, had = self._right(name, value), self._sent.pop(name, None), self._had.get(name)
        self._told[name] = self._had[name] = value
        if settled:
            self._moved.pop(name, None)
            self._sent_at.pop(name, None)
        as_sent = sent is not None and same(self._right(name, sent[0]), value)
        return as_sent or (had is not None and not same(had, value))

    def to_show(self, shown, driven, now):
        """Values for the patch to show, unless the user is changing or the patch driving them."""
        found = {}
        for name in [n for n in self._told if now - self._sent_at.get(n, NEVER) >= QUIET]:
            if name not in shown:
                continue  # its page is not built yet, or belongs to another pipeline
            value = self._told.pop(name)
            if name in self._moved or same(shown[name], value):
                continue
            if name not in driven:
                found[name] = self._shown[name] = value
            elif name not in self._sent and self._insisted.get(name) != (shown[name], value):
                # Sent again, once: an out-of-range value would be changed for ever.
                self._insisted[name] = shown[name], value
                self._moved[name] = shown[name]
        return found

    def _right(self, name, value):
        """A value in the bridge's type; OSC has no bool."""
        kind = self._specs[name]["kind"] if name in self._specs else "text"
        make = {"bool": bool, "int": _whole, "float": float}.get(kind, str)
        return make(value)


def _whole(value):
    """An integer clamped to a parameter's 32 bits. The bridge sends larger ones as text."""
    return max(-LARGEST, min(LARGEST, int(value) if isinstance(value, str) else round(value)))


def same(one, other):
    """Whether two values are equal within OSC's 24-bit precision."""
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return abs(one - other) <= 1e-6 * max(1.0, abs(one), abs(other))
    return one == other


def pasted(text):
    """A path without quotes, or the path of a file URL; anything else unchanged."""
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
    """The path in a URL after `file:`: `///C:/a%20b`, `//localhost/C:/a`, `//server/share/a`,
    `/C:/a`; also of lookalikes: `//C:\\a`, `//~/a`, `//a`.
    """
    if path.startswith("//"):
        read = unquote(path, errors="surrogateescape")
        path = path if CONTROL.search(read) else read  # a pattern such as %04d is not URL encoding
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
