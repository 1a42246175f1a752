# pyright: basic, reportMissingImports=false
"""Builds the SpoutBridge component inside TouchDesigner, from `network.toml` beside this file.

In TouchDesigner: drag this file into a network and choose Run Script, or paste the line that
`spout-bridge td` prints into the Textport. Running it again brings every SpoutBridge of the
project up to date: values, looks and wires stay. It touches nothing but its own components, and in
there nothing but what it made: that is listed in the component's storage, carries the tag and has
the type that it was made with. A copy of a node has the tag too, but is not in the list.

It never ends half-way without a word: what one operator or parameter raises is noted, the rest is
built, and `SpoutBridge_report.json` is written in any case, into the project's folder or, where
that cannot be, into the folder for temporary files. `SpoutBridge.tox` is of a component that is
built anew for it, so that no token, path, look or pipeline of this patch is in it.
"""

import json
import tempfile
import tomllib  # TouchDesigner 2023 and later have Python 3.11
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path

MANY = 100  # names tried for the component where others have them
STORE = "spout_bridge"  # in the component's storage: what was made, and the Command that was set
APART = 60  # units of the network between its contents and the new component


class BuildError(Exception):
    """What is in the way, in one sentence; nothing was changed in this component."""


class Builder:
    """One build. `report` says what this build of TouchDesigner did not have, and what failed."""

    def __init__(self, td, kit, command=""):
        """`td` is TouchDesigner's module, `kit` the folder of this file, `command` what starts a
        bridge on this machine.
        """
        self._td, self._kit, self._command = td, Path(kit), command
        self._spec, self._tag, self._wanted = {}, "", set()
        self.report = {
            "version": "", "build": f"{td.app.version} {td.app.build}",
            "component": "", "components": [], "saved": "", "made": [], "removed": [], "kept": [],
            "missing": [], "errors": [], "tracebacks": [],
        }  # fmt: skip

    def read(self):
        """Read what is to be built; it raises where the kit is not whole."""
        self._spec = tomllib.loads((self._kit / "network.toml").read_text("utf-8-sig"))
        self._tag, self._wanted = self._spec["tag"], {row["name"] for row in self._spec["op"]}
        self.report["version"] = self._spec["version"]

    def build(self, place, link=False, another=False):
        """Bring the components of the project up to date, or make the first one in `place`;
        `another` makes one there too where that network has none.

        `link` has the DATs read the kit's files as they change, for work on the component itself.
        Returns the component in that network, else any; None where none could be made.
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
        """Write the .tox of a component that is made anew in a network of its own, where nothing
        cooks: what the patch has, and this machine, are not in it.
        """
        with self._trying("SpoutBridge.tox"):
            scratch = place.create(self._td.baseCOMP, f"{self._spec['name']}_saving")
            try:
                scratch.allowCooking = False
                clean = Builder(self._td, self._kit)
                clean.read()
                comp = clean._make(scratch)
                clean._bring_up(comp, start=False)
                if clean.report["errors"]:  # the same that the component's own build told
                    self._fail("SpoutBridge.tox", "was not saved, because of the errors above.")
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
        """Write the report into the folder, or else where temporary files are; its path."""
        text = json.dumps(self.report, indent=1, default=str)
        for place in (folder, tempfile.gettempdir()):
            path = Path(place) / "SpoutBridge_report.json"
            with suppress(OSError):
                path.write_text(text, "utf-8")
                return path
        return None

    @contextmanager
    def _trying(self, what):
        """Whatever is raised becomes a line of the report, with its traceback; the rest goes on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - TouchDesigner raises what it likes; it is told
            sentence = str(error) if isinstance(error, BuildError) else _said(error)
            self._fail(what, sentence, traceback.format_exc())

    def _fail(self, what, sentence, trace=""):
        self.report["errors"].append(f"{what}: {sentence}")
        if trace:
            self.report["tracebacks"].append({"what": what, "traceback": trace})

    # Whose is what.

    def _components(self):
        """Every component of the project. Another operator with the tag is a copy of one of ours
        that an artist made, outside of a component: it loses it.
        """
        found = []
        for other in self._td.op("/").findChildren(tags=[self._tag]):
            if other.OPType == self._spec["type"] and self._is_component(other):
                found.append(other)
            elif not self._is_component(other.parent()):
                self._disown(other)
        return found

    def _is_component(self, comp):
        """By what it was built with; before there was a list, by its extension."""
        return self._tag in comp.tags and (
            self._list(comp) is not None or comp.op(self._spec["extension"]) is not None
        )

    def _list(self, comp):
        """Name to {"type", "of"} of what was made in a component; None where nobody wrote it."""
        return (comp.fetch(STORE, None, search=False) or {}).get("made")

    def _remember(self, comp, **more):
        comp.store(STORE, {**(comp.fetch(STORE, None, search=False) or {}), **more})

    def _ours(self, comp, op):
        if self._tag not in op.tags:
            return False
        made = self._list(comp)
        if made is None:  # an older component: by its name
            return op.name in self._wanted or op.name in self._spec["former"]
        return made.get(op.name, {}).get("type") == op.OPType

    def _disown(self, op):
        op.tags.discard(self._tag)
        self.report["kept"].append(op.path)

    def _check(self, comp):
        """Whether what the artist put into the component has a name that is needed."""
        for name in self._wanted:
            there = comp.op(name)
            if there is not None and not self._ours(comp, there):
                raise BuildError(
                    f"it has a {there.OPType} called {name} that is not part of the component: "
                    "rename it or take it out, and build again."
                )

    # The component.

    def _make(self, place):
        """A new one, under the first free name, beside what the network has."""
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
        """Make what is missing, set what is declared, remove what is not any more."""
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
            self._pages(comp)  # before the expressions that read them
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
            extensions.numBlocks = 1  # or there are no parameters for one
        self._set(comp, self._spec["set"], {})
        self._remove(comp)
        with self._trying(comp.path):
            comp.par.Version, comp.par.Toxsavebuild = self.report["version"], self.report["build"]
            if start:
                comp.initializeExtensions()
                self._test(comp)
            else:
                comp.par.Active = True  # for whoever loads it

    def _operator(self, comp, row, link):
        name, kind = row["name"], row["type"]
        there = comp.op(name)
        if there is not None and there.OPType != kind:
            for docked in [op for op in there.docked if self._ours(comp, op)]:
                docked.destroy()
            there.destroy()  # ours, of an earlier version
            there = None
        if there is None:
            if not hasattr(self._td, kind):
                raise BuildError(f"this build has no {kind}; it was left out.")
            self._own(comp, name, kind)  # first, or one that raises half-way is a stranger later
            there = comp.create(getattr(self._td, kind), name)
            there.tags.add(self._tag)
            self.report["made"].append(name)
            self._undock(comp, there, row)
            if kind == "tableDAT":
                there.clear()  # it begins with an empty cell
        there.nodeX, there.nodeY = row["at"]
        if "file" in row:
            self._text(there, self._kit / row["file"], link)

    def _own(self, comp, name, kind, of=""):
        self._remember(comp, made={**(self._list(comp) or {}), name: {"type": kind, "of": of}})

    def _undock(self, comp, host, row):
        """`create` docks DATs to some operators. One that a parameter of it names is needed, as the
        keys of a ramp, unless we name another there; the rest would only lie about.
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
        if dat.text != text:  # a module that has not changed is not compiled anew
            dat.text = text

    def _connect(self, comp, target, row):
        for place, name in enumerate(row.get("inputs", ())):
            if comp.op(name) is not None:
                target.inputConnectors[place].connect(comp.op(name))

    def _remove(self, comp):
        """What an earlier version made and this one has not; what was docked goes with its host."""
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
        """Set each parameter that is there and has another value; report each that is not there."""
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
        """By the first name that is there; a "?" behind means that a build may do without."""
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
        """The component's own parameters; those of the bridge are made when it connects."""
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
        """The command of this machine, unless the artist wrote another one. The declared one finds
        a bridge by PATH, and is what a .tox has that goes to other machines.
        """
        par = comp.par.Command
        stored = comp.fetch(STORE, None, search=False) or {}
        if self._command and par.eval() in ("", par.default, stored.get("command")):
            par.val = self._command
            self._remember(comp, command=self._command)

    # The end.

    def _test(self, comp):
        """An extension that does not start says so nowhere but in the Textport: so it is asked."""
        test = getattr(comp, "SelfTest", None)
        if test is None:
            self._fail(f"The extension of {comp.path}", "did not start; the Textport says why.")
        else:
            self.report["errors"] += test()

    def told(self, written):
        """The report in a few lines; `written` is where it lies."""
        report = self.report
        paths = ", ".join(report["components"]) or "not built"
        lines = [" ".join(("SpoutBridge", report["version"], f"is {paths}"))]
        lines += [f"  saved as {report['saved']}"] if report["saved"] else []
        lines += [f"  this build of TouchDesigner has no {what}" for what in report["missing"]]
        lines += [f"  ERROR {what}" for what in report["errors"]]
        lines += [f"  the whole report: {written}"] if written else []
        return "\n".join(lines)


