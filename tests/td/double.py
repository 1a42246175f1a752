"""A strict double of TouchDesigner's Python, as far as the component uses it.

It knows only the operator types, parameters and menu tokens of `names.json`; any other name raises,
as do a custom parameter's name that TouchDesigner would not take and a wire too many. Expressions
are evaluated, DATs compiled, extensions started (and, as there, fail without a word). OSC DATs send
and receive real datagrams, in the encoding of python-osc, not of our own.
"""

import copy
import json
import re
import socket
import traceback
from contextlib import suppress
from enum import Enum
from pathlib import Path
from time import perf_counter
from types import ModuleType, SimpleNamespace

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

NAMES = json.loads((Path(__file__).parent / "names.json").read_text("utf-8"))
CUSTOM = re.compile(r"^[A-Z][a-z0-9]*$")
STYLES = ("Float", "Int", "Str", "StrMenu", "Menu", "Toggle", "Pulse", "Momentary", "File",
          "Folder", "OP", "COMP", "TOP", "CHOP", "DAT", "Header")  # fmt: skip
REFERENCES = ("OP", "COMP", "TOP", "CHOP", "DAT")
# What `create` docks to a new operator: its name's end, its type, the parameter that names it.
DOCKS = {
    "rampTOP": ("_keys", "tableDAT", "dat"),
    "oscinDAT": ("_callbacks", "textDAT", "callbacks"),
    "oscoutDAT": ("_callbacks", "textDAT", "callbacks"),
}


class TdError(Exception):
    """What TouchDesigner would not take."""


class ParMode(Enum):
    CONSTANT = 0
    EXPRESSION = 1
    EXPORT = 2
    BIND = 3


class Par:
    """One parameter. Only what TouchDesigner's has can be set."""

    __slots__ = ("_expr", "_val", "clampMax", "clampMin", "default", "enable", "help", "label",
                 "max", "menuLabels", "menuNames", "min", "mode", "name", "normMax", "normMin",
                 "owner", "page", "password", "readOnly", "startSection", "style")  # fmt: skip

    def __init__(self, owner, name, style, menu=()):
        self.owner, self.name, self.style, self.page = owner, name, style, None
        self.menuNames = self.menuLabels = list(menu)
        self.min = self.max = self.normMin = self.normMax = None
        self.clampMin = self.clampMax = self.readOnly = self.startSection = False
        self.enable, self.label, self.help, self.password = True, name, "", False
        self.mode, self._expr = ParMode.CONSTANT, ""
        empty = {"Float": 0.0, "Int": 0, "Toggle": False, "Menu": menu[0] if menu else ""}
        self._val = self.default = empty.get(style, "")

    @property
    def val(self):
        return self._val

    @val.setter
    def val(self, value):
        self._val, self.mode = self._checked(value), ParMode.CONSTANT

    @property
    def expr(self):
        return self._expr

    @expr.setter
    def expr(self, text):
        compile(text, self.name, "eval")
        self._expr = text

    def __bool__(self):
        raise TdError(f"{self.name}: is it the parameter that is meant, or its value?")

    def eval(self):
        value = self._val
        if self.mode is ParMode.EXPRESSION:
            value = self._checked(eval(self._expr, self.owner.names()))  # noqa: S307
        if self.style in REFERENCES:
            return self.owner.find(value) if value else None
        return value

    def destroy(self):
        self.page.pars[:] = [par for par in self.page.pars if par is not self]

    def _checked(self, value):
        if isinstance(value, Par):
            value = value.eval()
        if self.style in REFERENCES:
            return value.path if isinstance(value, Op) else str(value)
        if self.style == "Menu":
            if value not in self.menuNames:
                raise TdError(f"{self.owner.path} {self.name}: no {value!r} in {self.menuNames}")
            return value
        if self.style in ("Float", "Int", "Toggle"):
            if isinstance(value, str):
                raise TdError(f"{self.name} takes a number, not {value!r}")
            low = self.min if self.clampMin else value
            high = self.max if self.clampMax else value
            make = {"Float": float, "Int": int, "Toggle": bool}[self.style]
            return make(max(low, min(high, value)))
        return str(value)


