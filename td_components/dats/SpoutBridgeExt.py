# pyright: basic, reportUndefinedVariable=false
"""The extension: TouchDesigner's side of the component. What it decides is decided in the plain
modules beside it; here parameters are read and set.

Methods with a capital are promoted: `op('SpoutBridge').RecallLook('opening')`.
"""

import json
import logging
import time

log = logging.getLogger("SpoutBridge")

# What a patch may rely on, from version to version.
CONTRACT = {
    "methods": (
        "Set", "Get", "Do", "Names", "SaveLook", "RecallLook", "DeleteLook", "Looks", "NextLook",
        "Connect", "Disconnect", "StartBridge", "StopBridge", "SelfTest", "Contract",
    ),
    "callbacks": ("onConnect", "onDisconnect", "onState", "onPipeline", "onLook", "onError"),
    "connection": (
        "OFF", "CONNECTING", "CONNECTED", "OFFLINE", "LOST", "DEAF", "WRONG", "REFUSED", "OLD",
    ),
}  # fmt: skip
MODULES = ("bridge_link", "bridge_values", "bridge_web", "bridge_pages", "bridge_show")
REST = 1.0  # seconds after a defect


class SpoutBridgeExt:
    """One component's."""

    def __init__(self, ownerComp):
        self.ownerComp = ownerComp
        modules = {name: ownerComp.op(name).module for name in MODULES}
        self._states = modules["bridge_link"].STATES
        self._web = modules["bridge_web"].Web(ownerComp.path, project.folder)
        values = modules["bridge_values"].Values()
        self._link = modules["bridge_link"].Link(self._web, values, self._send)
        self._pages = modules["bridge_pages"]
        self._show = modules["bridge_show"].Show(ownerComp, modules["bridge_pages"], values)
        self._opened = None  # what the connection was opened with
        self._defect, self._rest_until = "", 0.0
        self._tell_looks()

    def onDestroyTD(self):
        """The extension begins anew, or the component goes; a bridge that it started goes on."""
        self._link.close()
        self._web.close()

    # Promoted.

    def Set(self, name, value):
        """Set one of the bridge's parameters by its long name, such as 'prompt' or 'vace_scale'."""
        self._show.par(name).val = value

    def Get(self, name):
        """The value of one of the bridge's parameters."""
        return self._show.par(name).eval()

    def Names(self):
        """The bridge's parameters that there are now, each with the component's name for it."""
        return self._show.names()

    def Do(self, action):
        """Press one of the bridge's buttons, such as 'reset' or 'panic'."""
        self._link.do(action)

    def SaveLook(self, name):
        """Keep the values of all live parameters under a name."""
        if not name:
            self._show.error("look", "A look needs a name.")
            return
        live = {
            spec["name"] for spec in self._show.schema()["parameters"] if spec.get("live", True)
        }
        values = {key: value for key, value in self._show.values()[0].items() if key in live}
        table = self.ownerComp.op("looks")
        if table.row(name) is not None:
            table.deleteRow(name)
        table.appendRow([name, json.dumps(values, sort_keys=True)])
        self._tell_looks()

    def RecallLook(self, name):
        """Set all values of a look at once; those that the patch drives stay with the patch."""
        row = self.ownerComp.op("looks").row(name)
        if row is None:
            there = ", ".join(self.Looks()) or "none yet"
            self._show.error("look", f"There is no look {name!r}; there is {there}.")
            return
        driven = self._show.values()[1]
        values = json.loads(row[1].val)
        self._link.recall(name, {n: v for n, v in values.items() if n not in driven})

    def DeleteLook(self, name):
        """Forget a look."""
        if self.ownerComp.op("looks").row(name) is not None:
            self.ownerComp.op("looks").deleteRow(name)
        self._tell_looks()

    def Looks(self):
        """The names of the looks, in the order in which they were saved."""
        table = self.ownerComp.op("looks")
        names = [table[place, 0].val for place in range(table.numRows)]
        return [name for name in names if name]

    def NextLook(self):
        """Recall the look after the one that Look names; after the last, the first."""
        looks, now = self.Looks(), self.ownerComp.par.Look.eval()
        if looks:
            self.RecallLook(looks[(looks.index(now) + 1) % len(looks) if now in looks else 0])

    def Connect(self):
        """Begin the connection anew."""
        self.ownerComp.par.Active = True
        self._opened = None

    def Disconnect(self):
        """Be inactive."""
        self.ownerComp.par.Active = False

    def StartBridge(self):
        """Start a bridge on this machine by the line in Command."""
        command = self.ownerComp.par.Command.eval()
        self._web.start(command.replace("{port}", str(self.ownerComp.par.Port.eval())))

    def StopBridge(self):
        """End the bridge that StartBridge started."""
        self._web.stop()

    def Contract(self):
        """What a patch may rely on: methods, callbacks, states of the connection."""
        return CONTRACT

    def SelfTest(self):
        """What is not as it should be, as sentences; empty when all is well."""
        problems = [] if self._web._thread.is_alive() else ["The web thread does not run."]
        problems += [
            f"The extension has no method {name}."
            for name in CONTRACT["methods"]
            if not callable(getattr(self, name, None))
        ]
        if set(CONTRACT["connection"]) != set(self._states):
            problems.append("The states of bridge_link are other ones than the contract's.")
        self._defect, self._rest_until = "", 0.0
        self.frame()
        return [*problems, self._defect] if self._defect else problems

    # Called by the DATs.

    def frame(self):
        """Once a frame. A defect lets the component rest a while, never the patch, and is told when
        it is another than the last.
        """
        now = time.monotonic()
        if now < self._rest_until:
            return
        try:
            self._keep_open()
            self._show.show(self._link.tick(*self._show.values()), self._link.alive)
            self._show.fade(self._link.alive)
        except Exception as error:  # a defect of ours must not take the timeline along
            self._rest_until = now + REST
            defect = f"{type(error).__name__}: {error}"
            if defect != self._defect:
                self._defect = defect
                log.exception("This is a defect of the component: please report it.")
                self._show.error("component", defect)

    def heard(self, address, arguments):
        """An OSC message came."""
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
            "Createcallbacks": self._create_callbacks,
            "Selftest": lambda: self.ownerComp.op("selftest").module.begin(self.ownerComp),
            "Help": lambda: self.ownerComp.op("help").openViewer(),
        }
        if name in actions:
            self.Do(actions[name])
        elif name in own:
            own[name]()

    def exit(self):
        """TouchDesigner ends: a bridge that was started here ends too."""
        self._link.close()
        if self._web.running:
            self._web.stop()
        self._web.close(wait=True)

    # Connection and values.

    def _keep_open(self):
        """Open or close as the parameters say; anew where they changed."""
        par = self.ownerComp.par
        wanted = None
        if par.Active.eval():
            wanted = (
                par.Host.eval().strip(), par.Port.eval(), par.Replyport.eval(),
                par.Token.eval().strip(), par.Onconnect.eval() == "patch",
            )  # fmt: skip
        if wanted != self._opened:
            self._opened = wanted
            if wanted:
                self._link.open(*wanted)
            else:
                self._link.close()
        elif wanted is None and self._link.state != "OFF":
            self._link.close()

    def _send(self, address, arguments):
        self.ownerComp.op("osc_out").sendOSC(address, arguments, asBundle=False)

    # Looks and callbacks.

    def _tell_looks(self):
        self._pages.set_menu(self.ownerComp.par.Look, self.Looks())

    def _create_callbacks(self):
        par = self.ownerComp.par.Callbackdat
        if par.eval() is None:
            template, beside = self.ownerComp.op("callbacks_template"), self.ownerComp.parent()
            made = beside.copy(template, name=f"{self.ownerComp.name}_callbacks")
            made.nodeX, made.nodeY = self.ownerComp.nodeX, self.ownerComp.nodeY - 150
            par.val = made
