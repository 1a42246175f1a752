# pyright: basic
"""The component's connection to one bridge: its state, what to send, what to show.

Plain Python: it runs in TouchDesigner as the Text DAT of the same name, and anywhere else. It has
no socket and no thread: `web` does HTTP in another thread, `send` sends an OSC message, and `heard`
receives one. `tick` is called once per frame, does what is due and returns what to show.

Its time is frame time: while TouchDesigner is frozen, to save or in a file dialog, nothing is
received, so nothing counts as missed. OSC carries numbers and ASCII; other texts use HTTP in both
directions.
"""

import ipaddress
import logging
import math
import re
import time
from typing import Any, NamedTuple

log = logging.getLogger("SpoutBridge")

NEEDS = (0, 1)  # the oldest bridge that reports everything used here
PIPELINE = "pipeline"
NONE = "none"  # as the URI of a live input: no input
ROOT = "/bridge/"
SILENT = 1.0  # seconds without OSC until the bridge counts as gone; it sends its uptime at 5 Hz
DEAF_AFTER = 3.0  # seconds to wait for the first OSC
RETRY = 1.0  # seconds between attempts to reach a bridge
RETRY_SLOWLY = 5.0  # the same after an unsuitable answer
SUBSCRIBE = 2.0  # seconds between subscriptions: a restarted bridge has none
STALL = 0.25  # most seconds that time advances from one frame to the next
LONGEST = 1000  # characters of a text sent by OSC
SWITCH = 2.0  # seconds for a pipeline switch to begin
NO_FILE = 410  # upload status if the file does not exist on this machine
NO_MACHINE = -2  # status if no machine has the name in Host
API = "/api/v1"
PORT = "set Port to the one that the bridge prints when it starts"

OFF, CONNECTING, CONNECTED, OFFLINE = "OFF", "CONNECTING", "CONNECTED", "OFFLINE"
STARTING = "STARTING"
LOST, DEAF, WRONG, REFUSED, OLD = "LOST", "DEAF", "WRONG", "REFUSED", "OLD"
STATES = {
    OFF: "Not active.",
    CONNECTING: "Reading the bridge's parameters.",
    CONNECTED: "Values are sent and received.",
    OFFLINE: "No bridge found.",
    STARTING: "The bridge is starting.",
    LOST: "The connection to the bridge was lost.",
    DEAF: "The bridge answers over HTTP, but its OSC does not arrive.",
    WRONG: "Another program uses that port.",
    REFUSED: "The bridge refuses this component.",
    OLD: "The bridge is older than this component.",
}
ALIVE = (CONNECTED, DEAF)


class Event(NamedTuple):
    """Something to show. `kind` is state (name: which, value: a sentence), page (value: the
    schema), loras (value: those on the bridge's machine), value (of a parameter), status (value:
    name to value), look, process, error (a past error), wrong (an error that lasts), or `cured`
    (name: what it was about).
    """

    kind: str
    name: str = ""
    value: Any = None
    about: str = ""  # of an error: what it is about, if not `name`