class Pars:
    """`op.par`: a name that is not there raises, `par['name']` gives None."""

    def __init__(self, owner):
        object.__setattr__(self, "_owner", owner)

    def _find(self, name):
        owner = self._owner
        found = owner.built_in.get(name)
        if found is not None:
            return found
        return next((par for par in owner.customPars if par.name == name), None)

    def __getitem__(self, name):
        return self._find(name)

    def __getattr__(self, name):
        found = self._find(name)
        if found is None:
            raise TdError(f"{self._owner.path} has no parameter {name}")
        return found

    def __setattr__(self, name, value):
        getattr(self, name).val = value


class Page:
    """A custom page."""

    def __init__(self, owner, name):
        self.owner, self.name, self.pars = owner, name, []

    def sort(self, *names):
        if sorted(names) != sorted(par.name for par in self.pars):
            raise TdError(f"{names} are not the parameters of {self.name}")
        self.pars.sort(key=lambda par: names.index(par.name))

    def __getattr__(self, attribute):
        style = attribute.removeprefix("append")
        if style == attribute or style not in STYLES:
            raise AttributeError(attribute)

        def append(name, label=None):
            if not CUSTOM.match(name):
                raise TdError(f"{name!r} is no name of a custom parameter")
            if self.owner.par[name] is not None:
                raise TdError(f"There is a parameter {name} already")
            par = Par(self.owner, name, style)
            par.page, par.label = self, label or name
            self.pars.append(par)
            return (par,)

        return append


class Connector:
    def __init__(self, owner):
        self.owner, self.source = owner, None

    def connect(self, source):
        if source.family != self.owner.family:
            raise TdError(f"{source.path} cannot be wired into {self.owner.path}")
        self.source = source


class Errors(list):
    """Read as a list by tests, and called as TouchDesigner's are."""

    def __call__(self, recurse=False):
        return "\n".join(self)


class Op:
    """An operator; one class for all families but COMP and DAT."""

    def __init__(self, td, parent, kind, name):
        self._td, self._parent = td, parent
        self.OPType, self.name, self.family = kind, name, re.sub(r"^[a-z0-9]+", "", kind)
        self.tags, self.nodeX, self.nodeY, self.valid = set(), 0, 0, True
        self.nodeWidth, self.nodeHeight, self.viewer, self.storage = 130, 90, False, {}
        self.dock, self.errors, self.children = None, Errors(), []
        self.width, self.height, self.cooked = 1280, 720, 0
        pars = {**NAMES["common"][self.family], **NAMES["operators"].get(kind, {})}
        pars = {td.renamed.get(name, name): style for name, style in pars.items()}
        self.built_in = {
            n: Par(self, n, "Menu", s) if isinstance(s, list) else Par(self, n, s)
            for n, s in pars.items()
        }
        for n, value in NAMES["defaults"].get(kind, {}).items():
            self.built_in[n].default = self.built_in[n]._val = value
        self.par = Pars(self)
        self.inputConnectors = [
            Connector(self) for _ in range(NAMES["inputs"].get(kind, [0, 0])[1])
        ]
        self.customPages = []

    @property
    def path(self):
        if self._parent is None:
            return "/"
        return f"{self._parent.path.rstrip('/')}/{self.name}"

    @property
    def customPars(self):
        return [par for page in self.customPages for par in page.pars]

    @property
    def docked(self):
        return [op for op in self._parent.children if op.dock is self]

    def parent(self):
        return self._parent

    def pars(self, *patterns):
        assert patterns == ("*",)
        return [*self.built_in.values(), *self.customPars]

    def store(self, key, value):
        self.storage[key] = value

    def fetch(self, key, default=None, search=True):
        return self.storage.get(key, default)

    def unstore(self, pattern):
        self.storage.pop(pattern, None)

    def become(self, other):
        """All that `copy` takes along, tags and storage too."""
        self.tags, self.storage = set(other.tags), copy.deepcopy(other.storage)
        self.nodeX, self.nodeY = other.nodeX, other.nodeY
        for page in other.customPages:
            mine = self.appendCustomPage(page.name)
            for par in page.pars:
                getattr(mine, "append" + par.style)(par.name, label=par.label)
        for par in [*other.built_in.values(), *other.customPars]:
            mine = self.par[par.name]
            for slot in set(Par.__slots__) - {"owner", "page"}:
                setattr(mine, slot, getattr(par, slot))

    def cook(self, force=False):
        self.cooked += 1

    def destroy(self):
        if not self.valid:
            raise TdError(f"{self.name} has been destroyed already")
        self._parent.children.remove(self)
        self.valid = False

    def find(self, path):
        """What a path in one of its parameters means: relative to the network that it is in."""
        if path.startswith("/"):
            return self._td.op(path)
        if path.startswith(".."):
            return self._parent
        return self.op(path) if path.startswith("./") else self._parent.op(path)

    def names(self):
        """What an expression or a script of this operator may name."""
        td = self._td
        return {"parent": self.parent, "op": self.find, "me": self, "absTime": td.absTime,
                "project": td.project}  # fmt: skip


