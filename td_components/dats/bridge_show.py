# pyright: basic, reportUndefinedVariable=false
"""What the component shows: pages, values, state, the fade; and the artist's callbacks.

A Text DAT of the component, used by its extension; main thread only. What only shows something has
an expression that asks for it: a constant that is written would be a change of the project.
"""

import json
import logging
import math
import re
import sys
import time

log = logging.getLogger("SpoutBridge")

PLACEHOLDER = (128, 128)  # size of a Spout In TOP that has no sender
AGAIN, SELDOM = 0.25, 60.0  # seconds between tries to make what could not be made, twice each time
BRIEF = 60.0  # seconds that an error of what is over is shown
LONGEST_STEP = 0.1  # seconds that a fade goes on by in one frame
VALUES = ("parameter", "pipeline")  # kinds of rows that have a value at the bridge
LISTENERS = "spout_bridge_listeners"  # in the component's storage: paths of DATs
# The component's own parameters that show something, and what they show before there is anything.
SHOWN = {
    "Connection": "OFF", "Message": "", "Engine": "", "Loading": "", "Fps": 0.0, "Latency": 0.0,
    "Memory": 0.0, "Lasterror": "", "Live": 0.0,
}  # fmt: skip
THERE = ("live", "still")  # how it stands with an input that gives pictures
NONE = "none"  # as an input: there is to be none
SCHEME = re.compile("[A-Za-z][A-Za-z0-9+.-]+:")
SENDERS = "spout" if sys.platform == "win32" else "shm"  # what shares pictures by name here
CALM = ("OFF", "CONNECTING", "STARTING", "CONNECTED")  # states that are no error


