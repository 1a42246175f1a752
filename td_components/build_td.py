# pyright: basic, reportMissingImports=false
"""Builds the SpoutBridge component inside TouchDesigner, from `network.toml` beside this file.

In TouchDesigner: drag this file into a network and choose Run Script, or paste the line that
`spout-bridge td` prints into the Textport. Running it again brings the component up to date: its
values, looks and wires stay. It touches nothing but its own component, which it knows by a tag, and
in there nothing but what it made. It writes `SpoutBridge.tox` and `SpoutBridge_report.json` into
the project's folder.
"""

import json
import tomllib  # TouchDesigner 2023 and later have Python 3.11
from pathlib import Path

MANY = 100  # names tried for the component where others have them


class BuildError(Exception):
    """What is in the way, in one sentence; nothing was changed."""


class Builder:
    """One build. `report` says what this build of TouchDesigner did not have."""

    def __init__(self, td, kit, command=""):
        """`td` is TouchDesigner's module, `kit` the folder of this file, `command` what starts a
        bridge on this machine.
        """
        self._td, self._kit, self._command = td, Path(kit), command
        self._spec = tomllib.loads((self._kit / "network.toml").read_text("utf-8"))
        self.report = {
            "version": self._spec["version"], "build": f"{td.app.version} {td.app.build}",
            "component": "", "saved": "", "made": [], "removed": [], "missing": [], "errors": [],
        }  # fmt: skip

    def build(self, place, link=False):
        """Make or update the component in a network; its self-test's answer is in the report.

        `link` has the DATs read the kit's files as they change, for work on the component itself.
        """
        comp = self._component(place)
        self._check(comp)
        self.report["component"] = comp.path
        for row in self._spec["op"]:
            self._operator(comp, row, link)
        self._pages(comp)  # before the expressions that read them
        for row in self._spec["op"]:
            self._connect(comp, row)
            self._set(comp.op(row["name"]), row.get("set", {}), row.get("expr", {}))
        extensions = getattr(getattr(comp, "seq", None), "ext", None)
        if extensions is not None and extensions.numBlocks < 1:
            extensions.numBlocks = 1  # or there are no parameters for one
        self._set(comp, self._spec["set"], {})
        self._remove(comp)
        self._about(comp)
        comp.initializeExtensions()
        self._test(comp)
        return comp

    def save(self, comp, folder):
        """Write the component and the report into a folder."""
        path = Path(folder) / f"{self._spec['name']}.tox"
        self.report["saved"] = str(comp.save(str(path)) or path)
        report = Path(folder) / f"{self._spec['name']}_report.json"
        report.write_text(json.dumps(self.report, indent=1), "utf-8")

    # The component.

    def _component(self, place):
        """Ours by its tag, wherever it was renamed to; else a new one under the first free name."""
        tag, kind = self._spec["tag"], self._spec["type"]
        if tag in place.tags:  # the artist looks into the component
            return place
        ours = [child for child in place.children if tag in child.tags]
        if ours:
            return ours[0]
        name = self._spec["name"]
        names = [name, *(f"{name}{number}" for number in range(1, MANY))]
        free = next(name for name in names if place.op(name) is None)
        comp = place.create(getattr(self._td, kind), free)
        comp.tags.add(tag)
        self.report["made"].append(free)
        return comp

    def _check(self, comp):
        """Whether what the artist put into the component has a name that is needed."""
        for row in self._spec["op"]:
            there = comp.op(row["name"])
            if there is not None and self._spec["tag"] not in there.tags:
                raise BuildError(
                    f"In {comp.path} there is a {there.OPType} called {there.name} that is not "
                    "part of the component: rename it or take it out, and build again."
                )

    def _operator(self, comp, row, link):
        name, kind = row["name"], row["type"]
        there = comp.op(name)
        if there is not None and there.OPType != kind:
            there.destroy()  # ours, of an earlier version
            there = None
        if there is None:
            if not hasattr(self._td, kind):
                self.report["errors"].append(f"This build has no {kind}; {name} was left out.")
                return
            there = comp.create(getattr(self._td, kind), name)
            there.tags.add(self._spec["tag"])
            self.report["made"].append(name)
            if kind == "tableDAT":
                there.clear()  # it begins with an empty cell
        there.nodeX, there.nodeY = row["at"]
        if "file" in row:
            self._text(there, self._kit / row["file"], link)

    def _text(self, dat, path, link):
        if link:
            self._set(dat, {"file": str(path), "syncfile": True}, {})
        dat.text = path.read_text("utf-8")

    def _connect(self, comp, row):
        target = comp.op(row["name"])
        for place, name in enumerate(row.get("inputs", ())):
            if target is not None and comp.op(name) is not None:
                target.inputConnectors[place].connect(comp.op(name))

    def _remove(self, comp):
        """What an earlier version made and this one has not."""
        wanted = {row["name"] for row in self._spec["op"]}
        for child in list(comp.children):
            if self._spec["tag"] in child.tags and child.name not in wanted:
                self.report["removed"].append(child.name)
                child.destroy()

    # Parameters.

    def _set(self, target, values, expressions):
        """Set each parameter that is there; report each that is not."""
        if target is None:
            return
        for names, value in values.items():
            par = self._par(target, names)
            if par is None:
                continue
            if par.style == "Menu" and value not in par.menuNames:
                there = ", ".join(par.menuNames)
                self._miss(target, f"{par.name}: {value!r} is not one of {there}")
            else:
                par.val = value
        for names, text in expressions.items():
            par = self._par(target, names)
            if par is not None:
                par.expr = text
                par.mode = type(par.mode).EXPRESSION

    def _par(self, target, names):
        for name in names.split("|"):
            if target.par[name] is not None:
                return target.par[name]
        self._miss(target, names)
        return None

    def _miss(self, target, what):
        self.report["missing"].append(f"{target.OPType} {target.name}: {what}")

    def _pages(self, comp):
        """The component's own parameters; those of the bridge are made when it connects."""
        pages = comp.op("bridge_pages").module
        there = {page.name for page in comp.customPages}
        for page in self._spec["page"]:
            if page["name"] not in there:
                comp.appendCustomPage(page["name"])
        rows = []
        for page in self._spec["page"]:
            for given in page.get("par", ()):
                fields = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
                fields.setdefault("label", fields["name"])
                rows.append(pages.Row(page=page["name"], kind="own", **fields))
        self.report["errors"] += pages.apply(comp, rows, [row.name for row in rows], first=True)
        comp.sortCustomPages(*(page["name"] for page in self._spec["page"]))
        if not comp.par.Command.eval():
            comp.par.Command = self._command

    def _about(self, comp):
        comp.par.Version, comp.par.Toxsavebuild = self.report["version"], self.report["build"]

    # The end.

    def _test(self, comp):
        """An extension that does not start says so nowhere but in the Textport: so it is asked."""
        test = getattr(comp, "SelfTest", None)
        if test is None:
            self.report["errors"].append(
                f"The extension of {comp.path} did not start; the Textport says why."
            )
        else:
            self.report["errors"] += test()

    def told(self):
        """The report in a few lines."""
        report = self.report
        lines = [
            f"SpoutBridge {report['version']} is {report['component']}, saved as {report['saved']}"
        ]
        lines += [f"  this build of TouchDesigner has no {what}" for what in report["missing"]]
        lines += [f"  ERROR {what}" for what in report["errors"]]
        return "\n".join(lines)


def here(td):
    """The network that the artist looks at; else the root."""
    pane = getattr(getattr(td.ui, "panes", None), "current", None)
    return getattr(pane, "owner", None) or td.op("/")


def main(file, command="", place=None, link=False):
    """Build, test, save, report; the component."""
    import td

    builder = Builder(td, Path(td.project.folder, file).parent, command)
    comp = builder.build(place or here(td), link)
    builder.save(comp, td.project.folder)
    print(builder.told())  # noqa: T201
    return comp


# Pasted, the line brings `__file__` along; dragged in, the Text DAT knows its file.
if "me" in globals():
    main(globals()["me"].par.file.eval(), place=globals()["me"].parent())
elif __name__ == "__main__":
    main(__file__, globals().get("COMMAND", ""))
