# pyright: basic
"""The component's line to one bridge: how it stands, what goes out, what there is to show.

Plain Python: it runs in TouchDesigner as the Text DAT of the same name, and anywhere else. It holds
no socket and no thread: `web` does HTTP in another thread, `send` hands an OSC message over, and
`heard` takes one in. `tick` is called once a frame, does what is due and returns what to show.

Its time is that of the frames: while TouchDesigner stands still, to save or to ask for a file,
nothing is heard, so nothing is missed either. OSC is trusted with numbers and with ASCII; other
texts go by HTTP both ways.
"""

import ipaddress
import logging
import math
import re
import time
from typing import Any, NamedTuple

log = logging.getLogger("SpoutBridge")

NEEDS = (0, 1)  # the oldest bridge that tells all that is read here
PIPELINE = "pipeline"
NONE = "none"  # as the URI of a live input: there is to be none
ROOT = "/bridge/"
SILENT = 1.0  # seconds without OSC after which the bridge has gone; it tells its uptime at 5 Hz
DEAF_AFTER = 3.0  # seconds that the first OSC may take
RETRY = 1.0  # seconds between tries to reach a bridge
RETRY_SLOWLY = 5.0  # the same where one answered that will not do
SUBSCRIBE = 2.0  # seconds between subscriptions: a bridge that began anew knows none
STALL = 0.25  # seconds that time goes on by at most from one frame to the next
LONGEST = 1000  # letters of a text that goes by OSC
SWITCH = 2.0  # seconds that a switch of pipelines takes to begin
NO_FILE = 410  # the status of an upload of what is no file of this machine
NO_MACHINE = -2  # the status where no machine has the name that Host says
API = "/api/v1"
PORT = "set Port to the one that the bridge prints when it starts"

OFF, CONNECTING, CONNECTED, OFFLINE = "OFF", "CONNECTING", "CONNECTED", "OFFLINE"
STARTING = "STARTING"
LOST, DEAF, WRONG, REFUSED, OLD = "LOST", "DEAF", "WRONG", "REFUSED", "OLD"
STATES = {
    OFF: "Not active.",
    CONNECTING: "Asking the bridge what it has.",
    CONNECTED: "Values go both ways.",
    OFFLINE: "No bridge answers.",
    STARTING: "The bridge starts.",
    LOST: "The bridge was there and has gone.",
    DEAF: "The bridge answers by HTTP, but its OSC does not arrive.",
    WRONG: "Something else answers at that port.",
    REFUSED: "The bridge does not let this component in.",
    OLD: "The bridge is older than this component.",
}
ALIVE = (CONNECTED, DEAF)


class Event(NamedTuple):
    """What there is to show. `kind` is state (name: which, value: a sentence), page (value: the
    schema), loras (value: those of the bridge's machine), value (of a parameter), status (value:
    name to value), look, process, or an error: one of what is over, or `wrong` while it lasts, and
    `cured` (name: what it was about).
    """

    kind: str
    name: str = ""
    value: Any = None
    about: str = ""  # of an error: what it is about, where `name` does not say that


