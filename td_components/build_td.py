# pyright: basic, reportMissingImports=false
"""Build the SpoutBridge component inside TouchDesigner, from `network.toml` next to this file.

In TouchDesigner: drag this file into a network and choose Run Script, or paste the line from
`spout-bridge td` into the Textport. Running it again updates every SpoutBridge in the project:
values, looks and wires stay. It only touches its own components, and in them only operators that it
created: those are listed in the component's storage and have the tag and their original type. A
copied node also has the tag, but is not in the list.

Errors never stop it silently: an error in one operator or parameter is recorded, the rest is built,
and `SpoutBridge_report.json` is always written, to the project folder or else to the temporary
folder. `SpoutBridge.tox` is saved from a separate, clean build, so it contains no token, path, look
or pipeline of this patch.
"""

import json
import tempfile
import tomllib  # TouchDesigner 2023 and later have Python 3.11
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path

MANY = 100  # names to try for the component
STORE = "spout_bridge"  # in the component's storage: operators created, and the Command set
APART = 60  # network units between existing operators and the new component


class BuildError(Exception):
    """The problem in one sentence; this component was not changed."""


class Builder:
    """One build. `report` lists what this TouchDesigner build lacks, and what failed."""

    def __init__(self, td, kit, command=""):
        """`td` is TouchDesigner's module, `kit` this file's folder, `command` the command line that
        starts a bridge on this machine.
        """
        self._td, self._kit, self._command = td, Path(kit), command
        self._spec, self._tag, self._wanted = {}, "", set()
        self.report = {
            "version": "", "build": f"{td.app.version} {td.app.build}",
            "component": "", "components": [], "saved": "", "made": [], "removed": [], "kept": [],
            "missing": [], "errors": [], "tracebacks": [],
        }  # fmt: skip

    def read(self):
        """Read the network to build; raises if the kit is incomplete."""
        self._spec = tomllib.loads((self._kit / "network.toml").read_text("utf-8-sig"))
        self._tag, self._wanted = self._spec["tag"], {row["name"] for row in self._spec["op"]}
        self.report["version"] = self._spec["version"]

    def build(self, place, link=False, another=False):
        """Update the components of the project, or create the first one in `place`; `another`
        creates one there if that network has none.

        `link` makes the DATs follow the kit's files, for work on the component itself. Returns the
        component in that network, else any; None if none could be created.
        """
        found = self._components()
        if not found or (another and all(comp.parent() != place for comp in found)):
            with self._trying(f"{self._spec['name']} in {place.path}"):
                found.append(self._make(place))
        for comp in found:
            self.report["components"].append(comp.path)
            with self._trying(comp.path):
                self._check(comp)
                self._bring_up(comp, link)
        near = [comp for comp in found if place in (comp.parent(), comp)]
        comp = next(iter([*near, *found]), None)
        self.report["component"] = comp.path if comp else ""
        return comp

    def save(self, place, folder):
        """Save the .tox of a clean component built in a separate network where nothing cooks: it
        contains nothing of the patch or this machine.
        """
        with self._trying("SpoutBridge.tox"):
            scratch = place.create(self._td.baseCOMP, f"{self._spec['name']}_saving")
            try:
                scratch.allowCooking = False
                clean = Builder(self._td, self._kit)
                clean.read()
                comp = clean._make(scratch)
                clean._bring_up(comp, start=False)
                if clean.report["errors"]:  # those already reported for the component
                    self._fail("SpoutBridge.tox", "not saved because of the errors above.")
                    return
                path = Path(folder) / f"{self._spec['name']}.tox"
                self.report["saved"] = str(comp.save(str(path)) or path)
                loader = scratch.create(self._td.baseCOMP, f"{self._spec['name']}_loader")
                dat = loader.create(self._td.executeDAT, "loader")
                dat.text = (self._kit / "dats" / "loader.py").read_text("utf-8-sig")
                self._set(dat, {"active": True, "create": True, "framestart": False}, {})
                loader.save(str(Path(folder) / f"{loader.name}.tox"))
            finally:
                scratch.destroy()

    def write(self, folder):
        """Write the report to the folder, else to the temporary folder; returns its path."""
        text = json.dumps(self.report, indent=1, default=str)
        for place in (folder, tempfile.gettempdir()):
            path = Path(place) / "SpoutBridge_report.json"
            with suppress(OSError):
                path.write_text(text, "utf-8")
                return path
        return None

    @contextmanager
    def _trying(self, what):
        """Record any error in the report, with its traceback, and continue."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - TouchDesigner raises anything; it is reported
            sentence = str(error) if isinstance(error, BuildError) else _said(error)
            self._fail(what, sentence, traceback.format_exc())

    def _fail(self, what, sentence, trace=""):
        self.report["errors"].append(f"{what}: {sentence}")
        if trace:
            self.report["tracebacks"].append({"what": what, "traceback": trace})

    # Ownership.

    def _components(self):
        """Every component of the project. Any other tagged operator outside a component is an
        artist's copy of one of ours: its tag is removed.
        """
        found = []
        for other in self._td.op("/").findChildren(tags=[self._tag]):
            if other.OPType == self._spec["type"] and self._is_component(other):
                found.append(other)
            elif not self._is_component(other.parent()):
                self._disown(other)
        return found

    def _is_component(self, comp):
        """By its list of operators; for older builds, by its extension."""
        return self._tag in comp.tags and (
            self._list(comp) is not None or comp.op(self._spec["extension"]) is not None
        )

    def _list(self, comp):
        """Name to {"type", "of"} of the operators created in a component; None if not recorded."""
        return (comp.fetch(STORE, None, search=False) or {}).get("made")

    def _remember(self, comp, **more):
        comp.store(STORE, {**(comp.fetch(STORE, None, search=False) or {}), **more})

    def _ours(self, comp, op):
        if self._tag not in op.tags:
            return False
        made = self._list(comp)
        if made is None:  # an older component: by name
            return op.name in self._wanted or op.name in self._spec["former"]
        return made.get(op.name, {}).get("type") == op.OPType

    def _disown(self, op):
        op.tags.discard(self._tag)
        self.report["kept"].append(op.path)

    def _check(self, comp):
        """BuildError if the artist's own operator in the component has a name that we need."""
        for name in self._wanted:
            there = comp.op(name)
            if there is not None and not self._ours(comp, there):
                raise BuildError(
                    f"it contains a {there.OPType} named {name} that is not part of the component: "
                    "rename or remove it, and build again."
                )

    # The component.

    def _make(self, place):
        """Create one under the first free name, next to the network's operators."""
        name = self._spec["name"]
        names = [name, *(f"{name}{number}" for number in range(1, MANY))]
        free = next(name for name in names if place.op(name) is None)
        at = beside(self._td, place)
        comp = place.create(getattr(self._td, self._spec["type"]), free)
        comp.tags.add(self._tag)
        self._remember(comp, made={})
        comp.nodeX, comp.nodeY = at
        comp.viewer = True
        self.report["made"].append(free)
        return comp

    def _bring_up(self, comp, link=False, start=True):
        """Create missing operators, set declared values, remove obsolete operators."""
        made = self._list(comp)
        if made is None:
            made = {op.name: {"type": op.OPType} for op in comp.children if self._ours(comp, op)}
            self._remember(comp, made=made)
        for op in [op for op in comp.children if self._tag in op.tags]:
            if not self._ours(comp, op):
                self._disown(op)
        for row in self._spec["op"]:
            with self._trying(f"{comp.path}/{row['name']}"):
                self._operator(comp, row, link)
        with self._trying(f"the pages of {comp.path}"):
            self._pages(comp)  # before the expressions that use them
            if not start:
                comp.par.Active = False
        for row in self._spec["op"]:
            target = comp.op(row["name"])
            if target is not None:
                with self._trying(f"the wires of {target.path}"):
                    self._connect(comp, target, row)
                self._set(target, row.get("set", {}), row.get("expr", {}))
        extensions = getattr(getattr(comp, "seq", None), "ext", None)
        if extensions is not None and extensions.numBlocks < 1:
            extensions.numBlocks = 1  # otherwise the extension has no parameters
        self._set(comp, self._spec["set"], {})
        self._remove(comp)
        with self._trying(comp.path):
            comp.par.Version, comp.par.Toxsavebuild = self.report["version"], self.report["build"]
            if start:
                comp.initializeExtensions()
                self._test(comp)
            else:
                comp.par.Active = True  # for loading the .tox

    def _operator(self, comp, row, link):
        name, kind = row["name"], row["type"]
        there = comp.op(name)
        if there is not None and there.OPType != kind:
            for docked in [op for op in there.docked if self._ours(comp, op)]:
                docked.destroy()
            there.destroy()  # ours, from an earlier version
            there = None
        if there is None:
            if not hasattr(self._td, kind):
                raise BuildError(f"this TouchDesigner build has no {kind}; it was skipped.")
            self._own(comp, name, kind)  # first, so that a half-created one is still ours
            there = comp.create(getattr(self._td, kind), name)
            there.tags.add(self._tag)
            self.report["made"].append(name)
            self._undock(comp, there, row)
            if kind == "tableDAT":
                there.clear()  # it starts with an empty cell
        there.nodeX, there.nodeY = row["at"]
        if "file" in row:
            self._text(there, self._kit / row["file"], link)

    def _own(self, comp, name, kind, of=""):
        self._remember(comp, made={**(self._list(comp) or {}), name: {"type": kind, "of": of}})

    def _undock(self, comp, host, row):
        """`create` docks DATs to some operators. Keep those that a parameter refers to, such as a
        ramp's keys, unless we set that parameter; remove the rest.
        """
        set_here = {name for names in (*row.get("set", {}), *row.get("expr", {}))
                    for name in names.rstrip("?").split("|")}  # fmt: skip
        for docked in list(getattr(host, "docked", ())):
            pars = [par for par in host.pars("*") if par.name not in set_here]
            if any(par.style in ("DAT", "OP") and par.eval() == docked for par in pars):
                docked.tags.add(self._tag)
                self._own(comp, docked.name, docked.OPType, of=host.name)
            else:
                docked.destroy()

    def _text(self, dat, path, link):
        if link:
            self._set(dat, {"file": str(path), "syncfile": True}, {})
        text = path.read_text("utf-8-sig")
        if dat.text != text:  # do not recompile an unchanged module
            dat.text = text

    def _connect(self, comp, target, row):
        for place, name in enumerate(row.get("inputs", ())):
            if comp.op(name) is not None:
                target.inputConnectors[place].connect(comp.op(name))

    def _remove(self, comp):
        """Remove operators of earlier versions that are no longer used, and their docked DATs."""
        made = self._list(comp) or {}
        for name, entry in list(made.items()):
            if name in self._wanted or entry.get("of") in self._wanted:
                continue
            with self._trying(f"{comp.path}/{name}"):
                there = comp.op(name)
                if there is not None and self._ours(comp, there):
                    there.destroy()
                    self.report["removed"].append(name)
            del made[name]
        self._remember(comp, made=made)

    # Parameters.

    def _set(self, target, values, expressions):
        """Set each parameter whose value differs; report missing ones."""
        for names, value in [*values.items(), *expressions.items()]:
            with self._trying(f"{target.path} {names}"):
                par = self._par(target, names)
                if par is not None and names in expressions:
                    if par.mode.name != "EXPRESSION" or par.expr != value:
                        par.expr = value
                        par.mode = type(par.mode).EXPRESSION
                elif par is not None and par.style == "Menu" and value not in par.menuNames:
                    there = ", ".join(par.menuNames)
                    self._miss(target, f"{par.name}: {value!r} is not one of {there}")
                elif par is not None and (par.mode.name != "CONSTANT" or par.val != value):
                    par.val = value

    def _par(self, target, names):
        """By the first name that exists; a trailing "?" means it may be missing."""
        for name in names.rstrip("?").split("|"):
            if target.par[name] is not None:
                return target.par[name]
        if not names.endswith("?"):
            self._miss(target, names)
        return None

    def _miss(self, target, what):
        told = f"{target.OPType} {target.name}: {what}"
        if told not in self.report["missing"]:
            self.report["missing"].append(told)

    def _pages(self, comp):
        """Create the component's own parameters; the bridge's are created on connect."""
        pages = comp.op("bridge_pages").module
        there = {page.name for page in comp.customPages}
        for page in self._spec["page"]:
            if page["name"] not in there:
                comp.appendCustomPage(page["name"])
        rows, secret = [], []
        for page in self._spec["page"]:
            for given in page.get("par", ()):
                fields = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
                fields.setdefault("label", fields["name"])
                if fields.pop("password", False):
                    secret.append(fields["name"])
                rows.append(pages.Row(page=page["name"], kind="own", **fields))
        self.report["errors"] += pages.apply(comp, rows, [row.name for row in rows], first=True)
        for name in secret:
            comp.par[name].password = True  # shown as asterisks
        comp.sortCustomPages(*(page["name"] for page in self._spec["page"]))
        self._start_line(comp)

    def _start_line(self, comp):
        """Set this machine's command line, unless the artist changed it. The default uses PATH and
        is saved in a .tox for other machines.
        """
        par = comp.par.Command
        stored = comp.fetch(STORE, None, search=False) or {}
        if self._command and par.eval() in ("", par.default, stored.get("command")):
            par.val = self._command
            self._remember(comp, command=self._command)

    # Test and report.

    def _test(self, comp):
        """Test the extension: a failed start is otherwise only shown in the Textport."""
        test = getattr(comp, "SelfTest", None)
        if test is None:
            self._fail(f"The extension of {comp.path}", "did not start; see the Textport.")
        else:
            self.report["errors"] += test()

    def told(self, written):
        """The report in a few lines; `written` is its path."""
        report = self.report
        paths = ", ".join(report["components"]) or "not built"
        lines = [" ".join(("SpoutBridge", report["version"], f"is {paths}"))]
        lines += [f"  saved as {report['saved']}"] if report["saved"] else []
        lines += [f"  missing in this TouchDesigner build: {what}" for what in report["missing"]]
        lines += [f"  ERROR {what}" for what in report["errors"]]
        lines += [f"  full report: {written}"] if written else []
        return "\n".join(lines)