def _said(error):
    return f"{type(error).__name__}: {error}"


def editor(td):
    """The network editor that the artist works in: the current pane, which may be the Textport that
    the line was pasted into, or a panel; else the first one that there is. None without any.
    """
    panes = getattr(td.ui, "panes", None)
    listed = [getattr(panes, "current", None), *(panes or ())]
    networks = (p for p in listed if str(getattr(p, "type", "")).endswith("NETWORKEDITOR"))
    return next(networks, None)


def here(td):
    """The network that the artist looks at; else the usual first one, or the root."""
    owner = getattr(editor(td), "owner", None)
    return owner or td.op("/project1") or td.op("/")


def beside(td, place):
    """(x, y) right of what a network has, or in the middle of its editor where it is empty."""
    there = place.children
    if there:
        right = max(op.nodeX + op.nodeWidth for op in there)
        return right + APART, max(op.nodeY for op in there)
    pane = editor(td)
    if pane is None or pane.owner != place:
        return 0, 0
    return int(pane.x), int(pane.y)


def main(file, command="", place=None, link=False, another=False):
    """Build, test, report, save; the component, or None. It raises nothing: the report tells."""
    import td

    comp, folder = None, td.project.folder
    builder = Builder(td, Path(folder, file).parent, command)
    try:
        builder.read()
        place = place or here(td)
        comp = builder.build(place, link, another)
        builder.write(folder)  # first: saving is where TouchDesigner itself might end
        if comp is not None:
            builder.save(place, folder)
    except Exception as error:  # noqa: BLE001 - the report is all that we ever see of it
        builder._fail("the builder", _said(error), traceback.format_exc())
    print(builder.told(builder.write(folder)))  # noqa: T201
    return comp


# Pasted, the line brings `__file__` along; dragged in, the Text DAT knows its file.
if "me" in globals():
    main(globals()["me"].par.file.eval(), place=globals()["me"].parent())
elif __name__ == "__main__":
    place = globals().get("PLACE")  # the loader's: one is wanted there
    main(__file__, globals().get("COMMAND", ""), place, another=place is not None)