class Comp(Op):
    """A component with its network, custom pages and extension."""

    def __init__(self, td, parent, kind, name):
        super().__init__(td, parent, kind, name)
        self.ext, self.allowCooking = SimpleNamespace(), True
        # Newer builds have a sequence of extensions, which may begin with none.
        self.seq = SimpleNamespace(ext=SimpleNamespace(numBlocks=0))

    def __getattr__(self, name):
        for extension in vars(self.__dict__.get("ext", SimpleNamespace())).values():
            if name[:1].isupper() and hasattr(extension, name):
                return getattr(extension, name)
        raise AttributeError(name)

    def op(self, path):
        first, _, rest = path.removeprefix("./").partition("/")
        found = next((child for child in self.children if child.name == first), None)
        return found.op(rest) if found and rest else found

    def create(self, kind, name=None):
        kind = kind if isinstance(kind, str) else kind.name
        if not hasattr(self._td, kind):
            raise TdError(f"There is no {kind}")
        if self.op(name) is not None:
            raise TdError(f"{self.path} has a {name} already")
        made = {"COMP": Comp, "DAT": Dat}.get(kind[-4:].lstrip("abcdefghijklmnopqrstuvwxyz"), Op)(
            self._td, self, kind, name
        )
        self.children.append(made)
        if kind in DOCKS:
            end, docked, par = DOCKS[kind]
            self.create(docked, name + end).dock = made
            made.built_in[par].val = name + end
        return made

    def copy(self, other, name=None):
        name = name or other.name
        number = 0
        while self.op(free := f"{name}{number or ''}") is not None:
            number += 1
        kind = {"COMP": Comp, "DAT": Dat}.get(other.family, Op)
        made = kind(self._td, self, other.OPType, free)
        self.children.append(made)
        made.become(other)
        return made

    def become(self, other):
        super().become(other)
        for child in other.children:
            self.copy(child)
        for child in other.children:
            mine = self.op(child.name)
            mine.dock = child.dock and self.op(child.dock.name)
            for wire, theirs in zip(mine.inputConnectors, child.inputConnectors, strict=True):
                wire.source = theirs.source and self.op(theirs.source.name)
        if vars(other.ext):
            self.initializeExtensions()

    def destroy(self):
        for child in list(self.children):
            child.destroy()
        for extension in vars(self.ext).values():
            if hasattr(extension, "onDestroyTD"):
                extension.onDestroyTD()
        super().destroy()

    def findChildren(self, type=None, tags=(), maxDepth=None):
        found = [op for op in everything(self) if not tags or op.tags & set(tags)]
        return [op for op in found if type is None or op.OPType == type.name]

    def appendCustomPage(self, name):
        self.customPages.append(Page(self, name))
        return self.customPages[-1]

    def sortCustomPages(self, *names):
        self.customPages.sort(key=lambda page: names.index(page.name))

    def initializeExtensions(self):
        """As there: what goes wrong stands in the Textport, and nowhere else."""
        for extension in vars(self.ext).values():
            if hasattr(extension, "onDestroyTD"):
                extension.onDestroyTD()
        self.ext = SimpleNamespace()
        renamed = self._td.renamed
        text = self.par[renamed.get("ext0object", "ext0object")].eval()
        name = self.par[renamed.get("ext0name", "ext0name")].eval()
        try:
            setattr(self.ext, name, eval(text, {"op": self.op, "me": self}))  # noqa: S307
        except Exception:  # noqa: BLE001
            self._td.textport.append(traceback.format_exc())

    def addScriptError(self, message):
        self.errors.append(message)

    def clearScriptErrors(self):
        self.errors.clear()

    def save(self, path):
        """All that the file would have, as text."""
        inside = [op for op in everything(self) if isinstance(op, Dat)]
        texts = [op.text for op in inside]
        texts += [cell.val for op in inside for row in op._rows for cell in row]
        Path(path).write_text("\n".join([dump(self), *texts, repr(self.storage)]), "utf-8")
        return path


