# pyright: basic, reportUndefinedVariable=false
"""The component's display: pages, values, state, the fade; and the artist's callbacks.

A Text DAT of the component, used by its extension; main thread only. Read-only parameters use
expressions: writing a constant would modify the project.
"""

import json
import logging
import math
import re
import sys
import time

log = logging.getLogger("SpoutBridge")

PLACEHOLDER = (128, 128)  # size of a Spout In TOP without a sender
AGAIN, SELDOM = 0.25, 60.0  # seconds between attempts to build, doubling each time
BRIEF = 60.0  # seconds that a past error is shown
LONGEST_STEP = 0.1  # most seconds that a fade advances in one frame
VALUES = ("parameter", "pipeline")  # kinds of rows with a value in the bridge
LISTENERS = "spout_bridge_listeners"  # in the component's storage: paths of DATs
# The component's own read-only parameters, and their initial values.
SHOWN = {
    "Connection": "OFF", "Message": "", "Engine": "", "Loading": "", "Fps": 0.0, "Latency": 0.0,
    "Memory": 0.0, "Lasterror": "", "Live": 0.0,
}  # fmt: skip
THERE = ("live", "still")  # conditions of an input that provides frames
NONE = "none"  # as an input: no input
SCHEME = re.compile("[A-Za-z][A-Za-z0-9+.-]+:")
SENDERS = "spout" if sys.platform == "win32" else "shm"  # how senders are named on this system
CALM = ("OFF", "CONNECTING", "STARTING", "CONNECTED")  # states that are not errors


