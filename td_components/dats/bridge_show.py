# pyright: basic, reportUndefinedVariable=false
"""What the component shows: pages, values, state, the fade; and the artist's callbacks.

A Text DAT of the component, used by its extension; main thread only.
"""

import json
import logging
import time

log = logging.getLogger("SpoutBridge")

PLACEHOLDER = (128, 128)  # size of a Spout In TOP that has no sender
AGAIN, SELDOM = 0.5, 60.0  # seconds between tries to make what could not be made, twice each time
LONGEST_STEP = 0.1  # seconds that a fade goes on by in one frame
VALUES = ("parameter", "pipeline")  # kinds of rows that have a value at the bridge


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
        self._was_alive = False
        self._at = time.monotonic()
        text = owner.op("schema_cache").text
        if text.strip():  # so that a patch opens and plays without its bridge
            kept = json.loads(text)
            self._made = kept["made"]
            values.learn(kept["schema"])
            self._build(kept["schema"])

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
            getattr(self, "_" + event.kind)(event.name, event.value)
        if self._unbuilt and time.monotonic() >= self._build_at:
            self._build(self._unbuilt)
        if alive != self._was_alive:
            self._was_alive = alive
            par = self._owner.par
            info = {"connection": par.Connection.eval(), "message": par.Message.eval()}
            self.call("onConnect" if alive else "onDisconnect", info)
        par = self._owner.par
        engine = self._engine if alive else ""
        if par.Engine.eval() != engine:
            par.Engine = engine
        if not alive and par.Fps.eval():
            par.Fps = par.Latency = 0

    def error(self, source, message):
        """Tell an error."""
        self._owner.par.Lasterror = message
        self.call("onError", {"source": source, "message": message})

    def call(self, name, info):
        """Call the artist's function, if there is one; its defects are told and end nothing."""
        dat = self._owner.par.Callbackdat.eval()
        if dat is None:
            return
        try:
            function = getattr(dat.module, name, None)
            if function:
                function({"comp": self._owner, **info})
        except Exception as error:  # the artist's own code, whatever it raises
            log.exception("%s in %s", name, dat.path)
            self._owner.par.Lasterror = f"{name}: {type(error).__name__}: {error}"

    def fade(self, alive):
        """Between the bridge's picture and the input, so that what is shown never goes away."""
        now = time.monotonic()
        step, self._at = min(now - self._at, LONGEST_STEP), now
        par, spout = self._owner.par, self._owner.op("spout_in")
        size = spout.width, spout.height
        part = step / max(par.Fadeseconds.eval(), 1e-3)
        before = live = par.Live.eval()
        if size == PLACEHOLDER != (par.Outputw.eval(), par.Outputh.eval()):
            live = 0.0  # the sender has gone, and there is nothing left to fade from
            if alive:  # what nobody looks at does not cook, and would not see it come back
                spout.cook(force=True)
        elif alive or par.Whengone.eval() == "stay":
            live = min(1.0, live + part)
        else:
            live = max(0.0, live - part)
        if live != before:
            par.Live = live

    # One kind of event each.

    def _state(self, state, message):
        par = self._owner.par
        par.Connection, par.Message = state, message
        self._owner.clearScriptErrors()
        if state not in ("OFF", "CONNECTING", "CONNECTED"):
            self._owner.addScriptError(message)

    def _page(self, _, schema):
        self._tries = 0
        self._build(schema)
        before, self._pipeline = self._pipeline, self._pages.active(schema)
        if before != self._pipeline:
            self.call("onPipeline", {"pipeline": self._pipeline, "before": before})

    def _value(self, name, value):
        if name not in self.names():
            return  # a page that was built since has no place for it
        par = self.par(name)
        if par.style != "Menu" or value in par.menuNames:  # a menu takes nothing else
            par.val = value

    def _status(self, _, values):
        par, table = self._owner.par, self._owner.op("status")
        numbers = self._owner.op("state_numbers")
        names = {row.key: row.name for row in self.rows if row.kind == "state"}
        for name, value in values.items():
            text = f"{value:g}" if isinstance(value, float) else str(value)
            _write(table, name, text)
            if isinstance(value, (int, float)):
                _write(numbers, name, text)
            if name in names and par[names[name]] is not None:
                par[names[name]].val = text
        par.Fps = values.get("fps", par.Fps.eval())
        par.Latency = values.get("latency", par.Latency.eval())
        if values.get("error"):
            self.error("bridge", values["error"])
        width, _, height = str(values.get("output_size", "")).partition("x")
        if width.isdecimal() and height.isdecimal():
            par.Outputw, par.Outputh = int(width), int(height)
        if values.get("state", self._engine) != self._engine:
            before, self._engine = self._engine, values["state"]
            self.call("onState", {"state": self._engine, "before": before})

    def _error(self, source, message):
        self.error(source, message)

    def _look(self, name, _):
        self._owner.par.Look = name
        self.call("onLook", {"look": name})

    def _process(self, what, answer):
        status, value = answer
        if what == "ended" or status != 200:
            self.error("process", str(value))
        else:
            self._owner.par.Message = f"The bridge was {what}."

    def _build(self, schema):
        """Make the pages of a schema; what cannot be made is tried again after a while."""
        made, shown = self._made, self.values()[0]
        own = [par.name for par in self._owner.customPars if par.name not in made]
        self.rows = self._pages.plan(schema, own)
        # Whatever becomes of the rest: what was begun here is ours.
        self._made = list(dict.fromkeys([*(row.name for row in self.rows), *made]))
        failed: list = []
        for problem in self._pages.apply(self._owner, self.rows, self._made, failed=failed):
            self.error("component", problem)
        self._made = [name for name in self._made if self._owner.par[name] is not None]
        now = self.values()[0]
        self._values.settle({n: v for n, v in now.items() if n in shown and v != shown[n]})
        cache = json.dumps({"schema": schema, "made": self._made})
        if self._owner.op("schema_cache").text != cache:
            self._owner.op("schema_cache").text = cache
        self._unbuilt = schema if failed else {}
        self._tries += 1
        self._build_at = time.monotonic() + min(AGAIN * 2**self._tries, SELDOM)


def _write(table, name, text):
    """A row of name and value; only what is new is written, since each write cooks what follows."""
    if table.row(name) is None:
        table.appendRow([name, text])
    elif table[name, 1].val != text:
        table[name, 1] = text