def _said(error):
    return f"{type(error).__name__}: {error}"


def editor(td):
    """The network editor in use: the current pane, unless that is the Textport or a panel; else the
    first one. None if there is none.
    """
    panes = getattr(td.ui, "panes", None)
    listed = [getattr(panes, "current", None), *(panes or ())]
    networks = (p for p in listed if str(getattr(p, "type", "")).endswith("NETWORKEDITOR"))
    return next(networks, None)


def here(td):
    """The network shown in the editor; else /project1, or the root."""
    owner = getattr(editor(td), "owner", None)
    return owner or td.op("/project1") or td.op("/")


def beside(td, place):
    """(x, y) right of a network's operators, or the centre of its editor if empty."""
    there = place.children
    if there:
        right = max(op.nodeX + op.nodeWidth for op in there)
        return right + APART, max(op.nodeY for op in there)
    pane = editor(td)
    if pane is None or pane.owner != place:
        return 0, 0
    return int(pane.x), int(pane.y)


def main(file, command="", place=None, link=False, another=False):
    """Build, test, report, save; the component, or None. Errors go to the report."""
    import td

    comp, folder = None, td.project.folder
    builder = Builder(td, Path(folder, file).parent, command)
    try:
        builder.read()
        place = place or here(td)
        comp = builder.build(place, link, another)
        builder.write(folder)  # first: saving might crash TouchDesigner
        if comp is not None:
            builder.save(place, folder)
    except Exception as error:  # noqa: BLE001 - reported
        builder._fail("the builder", _said(error), traceback.format_exc())
    print(builder.told(builder.write(folder)))  # noqa: T201
    return comp


# A pasted line sets `__file__`; when dragged in, the Text DAT knows its file.
if "me" in globals():
    main(globals()["me"].par.file.eval(), place=globals()["me"].parent())
elif __name__ == "__main__":
    place = globals().get("PLACE")  # set by the loader: create one there
    main(__file__, globals().get("COMMAND", ""), place, another=place is not None)