class Show:
    """Sets the parameters and tables of one component. `show` takes what the link returns."""

    def __init__(self, owner, pages, values):
        """`values` learns the schema that was kept from the last time."""
        self._owner, self._pages, self._values = owner, pages, values
        self.rows = []
        self._unbuilt: dict = {}  # a schema of which not all could be made
        self._build_at, self._tries = 0.0, 0
        self._made = []  # names of the parameters that a schema asked for
        self._pipeline = self._engine = ""
        self._told = {}  # name to what it shows, and the dependency by which its expression knows
        self._loading = {"loading": "", "phase": "", "progress": 1.0}
        self._memory = {"memory": 0.0, "worker_memory": 0.0}
        self._live_inputs = []  # names of those beside the first that there are parameters for
        self._input_state = {}  # of each, what it is and how it stands
        self._seen = {}  # of each, the URI of what has given pictures
        self._places = {}  # (table, name) to the number of the row
        for name, otherwise in SHOWN.items():
            if owner.par[name] is not None:
                pages.bind(owner.par[name], otherwise)
        self._was_alive = False
        self._errors = {}  # what one is about to (sentence, until when), the newest last
        self._at = time.monotonic()
        text = owner.op("schema_cache").text
        if text.strip():  # so that a patch opens and plays without its bridge
            kept = json.loads(text)
            self._made = kept["made"]
            values.learn(kept["schema"])
            self._build(kept["schema"])

    def shown(self, name, otherwise=""):
        """What a parameter shows; its expression asks this."""
        if name not in self._told:
            self._told[name] = [otherwise, tdu.Dependency(otherwise)]
        return self._told[name][1].val

    def _tell(self, **values):
        """Have parameters show something."""
        for name, value in values.items():
            told = self._told.setdefault(name, [None, tdu.Dependency(None)])
            if told[0] != value:
                told[0] = told[1].val = value

    def told(self, name):
        """What a parameter of SHOWN shows."""
        return self._told[name][0] if name in self._told else SHOWN[name]

    def schema(self):
        """The schema that the pages are made of; empty before the first."""
        text = self._owner.op("schema_cache").text
        return json.loads(text)["schema"] if text.strip() else {"parameters": []}

    def values(self):
        """(values by the bridge's names, names of those that the patch drives)."""
        shown, driven = {}, set()
        for row in self.rows:
            par = self._owner.par[row.name] if row.kind in VALUES else None
            if par is not None:
                shown[row.key] = par.eval()
                if par.mode.name != "CONSTANT":
                    driven.add(row.key)
        return shown, driven

    def names(self):
        """The component's name for each of the bridge's parameters that there are now."""
        return {row.key: row.name for row in self.rows if row.kind in VALUES}

    def wishes(self):
        """The URI of what each live input beside the first is to be: of the TOP that is sent as it,
        or else what its parameter says; empty for whatever the bridge has.
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
        for key, own in self.names().items():
            if name in (key, own) and self._owner.par[own] is not None:
                return self._owner.par[own]
        there = ", ".join(self.names())
        raise LookupError(f"There is no parameter {name!r} now; there is {there}.")

    def show(self, events, alive):
        """Show what the link returned; `alive` says whether there is a bridge."""
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
        """Tell an error. It is shown until what it is `about` works again (see `cured`): for a
        minute at most where it is over with that, else as long as that is `lasting`.
        """
        self._note(about or source, message, lasting)
        self.call("onError", {"source": source, "message": message})

    def cured(self, *about):
        """What an error was about works again, or is long over: show the newest of the others."""
        if [self._errors.pop(one) for one in about if one in self._errors]:
            sentences = [sentence for sentence, _ in self._errors.values()]
            self._tell(Lasterror=sentences[-1] if sentences else "")

    def _note(self, about, message, lasting=False):
        self._errors.pop(about, None)
        self._errors[about] = message, math.inf if lasting else time.monotonic() + BRIEF
        self._tell(Lasterror=message)

    def call(self, name, info):
        """Call the artist's functions; their defects are told, and end nothing."""
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
        """The paths of the DATs that are called beside the Callback DAT."""
        return self._owner.fetch(LISTENERS, [], search=False)

    def listen(self, path, on):
        """Call a DAT from now on, or no more."""
        others = [other for other in self.listeners() if other != path]
        self._owner.store(LISTENERS, [*others, path] if on else others)

    def fade(self, alive):
        """Between the bridge's picture and the input, so that what is shown never goes away."""
        now = time.monotonic()
        step, self._at = min(now - self._at, LONGEST_STEP), now
        par, spout = self._owner.par, self._owner.op("spout_in")
        size = spout.width, spout.height
        part = step / max(par.Fadeseconds.eval(), 1e-3)
        live = self.told("Live")
        if size == PLACEHOLDER != (par.Outputw.eval(), par.Outputh.eval()):
            live = 0.0  # the sender has gone, and there is nothing left to fade from
            if alive:  # what nobody looks at does not cook, and would not see it come back
                spout.cook(force=True)
        elif alive or par.Whengone.eval() == "stay":
            live = min(1.0, live + part)
        else:
            live = max(0.0, live - part)
        self._tell(Live=live)

    # One kind of event each.

    def _state(self, state, message):
        self._tell(Connection=state, Message=message)
        if state in ("OFF", "CONNECTING"):
            self.cured("status")  # it was another bridge's, maybe
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
            return  # a page that was built since has no place for it
        par = self.par(name)
        if par.style != "Menu" or value in par.menuNames:  # a menu takes nothing else
            par.val = value
        self._values.settle({name: par.eval()})  # what is not shown as it was told is no move

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
        size = f"{par.Outputw.eval()}x{par.Outputh.eval()}"  # kept: the project opens in this size
        if width.isdecimal() and height.isdecimal() and f"{width}x{height}" != size:
            par.Outputw, par.Outputh = int(width), int(height)
        if values.get("state", self._engine) != self._engine:
            before, self._engine = self._engine, values["state"]
            self.call("onState", {"state": self._engine, "before": before})

    def _stands(self, name, values):
        """Show how it stands with a live input. That one is lost shows by what it was before."""
        known = self._input_state.setdefault(name, ["", ""])
        known[:] = values.get(name, known[0]), values.get(f"{name}_input", known[1])
        told, condition = known
        uri = told.partition(" · ")[0]
        if condition in THERE:
            self._seen[name] = uri
        if condition == "waiting" and self._seen.get(name) == uri:
            condition = "lost, its last picture is held"
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
        """Make the pages of a schema; what cannot be made is tried again after a while."""
        made, shown = self._made, self.values()[0]
        own = [par.name for par in self._owner.customPars if par.name not in made]
        self.rows = self._pages.plan(schema, own)
        # Whatever becomes of the rest: what was begun here is ours.
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
        """A row of name and value; only what is new is written: each write cooks what follows."""
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
    """The number of the row of that name, None where there is none: `row` would take the name for a
    pattern.
    """
    return next((place for place in range(table.numRows) if table[place, 0].val == name), None)


def _uri(text):
    """A live input as the bridge takes it: a sender's name is one of Spout's, where there is it."""
    text = text.strip()
    if not text or text.lower() == NONE or SCHEME.match(text) or "/" in text or "\\" in text:
        return text.lower() if text.lower() == NONE else text
    return f"{SENDERS}:{text}"


def _loading(loading, phase, progress):
    """ "longlive: text encoder, 40 %"; empty where nothing is loaded."""
    if not loading:
        return ""
    return f"{loading}: {phase + ', ' if phase else ''}{100 * progress:.0f} %"