class Link:
    """Main thread only; never blocks."""

    def __init__(self, web, values, send, path=lambda name, value: value, clock=time.monotonic):
        """`send(address, arguments)` sends one OSC message to the bridge; `path(name, value)` is
        the full path of a file parameter.
        """
        self._web, self._values, self._send, self._path = web, values, send, path
        self._clock, self._ticked = clock, clock()
        self._now = self._ticked
        self._log: Any = None  # last log line of the bridge being started
        self._elsewhere = 0  # port of the bridge started here, if Port differs
        self._told_unsent = False  # of this connection
        self.state, self.message = OFF, STATES[OFF]
        self.status: dict[str, Any] = {}
        self._aim: tuple = ("", 0, 0)
        self._unfit = ""  # why Host is invalid, so OSC is not tried; else empty
        self._unsent = ""  # why OSC failed in this frame
        self._patch_wins = False
        self._events: list[Event] = []
        self._wishes: dict[str, str] = {}
        self._failing: set[str] = set()  # subjects of reported errors, until cured
        self._turn = 0
        self._forget()

    def _forget(self):
        """Begin a new turn; answers to requests of earlier ones are ignored."""
        self._turn += 1
        self._asking = False
        self._ask_at = self._subscribe_at = 0.0
        self._heard_at: Any = None
        self._listening: Any = None  # since when it waits for the first OSC
        self._switching: Any = None  # (pipeline, since when) of a requested switch
        self._state_read = False  # whether the full state was read since
        self._asked: dict[str, str] = {}  # live input to the URI requested for it
        self._refused: set[str] = set()  # of these, those to request again
        self._given: dict[str, str] = {}  # what was sent for it, until the state confirms
        self._busy: dict[tuple, Any] = {}  # pending (what, name) to what follows it
        self._uptimes: dict[str, float] = {}
        self._reread: set[str] = set()  # what to request over HTTP: texts, status
        self._values.forget()

    # From the component.

    def open(self, host, port, reply_port, token="", patch_wins=False):
        """Connect to this bridge, and keep trying. `patch_wins` sends the component's values
        instead of using the bridge's. An invalid host is never contacted.
        """
        moved = (host, port) != self._aim[:2]
        if moved and self.state != OFF and not self._unfit:
            self._web.leave(self._aim[2])
        self.close(told=not moved)
        self._aim, self._patch_wins = (host, port, reply_port), patch_wins
        self.status.pop("error", None)  # possibly from another bridge
        if moved:
            self._log, self._elsewhere = None, 0
        self._unfit, self._told_unsent = unfit(host), False
        if self._unfit:
            self._ask_at = math.inf
            self._become(OFFLINE, self._unfit)
            return
        self._web.aim(host, port, token)
        self._become(CONNECTING)

    def close(self, told=True):
        """Disconnect, and tell the bridge."""
        if told and self.state != OFF and not self._unfit:
            self._say(ROOT + "unsubscribe", [self._aim[2]])
        self._unsent = ""  # a bridge that misses it will notice
        self._forget()
        self._become(OFF)

    def heard(self, address, arguments):
        """An OSC message from the bridge; ignored before its parameters are known."""
        if not self._reached or not arguments:
            return
        self._heard_at = self._now
        name, value = self._values.named(address), arguments[0]
        if name and self._values.is_doubtful(name, value):
            self._reread.add("texts")
        elif name:
            self._told(name, value)
        elif address.startswith(ROOT + "state/"):
            if isinstance(value, str) and not value.isascii():
                self._reread.add("status")
            else:
                self._take_status({address[len(ROOT) + 6 :]: value})
        elif address == ROOT + "error":
            self._fail("bridge", _mended(str(value)), self._meant(str(value)))

    def do(self, action):
        """Press one of the bridge's buttons."""
        if self._unfit:
            self._fail(action, f"{action}: {self._unfit}")
        elif not self._say(ROOT + action, [1]):
            self._fail(action, f"{action}: {self._unsent}")

    def wish(self, inputs):
        """Set the additional live inputs: a URI, `none`, or empty to keep the bridge's setting."""
        self._wishes = inputs

    def recall(self, look, values):
        """Set many values at once: all of them, or none if one is refused. A look may have been
        saved before a parameter was renamed.
        """
        current = {self._values.current(name): value for name, value in values.items()}
        known = {name: value for name, value in current.items() if name in self._values}
        self._ask("look", "PATCH", "/parameters", known, look)

    def set_all(self, values):
        """Set many values at once; refusals are reported."""
        known = {name: value for name, value in values.items() if name in self._values}
        self._ask("defaults", "PATCH", "/parameters", known, "defaults")

    def tick(self, shown, driven=()):
        """One frame. `shown` has each parameter's value in the patch, `driven` the names of those
        driven by an expression, export or binding; returns what to show.
        """
        now = self._pass_time()
        for answer in self._web.answers():
            self._answered(answer)
        if self.state != OFF:
            self._watch(now)
        self._values.notice(shown)
        if self._reached:
            self._exchange(now)
        if self._switched(now) and PIPELINE in self.status:
            self._told(PIPELINE, self.status[PIPELINE])
        for name, value in self._values.to_show(shown, driven, now).items():
            self._events.append(Event("value", name, value))
        if self._unsent:
            self._cut_off()
        events, self._events = self._events, []
        return events

    def _say(self, address, arguments):
        """Send one OSC message; whether it was sent. After a failure no other is tried in this
        frame: each may cost a name lookup.
        """
        if self._unsent:
            return False
        try:
            self._send(address, arguments)
        except Exception as error:  # any error of any build: the frame must continue
            if not self._told_unsent:
                log.exception("OSC cannot be sent to %s.", self._where)
            self._told_unsent = True
            self._unsent = f"OSC cannot be sent to {self._where}: {error}"
            return False
        return True

    def _cut_off(self):
        """OSC failed: treat the bridge as gone; HTTP shows when to try again."""
        why, self._unsent = self._unsent, ""
        if self._reached:
            self._forget()
            self._ask_at = self._now + RETRY_SLOWLY
            self._become(OFFLINE, why)

    # Errors.

    def _fail(self, source, message, about="", kind="error"):
        self._failing.add(about or source)
        self._events.append(Event(kind, source, message, about))

    def _cured(self, about):
        """Clear the error about something that works again."""
        if about in self._failing:
            self._failing.remove(about)
            self._events.append(Event("cured", about))

    def _meant(self, text):
        """The parameter that a message from the bridge begins with; empty if none."""
        for word in text.split(": ")[:2]:
            if word in self._values or self._values.named(word):
                return self._values.named(word) or word
        return ""

    def _told(self, name, value, settled=False):
        """The bridge reports a parameter's value."""
        if self._values.told(name, value, settled):
            self._cured(name)

    # State.

    def _pass_time(self):
        real = self._clock()
        step, self._ticked = real - self._ticked, real
        self._now += min(step, STALL)
        if step > STALL and self._heard_at is not None:
            # Messages received meanwhile may arrive after this; a long stall ends the subscription.
            self._heard_at = self._subscribe_at = self._now
        return self._now

    @property
    def alive(self):
        """Whether a bridge is there: OSC was received recently, or it answers over HTTP."""
        return self.state in ALIVE

    @property
    def _reached(self):
        return self.alive or self._listening is not None

    @property
    def _where(self):
        return f"{self._aim[0]}:{self._aim[1]}"

    def _become(self, state, message=""):
        message = message or STATES[state]
        if (state, message) != (self.state, self.message):
            self.state, self.message = state, message
            self._events.append(Event("state", state, message))

    def _watch(self, now):
        """Subscribe, poll, and detect silence."""
        if self._reached and now >= self._subscribe_at:
            self._subscribe_at = now + SUBSCRIBE
            self._say(ROOT + "subscribe", [self._aim[2]])
        if self._heard_at is not None and (self._listening is not None or self.state == DEAF):
            self._listening, self._told_unsent = None, False
            self._become(CONNECTED, f"Connected to {self._where}.")
        elif self._listening is not None and now - self._listening > DEAF_AFTER:
            self._listening = None
            self._become(
                DEAF,
                f"The bridge answers, but its OSC does not arrive at UDP port {self._aim[2]}: "
                "choose another Reply Port, or check --osc-allow if it is on another machine.",
            )
        elif self.state == CONNECTED and now - self._heard_at > SILENT:
            self._gone("no OSC received")
        if not self._asking and now >= self._ask_at:
            self._ask_at = now + (RETRY_SLOWLY if self.state in (WRONG, REFUSED, OLD) else RETRY)
            if self.state == DEAF:
                self._ask("state", "GET", "/state")
            elif not self._reached:
                self._ask("schema", "GET", "/schema")

    def _gone(self, why, status=0):
        """No answer, or none any more."""
        was = self._reached or self.state == LOST
        self._unfit = f"There is {why}: check Host." if status == NO_MACHINE else ""
        self._ask_at, again = 0.0, self._now + (0.0 if self.alive else RETRY)
        self._forget()
        self._ask_at = again
        if was:
            self._become(LOST, f"Lost the bridge at {self._where} ({why}); reconnecting.")
        elif self._unfit:
            self._become(OFFLINE, self._unfit)
        elif self._log is not None:
            self._become(STARTING, self._log)
        else:
            self._become(OFFLINE, f"No bridge at {self._where} ({why}): {self._cure}")

    @property
    def _cure(self):
        if self._elsewhere:
            return f"the bridge started here uses port {self._elsewhere}."
        return f"start one, or {PORT}."

    def _take_status(self, values, way="osc"):
        before = dict(self.status)
        # Each transport has its own delay: compare uptimes from the same one only.
        told = self._uptimes.get(way, 0.0)
        self._uptimes[way] = values.get("uptime", told)
        changed = {n: v for n, v in values.items() if before.get(n) != v}
        self.status.update(changed)
        if changed:
            self._events.append(Event("status", value=changed))
        for name in self._given.keys() & changed.keys():
            if ("input", name) not in self._busy:
                del self._given[name]
        if {PIPELINE, "loading"} & changed.keys():  # it may now accept what it refused before
            for name in self._refused:
                self._asked.pop(name, None)
            self._refused.clear()
        if self._uptimes[way] < told:
            if self.alive:
                self._gone("it restarted")  # parameters and values may differ now
        elif PIPELINE in changed and PIPELINE in before and self.alive:
            self._ask("schema", "GET", "/schema")

    # HTTP.

    def _ask(self, what, method, path, body=None, name=""):
        self._asking = self._asking or not name
        self._web.ask((self._turn, what, name), method, API + path, body)

    def _answered(self, answer):
        if isinstance(answer.job, str):
            self._process(answer.job, answer.status, answer.value)
            return
        turn, what, name = answer.job
        if turn == self._turn and self.state != OFF:
            self._asking = self._asking and bool(name)
            getattr(self, "_answer_" + what)(name, answer.status, answer.value)

    def _process(self, what, status, value):
        """News of the bridge started here."""
        if what == "elsewhere":
            self._log, self._elsewhere = None, value
            if self.state in (OFFLINE, STARTING) and not self._unfit:
                self._become(OFFLINE, f"No bridge at {self._where}: {self._cure}")
            return
        self._elsewhere = 0
        if what != "log":  # nothing more to do for "adopted"
            self._events.append(Event("process", what, (status, value)))
        if what == "log" or (what == "started" and status == 200):
            self._log = (value if what == "log" else "") or STATES[STARTING]
            if self._unfit:
                return  # the starting bridge is not the one in Host
            if self.state in (OFFLINE, STARTING) or (what == "started" and self.state == LOST):
                self._become(STARTING, self._log)
        elif what in ("ended", "stopped") and status != 404:
            self._log = None
            if self.state == STARTING:
                self._become(OFFLINE)

    def _answer_schema(self, _, status, value):
        self._unfit = ""
        if status in (0, NO_MACHINE) or status >= 500:
            self._gone(value, status)
            return
        state, message = self._verdict(status, value)
        if state:
            self._become(state, message)
            return
        self._values.learn(value)
        self._events.append(Event("page", value=value))
        self._ask("values", "GET", "/parameters")
        if self._values.take_loras():
            self._ask("loras", "GET", "/loras", name="loras")

    def _verdict(self, status, value):
        """Why the answering program is unsuitable; empty if it is fine."""
        if status in (401, 403, 421, 429):
            return REFUSED, f"{self._where}: {value}"
        if status != 200 or not isinstance(value, dict) or "parameters" not in value:
            return WRONG, f"The program at {self._where} is not spout-bridge: {PORT}."
        version = str(value.get("version", "0"))
        if _numbers(version) < NEEDS:
            needed = ".".join(map(str, NEEDS))
            return (
                OLD,
                f"The bridge is version {version}, but {needed} or later is required: update it.",
            )
        return "", ""

    def _answer_values(self, _, status, value):
        if status != 200:
            self._gone(value, status)
            return
        for name in value:
            if name in self._values:
                self._told(name, value[name])
        if not self._reached:
            if self._patch_wins:
                self._values.insist()
            self._listening, self._heard_at = self._now, None

    def _answer_loras(self, _, status, value):
        if status == 200:  # else keep the previous list
            self._events.append(Event("loras", value=value))

    def _answer_state(self, _, status, value):
        if status == 200:
            self._state_read = True
            self._take_status(value, "http")
        else:
            self._gone(value, status)

    def _answer_status(self, _, status, value):
        if status == 200:
            self._state_read = True
            self._take_status(value, "http")

    def _answer_texts(self, _, status, value):
        for name in self._values.texts() if status == 200 else ():
            if name in value and ("text", name) not in self._busy:
                self._told(name, value[name])

    def _answer_text(self, name, status, value):
        if self._goes_on("text", name):
            return  # a newer one follows
        if status == 200 and name in value:
            self._told(name, value[name])
            self._cured(name)
        elif status in (0, NO_MACHINE):
            self._values.put_back(name)  # the bridge is gone, or will answer
        else:
            self._fail(name, f"{name}: {value}")
            self._reread.add("texts")

    def _answer_defaults(self, _, status, value):
        if status != 200:
            self._fail("defaults", str(value))
            return
        self._cured("defaults")
        for name in value:
            self._told(name, value[name], settled=True)

    def _answer_look(self, look, status, value):
        if status != 200:
            self._fail("look", f"{look}: {value}")
            return
        for name in value:
            self._told(name, value[name], settled=True)
        self._events.append(Event("look", look))

    def _answer_switch(self, pipeline, status, value):
        if status == 202:
            self._cured(PIPELINE)
        if not self._goes_on("switch", PIPELINE) and status != 202:
            self._switching = None
            self._fail(PIPELINE, f"{pipeline}: {value}")

    def _answer_upload(self, what, status, value):
        name, text = what
        if self._goes_on("upload", name):
            return
        if status == 201:
            self._cured(name)
            self._set(name, value["name"], self._now)
        elif status == NO_FILE and not {"/", "\\"} & set(text):
            self._cured(name)
            self._set(name, text, self._now)  # a file of the bridge
        else:
            self._fail(name, f"{name}: {value}", kind="wrong")  # while the patch shows it

    def _answer_input(self, name, status, value):
        if self._goes_on("input", name):
            return  # a newer one follows
        if status == 202:
            self._cured(name)
        elif status not in (0, NO_MACHINE):  # else it is requested again when the bridge is back
            self._given.pop(name, None)
            self._refused.add(name)
            sentence = str(value) if str(value).startswith(name) else f"{name}: {value}"
            self._fail(name, sentence, kind="wrong")  # while the patch wants it

    # Additional live inputs.

    def _provide(self):
        """Set the bridge's additional inputs as the patch wants; inputs that only the patch set,
        and no longer wants, end.
        """
        for name, uri in self._wishes.items():
            before, has = self._asked.get(name, ""), self._has(name)
            if uri == before:
                continue
            self._asked[name] = uri
            self._refused.discard(name)
            wanted = uri or (NONE if has == before else has)
            if wanted == has:
                self._cured(name)
            else:
                self._given[name] = wanted
                self._begin("input", name, wanted)

    def _has(self, name):
        """The URI of the bridge's live input, as reported or as sent; `none` for none."""
        if name in self._given:
            return self._given[name]
        return str(self.status.get(name, "")).partition(" · ")[0] or NONE

    # Values.

    def _exchange(self, now):
        """Send changed values; check that they are confirmed."""
        if self._state_read:
            self._provide()
        elif any(self._wishes.values()) and not self._asking:
            self._reread.add("status")
        again, lost = self._values.overdue(now)
        for name, value in again.items():
            self._set(name, value, now, tries=1)
        if lost and not self._asking:
            self._ask("values", "GET", "/parameters")  # the bridge's value holds
        if self._reread and not self._asking:
            what = self._reread.pop()
            self._ask(what, "GET", "/parameters" if what == "texts" else "/state")
        for name, value in self._values.due(now).items():
            if name == PIPELINE:
                self._begin("switch", name, value)
            elif path := self._values.file(name, value):
                self._begin("upload", name, path)
            else:
                self._set(name, value, now)

    def _set(self, name, value, now, tries=0):
        address, argument = self._values.message(name, value)
        if isinstance(argument, str) and (not argument.isascii() or len(argument) > LONGEST):
            self._begin("text", name, argument)
            return
        if self._say(address, [argument]):
            self._values.sent(name, value, now, tries)
        else:
            self._values.put_back(name)

    def _begin(self, what, name, value):
        """Send a value over HTTP: one per name at a time, then the newest of those waiting."""
        if (what, name) in self._busy:
            self._busy[what, name] = value
            return
        self._busy[what, name] = None
        if what == "text":
            self._ask("text", "PATCH", "/parameters", {name: value}, name)
        elif what == "input":
            self._ask("input", "POST", f"/{name}", {"uri": value}, name)
        elif what == "upload":
            self._web.upload((self._turn, "upload", (name, value)), self._path(name, value))
        else:
            self._switching = value, self._now
            self._ask("switch", "POST", "/pipeline", {name: value}, value)

    def _goes_on(self, what, name):
        """One request was answered; whether another follows."""
        value = self._busy.pop((what, name))
        if value is not None:
            self._begin(what, name, value)
        return value is not None

    def _switched(self, now):
        """Whether no requested switch is in progress."""
        if self._switching is None:
            return True
        pipeline, since = self._switching
        arrived = self.status.get(PIPELINE) == pipeline
        if arrived or (now - since > SWITCH and not self.status.get("loading")):
            self._switching = None
        return self._switching is None


def unfit(host):
    """Why this text is not a valid host, in a sentence; else empty. Does no lookup."""
    name = host.partition("%")[0]  # a link-local address ends with its interface
    try:
        ipaddress.ip_address(name)
    except ValueError:
        if not host:
            return "Host is empty: use 127.0.0.1 for this machine."
        if "/" in host:
            return f"Host is {host!r}: enter only a name or address, such as 127.0.0.1."
        if ":" in host:
            return f"Host is {host!r}: enter only a name or address; the port belongs in Port."
        if not re.fullmatch(r"[\w.-]+", host) or not _is_name(host):
            return f"Host is {host!r}, which is not a valid name: use 127.0.0.1 for this machine."
    return ""


def _is_name(host):
    """Whether a name is valid; non-ASCII names are looked up in IDNA form."""
    try:
        return bool(host.encode("idna"))
    except UnicodeError:
        return False


def _mended(text):
    """UTF-8 text that was read as Latin-1."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _numbers(version):
    """(0, 1, 0) of "0.1.0rc1"; non-numbers count as 0."""
    return tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in version.split("."))
