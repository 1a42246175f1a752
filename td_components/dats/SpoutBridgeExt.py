# pyright: basic, reportUndefinedVariable=false
"""The extension: TouchDesigner's side of the component. Decisions are made in the plain modules;
this reads and sets parameters.

Capitalised methods are promoted: `op('SpoutBridge').RecallLook('opening')`.
"""

import json
import logging
import os
import time
from pathlib import Path

log = logging.getLogger("SpoutBridge")

# The stable interface for patches.
CONTRACT = {
    "methods": (
        "Set", "Get", "Do", "Names", "SaveLook", "RecallLook", "DeleteLook", "Looks", "NextLook",
        "ResetToDefaults", "AddListener", "RemoveListener", "Connect", "Disconnect", "StartBridge",
        "StopBridge", "SelfTest", "Contract",
    ),
    "callbacks": ("onConnect", "onDisconnect", "onState", "onPipeline", "onLook", "onError"),
    "connection": (
        "OFF", "CONNECTING", "STARTING", "CONNECTED", "OFFLINE", "LOST", "DEAF", "WRONG",
        "REFUSED", "OLD",
    ),
}  # fmt: skip
MODULES = (
    "bridge_link", "bridge_values", "bridge_web", "bridge_process", "bridge_pages", "bridge_show",
)  # fmt: skip
PROCESS = "spout_bridge_process"  # in the component's storage: record of its bridge process
SURE = 2  # frames until a component exists again, or was destroyed
REST = 1.0  # seconds of pause after a bug


