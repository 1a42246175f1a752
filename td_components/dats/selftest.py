# pyright: basic, reportUndefinedVariable=false
"""The Self Test: record what this build of TouchDesigner supports, in one file.

It takes about 20 seconds, frame by frame; but once, on purpose, it freezes TouchDesigner for a
second and a half, and it pauses the timeline for a moment: not for a show. Everything it creates is
inside the component and removed again; everything it changes is restored, even if it ends early. No
error ends it: a check that fails is recorded as failed.
"""

import os
import platform
import random
import socket
import sys
import time
import types

HEARD = "spout_bridge_probe"  # a real module, in which the scratch DATs record what they receive
SCRATCH, CARD = "selftest_scratch", "selftest_card"
COOKING = 60  # frames over which cooks are counted
STALL = 1.5  # seconds that it freezes TouchDesigner
PATIENCE = 300  # frames to wait for anything
TEXT = "ü 日本"  # sent to the bridge, and must come back
API = "/api/v1"

LISTENER = f"""
import sys
def onReceiveOSC(dat, rowIndex, message, byteData, timeStamp, address, args, peer):
    sys.modules[{HEARD!r}].log.append(("osc", absTime.frame))
    sys.modules[{HEARD!r}].told.append([address, list(args)])
def onFrameStart(frame):
    sys.modules[{HEARD!r}].log.append(("frame", absTime.frame))
"""
EXTENSION = f"""
import sys
class ProbeExt:
    def __init__(self, ownerComp):
        self.ownerComp, self.Number = ownerComp, tdu.Dependency(1)
    def onDestroyTD(self):
        sys.modules[{HEARD!r}].log.append(("destroyed", self.ownerComp.valid))
"""

RUNNING = []  # the running test


def begin(comp):
    """Start it; a running one is ended first."""
    for test in list(RUNNING):
        test.end("it was started again")
    test = SelfTest(comp)
    RUNNING.append(test)
    test.step()