class Show:
    """Sets the parameters and tables of one component. `show` takes what the link returns."""

    def __init__(self, owner, pages, values):
        """`values` loads the schema cached from the last time."""
        self._owner, self._pages, self._values = owner, pages, values
        self.rows = []
        self._unbuilt: dict = {}  # a schema that could not be fully built
        self._build_at, self._tries = 0.0, 0
        self._made = []  # names of the parameters created for a schema
        self._pipeline = self._engine = ""
        self._told = {}  # name to its value, and the dependency of its expression
        self._loading = {"loading": "", "phase": "", "progress": 1.0}
        self._memory = {"memory": 0.0, "worker_memory": 0.0}
        self._live_inputs = []  # names of the additional inputs with parameters
        self._input_state = {}  # of each, its source and condition
        self._seen = {}  # of each, the URI that has provided frames
        self._places = {}  # (table, name) to row number
        for name, otherwise in SHOWN.items():
            if owner.par[name] is not None:
                pages.bind(owner.par[name], otherwise)
        self._was_alive = False
        self._errors = {}  # subject to (sentence, until when), newest last
        self._at = time.monotonic()
        text = owner.op("schema_cache").text
        if text.strip():  # so that a patch opens and runs without its bridge
            kept = json.loads(text)
            self._made = kept["made"]
            values.learn(kept["schema"])
            self._build(kept["schema"])

    def shown(self, name, otherwise=""):
        """The value of a parameter, for its expression."""
        if name not in self._told:
            self._told[name] = [otherwise, tdu.Dependency(otherwise)]
        return self._told[name][1].val

    def _tell(self, **values):
        """Set the values of read-only parameters."""
        for name, value in values.items():
            told = self._told.setdefault(name, [None, tdu.Dependency(None)])
            if told[0] != value:
                told[0] = told[1].val = value

    def told(self, name):
        """The value of a parameter of SHOWN."""
        return self._told[name][0] if name in self._told else SHOWN[name]

    def schema(self):
        """The schema of the pages; empty before the first."""
        text = self._owner.op("schema_cache").text
        return json.loads(text)["schema"] if text.strip() else {"parameters": []}

    def values(self):
        """(values by the bridge's names, names of those driven by the patch)."""
        shown, driven = {}, set()
        for row in self.rows:
            par = self._owner.par[row.name] if row.kind in VALUES else None
            if par is not None:
                shown[row.key] = par.eval()
                if par.mode.name != "CONSTANT":
                    driven.add(row.key)
        return shown, driven

    def names(self):
        """The component's name for each of the bridge's current parameters."""
        return {row.key: row.name for row in self.rows if row.kind in VALUES}

    def wishes(self):
        """The wanted URI of each additional live input: that of its TOP, or else of its parameter;
        empty to keep the bridge's setting.
        """
        found, par = {}, self._owner.par
        for name in self._live_inputs:
            if par[self._pages.par_name(name, "top")].eval() is not None:
                found[name] = _uri(self._owner.op(f"{name}_out").par.sendername.eval())
            else:
                found[name] = _uri(par[self._pages.par_name(name, "from")].eval())
        return found

    def par(self, name):
        """A parameter by the bridge's name or the component's."""
        name = self._values.current(name)
        for key, own in self.names().items():
            if name in (key, own) and self._owner.par[own] is not None:
                return self._owner.par[own]
        there = ", ".join(self.names())
        raise LookupError(f"Unknown parameter {name!r}; available: {there}.")

    def show(self, events, alive):
        """Show the events of the link; `alive` says whether a bridge is there."""
        for event in events:
            if event.kind in ("error", "wrong"):
                self.error(event.name, event.value, event.about, event.kind == "wrong")
            else:
                getattr(self, "_" + event.kind)(event.name, event.value)
        if self._unbuilt and time.monotonic() >= self._build_at:
            self._build(self._unbuilt)
        if alive != self._was_alive:
            self._was_alive = alive
            if alive:
                self.cured("process")
            info = {"connection": self.told("Connection"), "message": self.told("Message")}
            self.call("onConnect" if alive else "onDisconnect", info)
        self._tell(Engine=self._engine if alive else "")
        if not alive:
            self._tell(Fps=0.0, Latency=0.0, Memory=0.0, Loading="")
            self._seen.clear()
            for name in self._live_inputs:
                self._tell(**{self._pages.par_name(name, "input"): ""})
        now = time.monotonic()
        self.cured(*[about for about, (_, until) in self._errors.items() if until < now])

    def error(self, source, message, about="", lasting=False):
        """Report an error. It is shown until its subject `about` works again (see `cured`), and for
        at most a minute unless it is `lasting`.
        """
        self._note(about or source, message, lasting)
        self.call("onError", {"source": source, "message": message})

    def cured(self, *about):
        """Clear errors that are resolved or long past, and show the newest remaining one."""
        if [self._errors.pop(one) for one in about if one in self._errors]:
            sentences = [sentence for sentence, _ in self._errors.values()]
            self._tell(Lasterror=sentences[-1] if sentences else "")

    def _note(self, about, message, lasting=False):
        self._errors.pop(about, None)
        self._errors[about] = message, math.inf if lasting else time.monotonic() + BRIEF
        self._tell(Lasterror=message)

    def call(self, name, info):
        """Call the artist's functions; their errors are reported and stop nothing."""
        listening = [self._owner.par.Callbackdat.eval()]
        listening += [op(path) for path in self.listeners()]
        for dat in listening:
            if dat is None:
                continue
            where = f"{name} in {dat.path}"
            try:
                function = getattr(dat.module, name, None)
                if function:
                    function({"comp": self._owner, **info})
            except Exception as error:  # the artist's own code, whatever it raises
                log.exception("%s", where)
                self._note(where, f"{where}: {type(error).__name__}: {error}")
            else:
                self.cured(where)

    def listeners(self):
        """The paths of the DATs called besides the Callback DAT."""
        return self._owner.fetch(LISTENERS, [], search=False)

    def listen(self, path, on):
        """Start or stop calling a DAT."""
        others = [other for other in self.listeners() if other != path]
        self._owner.store(LISTENERS, [*others, path] if on else others)

    def fade(self, alive):
        """Fade between the bridge's image and the input, so that the output never disappears."""
        now = time.monotonic()
        step, self._at = min(now - self._at, LONGEST_STEP), now
        par, spout = self._owner.par, self._owner.op("spout_in")
        size = spout.width, spout.height
        part = step / max(par.Fadeseconds.eval(), 1e-3)
        live = self.told("Live")
        if size == PLACEHOLDER != (par.Outputw.eval(), par.Outputh.eval()):
            live = 0.0  # the sender is gone, with nothing left to fade from
            if alive:  # an unviewed TOP does not cook and would miss its return
                spout.cook(force=True)
        elif alive or par.Whengone.eval() == "stay":
            live = min(1.0, live + part)
        else:
            live = max(0.0, live - part)
        self._tell(Live=live)

    # Event handlers.

    def _state(self, state, message):
        self._tell(Connection=state, Message=message)
        if state in ("OFF", "CONNECTING"):
            self.cured("status")  # possibly from another bridge
        self._owner.clearScriptErrors()
        if state not in CALM:
            self._owner.addScriptError(message)

    def _page(self, _, schema):
        self._tries = 0
        self._build({"loras": self.schema().get("loras", []), **schema})
        before, self._pipeline = self._pipeline, self._pages.active(schema)
        if before != self._pipeline:
            self.call("onPipeline", {"pipeline": self._pipeline, "before": before})

    def _loras(self, _, found):
        schema = self.schema()
        if schema.get("loras") != found:
            self._build({**schema, "loras": found})

    def _value(self, name, value):
        if name not in self.names():
            return  # not on the pages built since
        par = self.par(name)
        if par.style != "Menu" or value in par.menuNames:  # a menu accepts nothing else
            par.val = value
        self._values.settle({name: par.eval()})  # not the user's change

    def _status(self, _, values):
        table, numbers = self._owner.op("status"), self._owner.op("state_numbers")
        names = {row.key: row.name for row in self.rows if row.kind == "state"}
        for name, value in values.items():
            text = f"{value:g}" if isinstance(value, float) else str(value)
            self._write(table, name, text)
            if isinstance(value, (int, float)):
                self._write(numbers, name, text)
            if name in names:
                self._tell(**{names[name]: text})
        numbers = {"Fps": values.get("fps"), "Latency": values.get("latency")}
        self._tell(**{name: float(value) for name, value in numbers.items() if value is not None})
        for known in (self._loading, self._memory):
            known.update({name: values[name] for name in known if name in values})
        self._tell(Memory=float(sum(self._memory.values())), Loading=_loading(**self._loading))
        for name in self._live_inputs:
            self._stands(name, values)
        if values.get("error"):
            self.error("bridge", values["error"], "status", lasting=True)
        elif "error" in values:
            self.cured("status")
        par = self._owner.par
        width, _, height = str(values.get("output_size", "")).partition("x")
        size = (
            f"{par.Outputw.eval()}x{par.Outputh.eval()}"  # stored: the project opens in this size
        )
        if width.isdecimal() and height.isdecimal() and f"{width}x{height}" != size:
            par.Outputw, par.Outputh = int(width), int(height)
        if values.get("state", self._engine) != self._engine:
            before, self._engine = self._engine, values["state"]
            self.call("onState", {"state": self._engine, "before": before})

    def _stands(self, name, values):
        """Show the condition of a live input; it is lost if it was live before."""
        known = self._input_state.setdefault(name, ["", ""])
        known[:] = values.get(name, known[0]), values.get(f"{name}_input", known[1])
        told, condition = known
        uri = told.partition(" · ")[0]
        if condition in THERE:
            self._seen[name] = uri
        if condition == "waiting" and self._seen.get(name) == uri:
            condition = "lost, its last frame is held"
        self._tell(**{self._pages.par_name(name, "input"): told and f"{condition}: {told}"})

    def _cured(self, about, _):
        self.cured(about)

    def _look(self, name, _):
        self.cured("look")
        self._owner.par.Look = name
        self.call("onLook", {"look": name})

    def _process(self, what, answer):
        status, value = answer
        if what == "ended" or status != 200:
            self.error("process", str(value), lasting=what != "stopped" and not self._was_alive)
            return
        self.cured("process")
        if what == "stopped":
            self._tell(Message="The bridge was stopped.")

    def _build(self, schema):
        """Build the pages of a schema; failures are retried later."""
        made, shown = self._made, self.values()[0]
        own = [par.name for par in self._owner.customPars if par.name not in made]
        self.rows = self._pages.plan(schema, own)
        # Even if the rest fails: everything begun here is ours.
        self._made = list(dict.fromkeys([*(row.name for row in self.rows), *made]))
        failed: list = []
        self.cured("page")
        for problem in self._pages.apply(self._owner, self.rows, self._made, failed=failed):
            self.error("component", problem, "page", lasting=True)
        self._made = [name for name in self._made if self._owner.par[name] is not None]
        now = self.values()[0]
        self._values.settle({n: v for n, v in now.items() if n in shown and v != shown[n]})
        cache = json.dumps({"schema": schema, "made": self._made})
        if self._owner.op("schema_cache").text != cache:
            self._owner.op("schema_cache").text = cache
        self._live_inputs = [
            name for name in self._pages.live_inputs(schema)
            if self._owner.op(f"{name}_out") is not None
        ]  # fmt: skip
        for name in self._live_inputs:
            self._pages.bind(self._owner.par[self._pages.par_name(name, "input")], "")
        self._unbuilt = schema if failed else {}
        self._tries += 1
        self._build_at = time.monotonic() + min(AGAIN * 2**self._tries, SELDOM)

    def _write(self, table, name, text):
        """Write a row of name and value, only if changed: each write cooks what follows."""
        place = self._places.get((table.name, name))
        if place is None or place >= table.numRows or table[place, 0].val != name:
            place = row_of(table, name)
        if place is None:
            place = table.numRows
            table.appendRow([name, text])
        elif table[place, 1].val != text:
            table[place, 1] = text
        self._places[table.name, name] = place


def row_of(table, name):
    """The row number for a name, or None: `row` would treat the name as a pattern."""
    return next((place for place in range(table.numRows) if table[place, 0].val == name), None)


def _uri(text):
    """A live input as a URI for the bridge: a sender name means Spout where available."""
    text = text.strip()
    if not text or text.lower() == NONE or SCHEME.match(text) or "/" in text or "\\" in text:
        return text.lower() if text.lower() == NONE else text
    return f"{SENDERS}:{text}"


def _loading(loading, phase, progress):
    """ "longlive: text encoder, 40 %"; empty if nothing is loading."""
    if not loading:
        return ""
    return f"{loading}: {phase + ', ' if phase else ''}{100 * progress:.0f} %"