class Cell:
    def __init__(self, text):
        self.val = str(text)


class Dat(Op):
    """Text, table, and the OSC DATs."""

    def __init__(self, td, parent, kind, name):
        super().__init__(td, parent, kind, name)
        self._rows, self._module, self._socket = [[Cell("")]], None, None
        self.text, self.viewed = "", False

    # Text.

    @property
    def module(self):
        if self._module is None or self._module[0] != self.text:
            made = ModuleType(self.name)  # as there, it is not among sys.modules
            made.__dict__.update(self.names())
            exec(compile(self.text, self.path, "exec"), made.__dict__)
            self._module = self.text, made
        return self._module[1]

    def become(self, other):
        super().become(other)
        self.text, self._rows = other.text, [[Cell(c.val) for c in r] for r in other._rows]

    def destroy(self):
        super().destroy()
        self.close()

    def openViewer(self):
        self.viewed = True

    # Table.

    @property
    def numRows(self):
        return len(self._rows)

    def clear(self):
        self._rows, self.text = [], ""

    def row(self, name):
        return next((row for row in self._rows if row and row[0].val == name), None)

    def appendRow(self, cells):
        self._rows.append([Cell(text) for text in cells])

    def deleteRow(self, name):
        self._rows.remove(self.row(name))

    def __getitem__(self, place):
        row = self._rows[place[0]] if isinstance(place[0], int) else self.row(place[0])
        return row[place[1]] if row else None

    def __setitem__(self, place, text):
        self[place].val = str(text)

    # OSC.

    def sendOSC(self, address, values, asBundle=False, useNonStandardTypes=True):
        assert not asBundle
        if not self.par.active.eval():
            return
        builder = OscMessageBuilder(address)
        for value in values:
            builder.add_arg(value)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            to = self.par.address.eval(), self.par.port.eval()
            sender.sendto(builder.build().dgram, to)

    def receive(self):
        """What came since the last frame, to the callbacks."""
        if not self.par.active.eval():
            return
        wanted = self.par.port.eval()
        if self._socket is None or self._socket.getsockname()[1] != wanted:
            self.close()
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self._socket.bind((self.par.localaddress.eval(), wanted))
            except OSError:  # an error on the node, and nothing else
                self.close()
                return
            self._socket.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                data, peer = self._socket.recvfrom(65507)
                message = OscMessage(data)
                peer = SimpleNamespace(address=peer[0], port=peer[1])
                self.find(self.par.callbacks.val).module.onReceiveOSC(
                    self, 0, "", data, 0.0, message.address, message.params, peer
                )

    def close(self):
        if self._socket:
            self._socket.close()
        self._socket = None


class Kind:
    def __init__(self, name):
        self.name = name