class SelfTest:
    """One run."""

    def __init__(self, comp):
        self._comp, self._core = comp, comp.op("bridge_selftest").module
        self._report = self._core.Report(comp.par.Version.eval())
        self._data = self._report.data
        self._data["builder"] = self._core.newest(project.folder, "SpoutBridge_report.json")
        self._back = []  # restoring calls, run in reverse order
        self._steps = self._all()
        self._play_again = None

    def step(self):
        """Continue as far as possible in this frame; scheduled again by TouchDesigner's `run`."""
        if self not in RUNNING:
            return
        try:
            later(self, next(self._steps))
        except StopIteration:
            self.end()
        except Exception:  # noqa: BLE001 - whatever it is, the file is written
            self._report.fail("the Self Test itself")
            self.end()

    def end(self, why=""):
        """Restore everything and write the file."""
        RUNNING.remove(self)
        self._steps.close()
        if why:
            self._data["ended"] = why
        while self._back:
            with self._report.trying("putting back"):
                self._back.pop()()
        path = self._report.write(project.folder)
        line = f"Self Test: send this file: {path}" if path else "Self Test: no folder to write to."
        with self._report.trying("telling"):
            self._comp.par.Selftestfile = line
        print(line)  # noqa: T201

    def _all(self):
        steps = (
            ("about", self._about), ("start", self._start), ("operators", self._operators),
            ("cooks", self._cooks),
            ("parameters", self._parameters), ("copies", self._copies), ("docks", self._docks),
            ("tables", self._tables), ("modules", self._modules), ("extension", self._extension),
            ("run", self._put_off),
            ("callbacks", self._callbacks), ("paused", self._paused), ("stall", self._stall),
            ("bridge", self._bridge), ("text", self._text), ("picture", self._picture),
        )  # fmt: skip
        for number, (name, step) in enumerate(steps):
            with self._report.trying(name):
                self._comp.par.Selftestfile = f"{name}, {number + 1} of {len(steps)} …"
                if number == 0:
                    self._prepare()
                yield 1
                yield from step() or ()

    def _prepare(self):
        for name in (SCRATCH, CARD):
            left = self._comp.op(name)
            if left is not None:
                left.destroy()
        module = types.ModuleType(HEARD)
        vars(module).update(log=[], told=[])
        self._heard = sys.modules[HEARD] = module
        self._back.append(lambda: sys.modules.pop(HEARD, None))
        self._scratch = self._comp.create(baseCOMP, SCRATCH)
        self._back.append(self._scratch.destroy)

    def _rule(self, name, deed):
        self._report.ask(self._data["rules"], name, deed)

    def _wait(self, true, frames=PATIENCE):
        """Wait, frame by frame, until something is true; returns the number of frames, None if
        never.
        """
        for waited in range(frames):
            if true():
                return waited
            yield 1
        return None

    # The environment.

    def _about(self):
        about, ask = self._data["about"], self._report.ask
        for name in (
            "version", "build", "product", "osName", "osVersion", "architecture", "experimental",
            "power", "pythonExecutable", "installFolder", "enableOptimizedExprs",
        ):  # fmt: skip
            ask(about, f"app.{name}", lambda name=name: getattr(app, name))
        for name in ("folder", "name", "saveBuild", "cookRate", "realTime"):
            ask(about, f"project.{name}", lambda name=name: getattr(project, name))
        for name in ("numCPUs", "ram", "GPUName", "numMonitors"):
            ask(about, f"sysinfo.{name}", lambda name=name: getattr(sysinfo, name))
        for name in ("type", "isPro", "isNonCommercial"):
            ask(about, f"licenses.{name}", lambda name=name: getattr(licenses, name))
        ask(about, "paused", lambda: not self._comp.time.play)
        ask(about, "python", lambda: sys.version)
        ask(about, "executable", lambda: sys.executable)
        ask(about, "platform", platform.platform)
        ask(about, "environment", lambda: sorted(os.environ))  # names, without values
        ask(about, "panes", lambda: [str(pane.type) for pane in ui.panes])
        ask(about, "component", lambda: self._comp.path)

    def _start(self):
        """Whether the component's own code starts: its errors appear in the Textport only."""
        modules = self._data["modules"] = {}
        for dat in self._comp.children:
            if dat.family == "DAT" and dat.text.startswith("# pyright"):  # code of ours
                self._report.ask(modules, dat.name, lambda dat=dat: bool(dat.module))
        started = getattr(self._comp.ext, "SpoutBridgeExt", None)
        self._data["about"]["extension"] = started is not None
        if started is None:  # once more, for the error
            self._comp.op("SpoutBridgeExt").module.SpoutBridgeExt(self._comp).onDestroyTD()

    def _operators(self):
        for op in [self._comp, *self._comp.children]:
            if op == self._scratch:
                continue
            entry = self._data["operators"][op.name] = {"type": op.OPType}
            ask = self._report.ask
            ask(entry, "errors", lambda op=op: op.errors(recurse=False))
            ask(entry, "warnings", lambda op=op: op.warnings(recurse=False))
            ask(entry, "docked", lambda op=op: [docked.name for docked in op.docked])
            ask(entry, "inputs", lambda op=op: [source.name for source in op.inputs])
            if op.family == "TOP":
                ask(entry, "resolution", lambda op=op: [op.width, op.height])
                ask(entry, "pixel_format", lambda op=op: op.pixelFormatName)
            if op.OPType not in self._data["types"]:
                ask(self._data["types"], op.OPType, lambda op=op: parameters(op))

    def _cooks(self):
        there = list(self._comp.children)
        before = {op.name: op.totalCooks for op in there}
        yield COOKING
        for op in there:
            if op.valid and op.name in self._data["operators"]:
                entry = self._data["operators"][op.name]
                self._report.ask(entry, "cooks", lambda op=op: op.totalCooks - before[op.name])

    # Assumed rules. Each is checked in the scratch component.

    def _parameters(self):
        page = self._scratch.appendCustomPage("Probe")
        page.appendFloat("One")
        page.appendFloat("Two")
        menu = page.appendMenu("Choice")[0]
        menu.menuNames, menu.menuLabels = ["a", "b", "c"], ["A", "B", "C"]
        self._scratch.par["Choice"].val = "b"
        self._rule("menu_value", self._menu_value)
        self._rule("menu_empty", self._menu_empty)
        self._rule("expression_mode", self._expression_mode)
        self._rule("expression_broken", self._expression_broken)
        self._rule("toggle", lambda: type(page.appendToggle("Yes")[0].eval()).__name__)
        self._rule("read_only", self._read_only)
        held = self._scratch.par["Two"]
        self._scratch.par["One"].destroy()
        self._rule("par_after_destroy", lambda: usable(held))
        self._rule("op_identity", lambda: self._comp.op(SCRATCH) is self._scratch)
        self._rule("par_identity", lambda: self._scratch.par["Two"] is self._scratch.par["Two"])

    def _menu_value(self):
        self._scratch.par["Choice"].menuNames = ["z", "c", "b"]
        now = self._scratch.par["Choice"].eval()
        return {"b": "kept", "z": "first", "c": "same place"}.get(now, now)

    def _menu_empty(self):
        par = self._scratch.appendCustomPage("Probe 2").appendMenu("Empty")[0]
        try:
            par.menuNames = []
        except Exception:  # noqa: BLE001 - which one it is differs from build to build
            return "refused"
        return "taken"

    def _expression_mode(self):
        self._scratch.par["Two"].expr = "1 + 1"
        return "switched" if self._scratch.par["Two"].mode.name == "EXPRESSION" else "left"

    def _expression_broken(self):
        par = self._scratch.par["Two"]
        try:
            par.expr = "nothing_of_this_name"
        except Exception:  # noqa: BLE001 - which one it is differs from build to build
            return "refused"
        par.val = 0.0
        return "taken"

    def _read_only(self):
        par = self._scratch.par["Two"]
        par.readOnly = True
        par.val = 0.25
        return "set" if par.eval() == 0.25 else "refused"

    def _copies(self):
        node = self._scratch.create(textDAT, "node")
        node.tags.add("probe")
        node.store("probe", [1])
        copied = self._scratch.copy(node, name="copied")
        self._rule("copy_tags", lambda: "kept" if "probe" in copied.tags else "lost")
        stored = copied.fetch("probe", None, search=False)
        self._rule("copy_storage", lambda: "kept" if stored == [1] else "lost")
        self._rule("name_taken", lambda: name_taken(self._scratch))
        copied.destroy()
        self._rule("valid_after_destroy", lambda: copied.valid)
        self._rule("find_by_tag", lambda: len(self._scratch.findChildren(tags=["probe"])))

    def _docks(self):
        kinds = ("rampTOP", "oscinDAT", "oscoutDAT", "executeDAT", "textTOP")
        for number, kind in enumerate(kinds):
            before = {op.name for op in self._scratch.children}
            made = self._scratch.create(kind_of(kind), f"docks{number}")
            self._rule(f"docks_{kind}", lambda made=made: docks(made))
            if kind == "rampTOP":
                self._rule("ramp_keys", lambda made=made: first_row(made.docked[0]))
            for op in list(self._scratch.children):
                if op.valid and op.name not in before:
                    op.destroy()

    def _tables(self):
        table = self._scratch.create(tableDAT, "table")
        self._rule("table_begins", lambda: table.numRows)
        table.clear()
        table.appendRow(["abc", "1"])
        self._rule("row_patterns", lambda: "pattern" if table.row("a*") else "name")
        self._rule("row_missing", lambda: table.row("nothing") is None)
        self._rule("cell_missing", lambda: table["nothing", 1] is None)

    def _modules(self):
        dat = self._scratch.create(textDAT, "code")
        dat.text = "kept = []"
        dat.module.kept.append(1)
        same = list(dat.module.kept)
        self._rule("module_kept", lambda: "kept" if same == [1] else "new at each use")
        dat.text = "kept = []  # changed"
        self._rule("module_after_text", lambda: "kept" if dat.module.kept else "recompiled")
        hiding = self._scratch.create(textDAT, "numbers")
        hiding.text = "hidden = True"
        importing = self._scratch.create(textDAT, "importing")
        importing.text = "import numbers"
        found = importing.module.numbers
        self._rule("module_hidden", lambda: "hidden" if hasattr(found, "hidden") else "library's")
        hiding.destroy()

    def _extension(self):
        inner = self._scratch.create(baseCOMP, "extended")
        inner.create(textDAT, "ProbeExt").text = EXTENSION
        blocks = getattr(getattr(inner, "seq", None), "ext", None)
        if blocks is not None and blocks.numBlocks < 1:
            blocks.numBlocks = 1
        for names, value in (
            (("ext0object", "extension1"), "op('./ProbeExt').module.ProbeExt(me)"),
            (("ext0name", "extname1"), "ProbeExt"),
        ):
            par = next(inner.par[name] for name in names if inner.par[name] is not None)
            par.val = value
        inner.initializeExtensions()
        yield 2
        inner.appendCustomPage("Probe").appendFloat("Shown")
        self._rule("dependency", lambda: follows(inner))
        self._heard.log.clear()
        inner.destroy()
        said_at_once = [entry for entry in self._heard.log if entry[0] == "destroyed"]
        self._rule("on_destroy", lambda: "inside destroy" if said_at_once else "later")

    def _put_off(self):
        leaving, ran = self._scratch.create(textDAT, "leaving"), []
        run("args[0].append(1)", ran, delayFrames=1, fromOP=leaving)
        leaving.destroy()
        yield 4
        self._rule("run_from_destroyed", lambda: "run" if ran else "dropped")

    # The timing of callbacks.

    def _callbacks(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        heard = self._scratch.create(oscinDAT, "heard")
        self._scratch.create(textDAT, "heard_here").text = LISTENER
        heard.par.callbacks, heard.par.localaddress = "heard_here", "127.0.0.1"
        heard.par.port, heard.par.active = self._port, True
        frames = self._scratch.create(executeDAT, "frames")
        frames.text = LISTENER
        frames.par.framestart, frames.par.active = True, True
        yield 5
        self._heard.log.clear()
        for number in range(20):
            self._send(number)
            yield 1
        yield 3
        self._rule("osc_came", lambda: len(self._heard.told) == 20)
        self._rule("osc_text", lambda: self._heard.told[0][1][1])
        self._rule("frame_or_osc_first", lambda: self._core.order(self._heard.log, "frame", "osc"))

    def _send(self, number):
        """Send the scratch DAT one message, encoded here: a number and a text."""
        words = [b"/probe", b",is"]
        data = b"".join(word + b"\0" * (4 - len(word) % 4) for word in words)
        text = TEXT.encode()
        data += number.to_bytes(4, "big") + text + b"\0" * (4 - len(text) % 4)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(data, ("127.0.0.1", self._port))

    def _paused(self):
        clock = self._comp.time
        if not clock.play:
            self._data["rules"]["while_paused"] = {"error": "the timeline is paused anyway"}
            return
        self._heard.log.clear()
        clock.play = False
        self._back.append(self._go_on)
        self._play_again = clock
        try:
            for number in range(20):
                self._send(number)
                yield 1
        finally:
            self._go_on()
        log = list(self._heard.log)
        kinds = [kind for kind in ("frame", "osc") if kind in {entry[0] for entry in log}]
        self._rule("while_paused", lambda: " and ".join(kinds) or "neither")

    def _go_on(self):
        if self._play_again is not None:
            self._play_again.play, self._play_again = True, None

    def _stall(self):
        self._heard.log.clear()
        self._send(1)
        before = absTime.frame
        time.sleep(STALL)
        yield 1
        self._rule("frames_passed_by_stall", lambda: absTime.frame - before)
        yield 3
        log = list(self._heard.log)
        self._rule("after_stall", lambda: log[0][0] if log else "neither")
        self._rule("frame_callbacks_after_stall", lambda: [kind for kind, _ in log].count("frame"))

    # With a bridge.

    def _bridge(self):
        par, bridge = self._comp.par, self._data["bridge"]
        web = self._comp.op("bridge_web").module
        self._web = web.Web()
        self._back.append(self._web.close)
        self._web.aim(par.Host.eval().strip(), par.Port.eval(), par.Token.eval().strip())
        self._answers = {}
        began = time.perf_counter()
        state = yield from self._ask("state", "GET", "/state")
        bridge["http_seconds"] = round(time.perf_counter() - began, 4)
        bridge["status"] = state[0]
        if state[0] == 200:
            told = state[1]
            kept = ("pipeline", "state", "output_size", "source", "sink", "fps")
            bridge.update({name: told.get(name) for name in kept})
            wishes = self._comp.ext.SpoutBridgeExt._show.wishes()
            bridge["live_inputs"] = {
                name: {"wanted": uri, "has": told[name], "stands": told[f"{name}_input"]}
                for name, uri in wishes.items()
            }
        bridge["connection"] = par.Connection.eval()
        bridge["message"] = par.Message.eval()

    def _ask(self, job, method, path, body=None):
        """(status, value) of the bridge's answer; (0, …) if there was none."""
        self._answers.pop(job, None)
        self._web.ask(job, method, API + path, body)

        def answered():
            for answer in self._web.answers():
                self._answers[answer.job] = (answer.status, answer.value)
            return job in self._answers

        yield from self._wait(answered)
        return self._answers.get(job, (0, "no answer in time"))

    def _text(self):
        """Non-ASCII text by OSC, there and back, through the first text parameter, whose value is
        restored afterwards.
        """
        bridge = self._data["bridge"]
        if bridge.get("status") != 200:
            bridge["osc_echo"] = {"error": "no bridge answers"}
            return
        schema = (yield from self._ask("schema", "GET", "/schema"))[1]
        texts = [spec for spec in schema["parameters"] if takes_words(spec)]
        if not texts:
            bridge["osc_echo"] = {"error": "no parameter accepts text"}
            return
        name, address = texts[0]["name"], f"/bridge/{texts[0]['osc']}"
        before = (yield from self._ask("values", "GET", "/parameters"))[1][name]
        extension, heard = self._comp.ext.SpoutBridgeExt, []
        listening = extension.heard

        def listen(at, arguments):
            heard.append((at, list(arguments)))
            listening(at, arguments)

        extension.heard = listen
        self._back.append(lambda: delattr(extension, "heard"))
        text = f"{TEXT} {random.randrange(1000)}"
        self._comp.op("osc_out").sendOSC(address, [text], asBundle=False)
        yield from self._wait(lambda: any(at == address for at, _ in heard), 120)
        there = (yield from self._ask("there", "GET", "/parameters"))[1]
        back = [arguments[0] for at, arguments in heard if at == address]
        bridge["osc_echo"] = {"sent": text, "arrived": there.get(name), "back": back[-1:]}
        yield from self._ask("restore", "PATCH", "/parameters", {name: before})

    def _picture(self):
        """Send a card of four colours through Spout to the bridge and back."""
        bridge, comp = self._data["bridge"], self._comp
        if bridge.get("status") != 200 or bridge.get("pipeline") != "passthrough":
            bridge["picture"] = {"error": "no bridge running passthrough answers"}
            return
        card = comp.create(rampTOP, CARD)
        self._back.append(lambda: [op.destroy() for op in [*card.docked, card]])
        draw(card, self._core.COLOURS, comp.par.Outputw.eval(), comp.par.Outputh.eval())
        into, before = comp.op("send_fit").inputConnectors[0], comp.op("in1")
        self._back.append(lambda: into.connect(before))
        into.connect(card)
        sent, back = comp.op("send_flip"), comp.op("spout_in")
        points = self._core.POINTS

        def judged():
            back.cook(force=True)
            found = self._core.judge(look(sent, points), look(back, points))
            bridge["picture"] = found
            return found["arrangement"] in self._core.ARRANGEMENTS

        came = yield from self._wait(judged)
        bridge["picture"]["frames_until_it_came"] = came
        bridge["picture"]["sizes"] = [[top.width, top.height] for top in (sent, back)]
        if came is None:
            return
        delays = []
        for _ in range(5):
            now = look(back, points[:1])[0]
            card.par.phase = (card.par.phase.eval() + 0.5) % 1.0
            delays.append((yield from self._wait(lambda now=now: changed(back, points, now), 120)))
            yield 10
        bridge["picture"]["frames_of_delay"] = delays
        wanted = (comp.par.Flipsend.eval(), comp.par.Flipreceive.eval())
        bridge["picture"]["flip_parameters"] = list(wanted)


def later(test, frames):
    """Schedule the next call, on a clock that keeps running while the timeline is paused."""
    try:
        clock = op.TDResources
    except Exception:  # noqa: BLE001 - a build without it: the timeline's clock
        clock = None
    more = {"delayRef": clock} if clock is not None else {}
    more["fromOP"] = op("/")  # the operator it runs from must still exist then
    try:
        run("args[0].step()", test, delayFrames=max(1, frames), **more)
    except TypeError:  # a build whose `run` lacks some of these
        run("args[0].step()", test, delayFrames=max(1, frames))


def kind_of(name):
    return {"rampTOP": rampTOP, "oscinDAT": oscinDAT, "oscoutDAT": oscoutDAT,
            "executeDAT": executeDAT, "textTOP": textTOP}[name]  # fmt: skip


def parameters(op):
    """Name to [style, default, menu] of an operator's built-in parameters."""
    found = {}
    for par in op.pars("*"):
        if not par.name[:1].isupper():  # else it is a custom one
            menu = par.menuNames if par.style in ("Menu", "StrMenu") else None
            default = par.default if isinstance(par.default, (bool, int, float, str)) else None
            found[par.name] = [par.style, default, list(menu) if menu else None]
    return found


def takes_words(spec):
    return spec["kind"] == "text" and spec.get("live", True) and not spec.get("asset")


def follows(comp):
    """Whether an expression that reads an extension follows its changes."""
    comp.par["Shown"].expr = "me.ext.ProbeExt.Number.val"
    before = comp.par["Shown"].eval()
    comp.ext.ProbeExt.Number.val = 2
    now = comp.par["Shown"].eval()
    return "follows" if (before, now) == (1, 2) else f"{before}, then {now}"


def usable(par):
    try:
        par.eval()
    except Exception:  # noqa: BLE001 - which one differs from build to build
        return "invalid"
    return "usable"


def name_taken(comp):
    try:
        return "numbered" if comp.create(textDAT, "node").name != "node" else "the same"
    except Exception:  # noqa: BLE001 - which one differs from build to build
        return "refused"


def docks(host):
    """For each docked DAT: the end of its name, its type, and the parameters that refer to it."""
    return [
        [docked.name.removeprefix(host.name), docked.OPType,
         [p.name for p in host.pars("*") if p.style in ("DAT", "OP") and p.eval() == docked]]
        for docked in host.docked
    ]  # fmt: skip


def first_row(table):
    return [table[0, column].val for column in range(5)]


def draw(card, colours, width, height):
    """A ramp around the centre in four steps: one colour in each quarter of the image."""
    keys = card.docked[0]
    head = first_row(keys) if not first_row(keys)[0][:1].isdigit() else None
    keys.clear()
    if head:
        keys.appendRow(head)
    for number, colour in enumerate(colours):
        keys.appendRow([number / 4, *colour])
    par = card.par
    par.type, par.interp, par.fitaspect = "circular", "step", "fill"
    par.multrgbbyalpha, par.dither, par.antialias = False, False, 1
    par.extendleft, par.extendright = "repeat", "repeat"
    par.outputresolution, par.resolutionw, par.resolutionh = "custom", width, height


def look(top, points):
    return [[round(float(part), 4) for part in top.sample(u=u, v=v)] for u, v in points]


def changed(top, points, before):
    top.cook(force=True)
    return max(abs(a - b) for a, b in zip(look(top, points[:1])[0], before, strict=True)) > 0.3