class SpoutBridgeExt:
    """The extension of one component."""

    def __init__(self, ownerComp):
        self.ownerComp, self._owner_id = ownerComp, ownerComp.id
        modules = {name: ownerComp.op(name).module for name in MODULES}
        self._states = modules["bridge_link"].STATES
        self._processes, self._ended = modules["bridge_process"], False
        self._web = modules["bridge_web"].Web(self._processes, ownerComp.id, project.folder)
        values = modules["bridge_values"].Values()
        self._link = modules["bridge_link"].Link(self._web, values, self._send, self._path)
        self._pages, self._row_of = modules["bridge_pages"], modules["bridge_show"].row_of
        self._show = modules["bridge_show"].Show(ownerComp, modules["bridge_pages"], values)
        self._opened = None  # settings of the open connection
        self._defect, self._ill, self._rest_until = "", "", 0.0  # logged one; shown one
        self._tell_looks()
        self._claim()

    def onDestroyTD(self):
        """Either the extension restarts and its bridge keeps running, or the component is destroyed
        and its bridge ends too; which one only shows some frames later.

        Do not use promoted names here: TouchDesigner hangs.
        """
        if self._ended:
            return
        self._ended = True
        self._processes.use(self._owner_id, None)
        try:
            self._link.close()
        except Exception:  # its operators may be gone; the thread must end anyway
            log.exception("The connection could not be closed.")
        finally:
            self._web.close()
        try:
            run("args[0]()", self._confirm, delayFrames=SURE, fromOP=op("/"))
        except Exception:  # TouchDesigner exits: `exit` or the closed pipe ends the bridge
            log.exception("Cannot check whether the component still exists.")

    __delTD__ = onDestroyTD  # called by builds before 2023

    def _confirm(self):
        if not self.ownerComp.valid:
            self._processes.let_go(self._owner_id)

    # Promoted.

    def Set(self, name, value):
        """Set one of the bridge's parameters by its long name, such as 'prompt' or 'vace_scale'."""
        self._show.par(name).val = value

    def Get(self, name):
        """The value of one of the bridge's parameters."""
        return self._show.par(name).eval()

    def Names(self):
        """The bridge's current parameters, each with its name in the component."""
        return self._show.names()

    def Do(self, action):
        """Press one of the bridge's buttons, such as 'reset', 'panic' or 'look/3'."""
        self._link.do(action)

    def SaveLook(self, name):
        """Save the values of all live parameters under a name."""
        if not name:
            self._show.error("look", "A look needs a name.")
            return
        live = {
            spec["name"] for spec in self._show.schema()["parameters"] if spec.get("live", True)
        }
        values = {key: value for key, value in self._show.values()[0].items() if key in live}
        table, place = self._look(name)
        if place is not None:
            table.deleteRow(place)
        table.appendRow([name, json.dumps(values, sort_keys=True)])
        self._show.cured("look")
        self._tell_looks()

    def RecallLook(self, name):
        """Set all values of a look at once, except those driven by the patch."""
        table, place = self._look(name)
        if place is None:
            there = ", ".join(self.Looks()) or "none yet"
            self._show.error("look", f"Look {name!r} does not exist; available: {there}.")
            return
        driven = self._show.values()[1]
        values = json.loads(table[place, 1].val)
        self._link.recall(name, {n: v for n, v in values.items() if n not in driven})

    def DeleteLook(self, name):
        """Delete a look."""
        table, place = self._look(name)
        if place is not None:
            table.deleteRow(place)
        self._tell_looks()

    def Looks(self):
        """The names of the looks, in the order they were saved."""
        table = self.ownerComp.op("looks")
        names = [table[place, 0].val for place in range(table.numRows)]
        return [name for name in names if name]

    def NextLook(self):
        """Recall the look after the current Look; after the last, the first."""
        looks, now = self.Looks(), self.ownerComp.par.Look.eval()
        if looks:
            self.RecallLook(looks[(looks.index(now) + 1) % len(looks) if now in looks else 0])

    def ResetToDefaults(self):
        """Reset the pipeline's live parameters to their defaults, all at once, except those driven
        by the patch and those on the page Show: a reset must not light a dark stage.
        """
        shown, driven = self._show.values()
        self._link.set_all({
            spec["name"]: spec["default"]
            for spec in self._show.schema()["parameters"]
            if spec.get("live", True) and spec.get("page") != "Show"
            and spec["name"] in shown.keys() - driven
        })  # fmt: skip

    def AddListener(self, dat):
        """Also call this Text DAT, or the one at this path; saved with the project."""
        found = op(dat) if isinstance(dat, str) else dat
        if not hasattr(found, "module"):
            raise LookupError(f"No DAT with callbacks at {dat!r}.")
        self._show.listen(found.path, True)

    def RemoveListener(self, dat):
        """Stop calling a DAT."""
        self._show.listen(dat if isinstance(dat, str) else dat.path, False)

    def Connect(self):
        """Connect again."""
        self.ownerComp.par.Active = True
        self._opened = None

    def Disconnect(self):
        """Disconnect."""
        self.ownerComp.par.Active = False

    def StartBridge(self):
        """Start a bridge on this machine with the line in Command; if its program does not exist
        here, as in a patch from another machine, with the default, which uses PATH.
        """
        par = self.ownerComp.par
        lines = par.Command.eval(), par.Command.default
        port = par.Port.eval()
        command, fallback = (line.replace("{port}", str(port)) for line in lines)
        self._web.start(command, port, fallback)

    def StopBridge(self):
        """Stop the bridge started with StartBridge."""
        self._web.stop()

    def Contract(self):
        """The stable interface: methods, callbacks, connection states."""
        return CONTRACT

    def SelfTest(self):
        """Problems found, as sentences; empty if all is well."""
        problems = [] if self._web._thread.is_alive() else ["The web thread is not running."]
        problems += [
            f"The extension has no method {name}."
            for name in CONTRACT["methods"]
            if not callable(getattr(self, name, None))
        ]
        if set(CONTRACT["connection"]) != set(self._states):
            problems.append("The states of bridge_link do not match the contract.")
        self._defect, self._rest_until = "", 0.0
        self.frame()
        return [*problems, self._defect] if self._defect else problems

    # Called by the DATs.

    def frame(self):
        """Run once per frame. A bug pauses the component for a moment, never the patch, and is
        reported if it differs from the last one.
        """
        now = time.monotonic()
        if now < self._rest_until:
            return
        try:
            self._keep_open()
            self._link.wish(self._show.wishes())
            events = self._link.tick(*self._show.values())
            self._remember(events)
            self._show.show(events, self._link.alive)
            self._show.fade(self._link.alive)
            if self._ill:
                self._ill = ""
                self._show.cured("component")
        except Exception as error:  # our bug must not stop the timeline
            self._rest_until = now + REST
            defect = f"{type(error).__name__}: {error}"
            if defect != self._defect:
                self._defect = defect
                log.exception("This is a bug in the component: please report it.")
            if defect != self._ill:
                self._ill = defect
                self._show.error("component", defect, lasting=True)

    def shown(self, name, otherwise=""):
        """The value of a read-only parameter, for its expression."""
        return self._show.shown(name, otherwise)

    def heard(self, address, arguments):
        """An OSC message was received."""
        self._link.heard(address, arguments)

    def pulse(self, name):
        """A button of the component was pressed."""
        actions = {row.name: row.key for row in self._show.rows if row.kind == "action"}
        look = self.ownerComp.par.Look.eval()
        own = {
            "Connect": self.Connect,
            "Startbridge": self.StartBridge,
            "Stopbridge": self.StopBridge,
            "Savelook": lambda: self.SaveLook(look),
            "Recalllook": lambda: self.RecallLook(look),
            "Deletelook": lambda: self.DeleteLook(look),
            "Nextlook": self.NextLook,
            "Resettodefaults": self.ResetToDefaults,
            "Createcallbacks": self._create_callbacks,
            "Help": lambda: self.ownerComp.op("help").openViewer(),
        }
        if name in actions:
            self.Do(actions[name])
        elif name in own:
            own[name]()

    def exit(self):
        """TouchDesigner exits: stop the bridge started here."""
        if self._ended:
            return
        self._ended = True
        self._processes.use(self._owner_id, None)
        try:
            self._link.close()
        except Exception:  # its operators may be gone; the bridge must end anyway
            log.exception("The connection could not be closed.")
        if self._processes.of(self._owner_id):
            self._web.stop()
        self._web.close(wait=True)

    # The process.

    def _claim(self):
        """Find the bridge that this component started before its code was recompiled or its project
        reopened; end those of destroyed components.
        """
        comp = self.ownerComp
        kept, port = comp.fetch(PROCESS, None, search=False), comp.par.Port.eval()
        lives = lambda number: number is not None and op(number) is not None  # noqa: E731
        self._processes.claim(self._owner_id, port, kept, lives)
        if kept and self._processes.of(self._owner_id) is None:
            comp.unstore(PROCESS)  # it has ended, or this is a copy

    def _remember(self, events):
        """Store the record of the bridge process."""
        for event in events:
            if event.kind == "process" and event.value[0] == 200:
                if event.name in ("started", "adopted"):
                    if self.ownerComp.fetch(PROCESS, None, search=False) != event.value[1]:
                        self.ownerComp.store(PROCESS, event.value[1])
                elif event.name == "stopped":
                    self.ownerComp.unstore(PROCESS)

    # Connection and values.

    def _keep_open(self):
        """Open or close the connection according to the parameters; reopen it if they changed."""
        par = self.ownerComp.par
        wanted = None
        if par.Active.eval():
            wanted = (
                par.Host.eval().strip(), par.Port.eval(), par.Replyport.eval(),
                par.Token.eval().strip(), par.Onconnect.eval() == "patch",
            )  # fmt: skip
        if wanted != self._opened:
            self._opened = wanted
            here = wanted and wanted[0] in ("127.0.0.1", "localhost", "::1")
            comp = self.ownerComp
            self._processes.use(self._owner_id, wanted[1] if here else None, lambda: comp.valid)
            if wanted:
                self._link.open(*wanted)
            else:
                self._link.close()
        elif wanted is None and self._link.state != "OFF":
            self._link.close()

    def _path(self, name, value):
        """The full path of a file parameter: TouchDesigner stores files next to the project by name
        only.
        """
        par = self._show.par(name)
        if par.eval() == value and not value.startswith("~"):
            return str(par.evalFile())
        whole = os.path.expanduser(value)  # noqa: PTH111 - Path's raises where there is no home
        return str(Path(project.folder, whole))  # it had quotes, or was a URL

    def _send(self, address, arguments):
        self.ownerComp.op("osc_out").sendOSC(address, arguments, asBundle=False)

    # Looks and callbacks.

    def _look(self, name):
        """The table of looks, and a look's row number or None."""
        table = self.ownerComp.op("looks")
        return table, self._row_of(table, name)

    def _tell_looks(self):
        self._pages.set_menu(self.ownerComp.par.Look, self.Looks())

    def _create_callbacks(self):
        par = self.ownerComp.par.Callbackdat
        if par.eval() is None:
            template, beside = self.ownerComp.op("callbacks_template"), self.ownerComp.parent()
            made = beside.copy(template, name=f"{self.ownerComp.name}_callbacks")
            made.nodeX, made.nodeY = self.ownerComp.nodeX, self.ownerComp.nodeY - 150
            par.val = made