class Link:
    """Main thread only; nothing waits."""

    def __init__(self, web, values, send, path=lambda name, value: value, clock=time.monotonic):
        """`send(address, arguments)` sends one OSC message to the bridge; `path(name, value)` is
        the whole path of the file that a parameter names.
        """
        self._web, self._values, self._send, self._path = web, values, send, path
        self._clock, self._ticked = clock, clock()
        self._now = self._ticked
        self._log: Any = None  # what the bridge that is being started said last
        self._elsewhere = 0  # the port of the one that was started here, where Port has another
        self._told_unsent = False  # of this connection
        self.state, self.message = OFF, STATES[OFF]
        self.status: dict[str, Any] = {}
        self._aim: tuple = ("", 0, 0)
        self._unfit = ""  # why Host is no machine's, so that OSC is not tried; empty where it is
        self._unsent = ""  # why OSC could not be sent in this frame
        self._patch_wins = False
        self._events: list[Event] = []
        self._wishes: dict[str, str] = {}
        self._failing: set[str] = set()  # what an error was told about, until it is cured
        self._turn = 0
        self._forget()

    def _forget(self):
        """Begin a turn; answers to questions of an earlier one are not looked at."""
        self._turn += 1
        self._asking = False
        self._ask_at = self._subscribe_at = 0.0
        self._heard_at: Any = None
        self._listening: Any = None  # since when the first OSC is waited for
        self._switching: Any = None  # (pipeline, since when) that was asked for
        self._state_read = False  # whether all of the state was told since
        self._asked: dict[str, str] = {}  # live input to the URI that it was asked to have
        self._refused: set[str] = set()  # of these, what will be asked for again
        self._given: dict[str, str] = {}  # what it was given as one, until the state says so
        self._busy: dict[tuple, Any] = {}  # (what, name) that is under way to what comes after it
        self._uptimes: dict[str, float] = {}
        self._reread: set[str] = set()  # what is to be asked for by HTTP: texts, status
        self._values.forget()

    # What the component says.

    def open(self, host, port, reply_port, token="", patch_wins=False):
        """Connect to this bridge, and go on trying. `patch_wins` sends it the component's values
        instead of taking the bridge's. A host that can be none is asked for nothing.
        """
        moved = (host, port) != self._aim[:2]
        if moved and self.state != OFF and not self._unfit:
            self._web.leave(self._aim[2])
        self.close(told=not moved)
        self._aim, self._patch_wins = (host, port, reply_port), patch_wins
        self.status.pop("error", None)  # an error of another bridge, maybe
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
        """Be inactive, and have the bridge told."""
        if told and self.state != OFF and not self._unfit:
            self._say(ROOT + "unsubscribe", [self._aim[2]])
        self._unsent = ""  # who does not hear that will notice
        self._forget()
        self._become(OFF)

    def heard(self, address, arguments):
        """An OSC message from the bridge; before it was asked what it has, none means anything."""
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
        """What each live input beside the first is to be, from now on: a URI, `none`, or empty for
        whatever the bridge has.
        """
        self._wishes = inputs

    def recall(self, look, values):
        """Set many values at once: all of them, or none where one is refused."""
        known = {name: value for name, value in values.items() if name in self._values}
        self._ask("look", "PATCH", "/parameters", known, look)

    def set_all(self, values):
        """Set many values at once; what is refused is told."""
        known = {name: value for name, value in values.items() if name in self._values}
        self._ask("defaults", "PATCH", "/parameters", known, "defaults")

    def tick(self, shown, driven=()):
        """One frame. `shown` is each parameter's value in the patch, `driven` the names of those
        that an expression, export or binding has; what to show comes back.
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
        """Hand one OSC message over; whether it went. After one that did not, none is tried in this
        frame: each may cost the time of a look for the machine's name.
        """
        if self._unsent:
            return False
        try:
            self._send(address, arguments)
        except Exception as error:  # whatever it is, in whatever build: the frame goes on
            if not self._told_unsent:
                log.exception("OSC cannot be sent to %s.", self._where)
            self._told_unsent = True
            self._unsent = f"OSC cannot be sent to {self._where}: {error}"
            return False
        return True

    def _cut_off(self):
        """OSC could not be sent: without it there is no bridge; HTTP tells when to try again."""
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
        """What an error was about works again."""
        if about in self._failing:
            self._failing.remove(about)
            self._events.append(Event("cured", about))

    def _meant(self, text):
        """The parameter that a sentence of the bridge's begins with; empty where it is none."""
        for word in text.split(": ")[:2]:
            if word in self._values or self._values.named(word):
                return self._values.named(word) or word
        return ""

    def _told(self, name, value, settled=False):
        """The bridge says what a parameter is."""
        if self._values.told(name, value, settled):
            self._cured(name)

    # How it stands.

    def _pass_time(self):
        real = self._clock()
        step, self._ticked = real - self._ticked, real
        self._now += min(step, STALL)
        if step > STALL and self._heard_at is not None:
            # What came meanwhile may be taken in after this; and for a long stall it took us off.
            self._heard_at = self._subscribe_at = self._now
        return self._now

    @property
    def alive(self):
        """Whether there is a bridge: it was heard a moment ago, or answers by HTTP."""
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
        """Subscribe, ask, and notice what does not come."""
        if self._reached and now >= self._subscribe_at:
            self._subscribe_at = now + SUBSCRIBE
            self._say(ROOT + "subscribe", [self._aim[2]])
        if self._heard_at is not None and (self._listening is not None or self.state == DEAF):
            self._listening, self._told_unsent = None, False
            self._become(CONNECTED, f"Connected to {self._where}, both ways.")
        elif self._listening is not None and now - self._listening > DEAF_AFTER:
            self._listening = None
            self._become(
                DEAF,
                f"The bridge answers, but its OSC does not arrive at UDP port {self._aim[2]}: "
                "choose another Reply Port, or see --osc-allow where it is on another machine.",
            )
        elif self.state == CONNECTED and now - self._heard_at > SILENT:
            self._gone("it is silent")
        if not self._asking and now >= self._ask_at:
            self._ask_at = now + (RETRY_SLOWLY if self.state in (WRONG, REFUSED, OLD) else RETRY)
            if self.state == DEAF:
                self._ask("state", "GET", "/state")
            elif not self._reached:
                self._ask("schema", "GET", "/schema")

    def _gone(self, why, status=0):
        """Nobody answers, or nobody any more."""
        was = self._reached or self.state == LOST
        self._unfit = f"There is {why}: see Host." if status == NO_MACHINE else ""
        self._ask_at, again = 0.0, self._now + (0.0 if self.alive else RETRY)
        self._forget()
        self._ask_at = again
        if was:
            self._become(LOST, f"{self._where} has gone ({why}); the patch goes on without it.")
        elif self._unfit:
            self._become(OFFLINE, self._unfit)
        elif self._log is not None:
            self._become(STARTING, self._log)
        else:
            self._become(OFFLINE, f"No bridge answers at {self._where} ({why}): {self._cure}")

    @property
    def _cure(self):
        if self._elsewhere:
            return f"the one that was started here has port {self._elsewhere}."
        return f"start one, or {PORT}."

    def _take_status(self, values, way="osc"):
        before = dict(self.status)
        # Each way has its own delay: only what came by the same tells whether it went back.
        told = self._uptimes.get(way, 0.0)
        self._uptimes[way] = values.get("uptime", told)
        changed = {n: v for n, v in values.items() if before.get(n) != v}
        self.status.update(changed)
        if changed:
            self._events.append(Event("status", value=changed))
        for name in self._given.keys() & changed.keys():
            if ("input", name) not in self._busy:
                del self._given[name]
        if {PIPELINE, "loading"} & changed.keys():  # it may take now what it refused before
            for name in self._refused:
                self._asked.pop(name, None)
            self._refused.clear()
        if self._uptimes[way] < told:
            if self.alive:
                self._gone("it began anew")  # and may know and have other things now
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
        """What became of the bridge that is started here."""
        if what == "elsewhere":
            self._log, self._elsewhere = None, value
            if self.state in (OFFLINE, STARTING) and not self._unfit:
                self._become(OFFLINE, f"No bridge answers at {self._where}: {self._cure}")
            return
        self._elsewhere = 0
        if what != "log":  # of "adopted" there is nothing more to do
            self._events.append(Event("process", what, (status, value)))
        if what == "log" or (what == "started" and status == 200):
            self._log = (value if what == "log" else "") or STATES[STARTING]
            if self._unfit:
                return  # whatever starts is not what Host says
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
        """Why what answers will not do; empty where it will."""
        if status in (401, 403, 421, 429):
            return REFUSED, f"{self._where}: {value}"
        if status != 200 or not isinstance(value, dict) or "parameters" not in value:
            return WRONG, f"What answers at {self._where} is no spout-bridge: {PORT}."
        version = str(value.get("version", "0"))
        if _numbers(version) < NEEDS:
            needed = ".".join(map(str, NEEDS))
            return OLD, f"The bridge is version {version}, and {needed} is needed: update it."
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
        if status == 200:  # else those before may still be there
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
            return  # to a newer one
        if status == 200 and name in value:
            self._told(name, value[name])
            self._cured(name)
        elif status in (0, NO_MACHINE):
            self._values.put_back(name)  # the bridge has gone, or will answer
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
            self._set(name, text, self._now)  # one of the bridge's own
        else:
            self._fail(name, f"{name}: {value}", kind="wrong")  # as long as the patch shows it

    def _answer_input(self, name, status, value):
        if self._goes_on("input", name):
            return  # to a newer one
        if status == 202:
            self._cured(name)
        elif status not in (0, NO_MACHINE):  # else it is asked again when the bridge is back
            self._given.pop(name, None)
            self._refused.add(name)
            sentence = str(value) if str(value).startswith(name) else f"{name}: {value}"
            self._fail(name, sentence, kind="wrong")  # as long as the patch wants it

    # Live inputs beside the first.

    def _provide(self):
        """Have the bridge take what the patch wants as each of them; what only the patch wanted,
        and does not any more, ends.
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
        """The URI of what the bridge has as a live input, or was given; `none` for none."""
        if name in self._given:
            return self._given[name]
        return str(self.status.get(name, "")).partition(" · ")[0] or NONE

    # Values.

    def _exchange(self, now):
        """Send what was moved; see that it comes back."""
        if self._state_read:
            self._provide()
        elif any(self._wishes.values()) and not self._asking:
            self._reread.add("status")
        again, lost = self._values.overdue(now)
        for name, value in again.items():
            self._set(name, value, now, tries=1)
        if lost and not self._asking:
            self._ask("values", "GET", "/parameters")  # what the bridge has holds
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
        """Give the bridge a value by HTTP: one of a name at a time, then the newest of those that
        have come meanwhile, however long it takes.
        """
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
        """One has been answered. Whether another goes out."""
        value = self._busy.pop((what, name))
        if value is not None:
            self._begin(what, name, value)
        return value is not None

    def _switched(self, now):
        """Whether no switch that was asked for is under way."""
        if self._switching is None:
            return True
        pipeline, since = self._switching
        arrived = self.status.get(PIPELINE) == pipeline
        if arrived or (now - since > SWITCH and not self.status.get("loading")):
            self._switching = None
        return self._switching is None


def unfit(host):
    """Why this text can be no host, in a sentence; empty where it can. It asks nobody."""
    name = host.partition("%")[0]  # an address of this link has its interface behind it
    try:
        ipaddress.ip_address(name)
    except ValueError:
        if not host:
            return "Host is empty: 127.0.0.1 is this machine."
        if "/" in host:
            return f"Host is {host!r}: write the name or the address alone, such as 127.0.0.1."
        if ":" in host:
            return f"Host is {host!r}: write the name or the address alone; Port has the port."
        if not re.fullmatch(r"[\w.-]+", host) or not _is_name(host):
            return f"Host is {host!r}, which no machine can be called: 127.0.0.1 is this one."
    return ""


def _is_name(host):
    """Whether there can be such a name; those that are not ASCII are looked up in another form."""
    try:
        return bool(host.encode("idna"))
    except UnicodeError:
        return False


def _mended(text):
    """A text of UTF-8 that was read as if each byte were a letter."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _numbers(version):
    """(0, 1, 0) of "0.1.0rc1"; what is no number counts as 0."""
    return tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in version.split("."))