class PaneType(Enum):
    NETWORKEDITOR = 0
    PANEL = 1
    TEXTPORT = 2


class Panes(list):
    """`ui.panes`: one network editor that shows /project1, unless a test has others."""

    def __init__(self, place):
        super().__init__([SimpleNamespace(type=PaneType.NETWORKEDITOR, owner=place, x=0.0, y=0.0)])
        self.current = self[0]


class Td(ModuleType):
    """The module `td`, with one network /project1."""

    def __init__(self, folder, names=""):
        """`names` is a key of names.json: parameters that other builds call otherwise."""
        super().__init__("td")
        self.renamed = NAMES[names] if names else {}
        self.textport, self.frames = [], 0
        self.app = SimpleNamespace(version="099", build="2025.30000")
        self.project = SimpleNamespace(folder=str(folder))
        self.absTime = SimpleNamespace(seconds=0.0)
        for name in (*NAMES["operators"], "baseCOMP"):
            setattr(self, name, Kind(name))
        self.root = Comp(self, None, "baseCOMP", "")
        self.place = self.root.create("baseCOMP", "project1")
        self.ui = SimpleNamespace(panes=Panes(self.place))

    def op(self, path):
        return self.root if path == "/" else self.root.op(path.lstrip("/"))

    def frame(self):
        """One frame: OSC comes in, Execute DATs are called, outputs cook."""
        self.frames += 1
        self.absTime.seconds = perf_counter()
        for dat in [op for op in everything(self.root) if op.OPType == "oscinDAT"]:
            dat.receive()
        for dat in [op for op in everything(self.root) if op.OPType == "executeDAT"]:
            if dat.par.active.eval() and dat.par.framestart.eval():
                dat.module.onFrameStart(self.frames)

    def press(self, comp, name):
        """A pulse parameter, as a finger would; heard by Parameter Execute DATs that look there."""
        par = getattr(comp.par, name)
        assert par.style == "Pulse"
        for dat in [op for op in everything(comp) if op.OPType == "parameterexecuteDAT"]:
            watched = dat.par.active.eval() and dat.par.onpulse.eval() and dat.par.custom.eval()
            there = dat.par[self.renamed.get("op", "op")]
            if watched and there.eval() is comp:
                dat.module.onPulse(par)

    def close(self):
        for op in everything(self.root):
            if isinstance(op, Comp):
                for extension in vars(op.ext).values():
                    extension.exit()
            if isinstance(op, Dat):
                op.close()


def everything(comp):
    """All operators in a network, at any depth."""
    for child in comp.children:
        yield child
        if isinstance(child, Comp):
            yield from everything(child)


def dump(comp):
    """The component as text: operators, wires, what is set, pages."""
    lines = [f"{comp.OPType} {comp.name}  {' '.join(sorted(comp.tags))}"]
    lines += [f"  {par.name} = {par.val!r}" for par in _set(comp.built_in.values())]
    for child in comp.children:
        lines.append(f"{child.OPType} {child.name}  at {child.nodeX} {child.nodeY}")
        wires = [c.source.name for c in child.inputConnectors if c.source]
        lines += [f"  < {name}" for name in wires]
        for par in _set(child.built_in.values()):
            expression = par.mode is ParMode.EXPRESSION
            lines.append(f"  {par.name} {'is ' + par.expr if expression else f'= {par.val!r}'}")
        if child.family == "DAT" and child.text:
            lines.append(f"  text {child.text.splitlines()[0][:60]}")
    for page in comp.customPages:
        lines.append(f"page {page.name}")
        for par in page.pars:
            line = f"  {par.style} {par.name} = {par.val!r}"
            if par.menuNames:
                line += f"  of {', '.join(par.menuNames)}"
            if par.max is not None:
                line += f"  {par.min} to {par.max}"
            lines.append(line + ("  read only" if par.readOnly else ""))
    return "\n".join(lines) + "\n"


def _set(pars):
    return [par for par in pars if par.val != par.default or par.mode is not ParMode.CONSTANT]
