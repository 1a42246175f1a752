"""A strict double of TouchDesigner's Python, as far as the component uses it.

It knows only the operator types, parameters and menu tokens of `assumed.json`; any other name
raises, as do a custom parameter's name that TouchDesigner would not take and a wire too many.
Expressions are evaluated, DATs compiled, extensions started (and, as there, fail without a word).
OSC DATs send and receive real datagrams, in the encoding of python-osc, not of our own.

Where public evidence leaves a rule open, this takes the harder one:

* a parameter object that was handed out is dead once any parameter of its owner was destroyed;
* new names for a menu put it on the first of them, and a menu without any is refused;
* `row` and `deleteRow` take patterns, `[]` does not;
* an expression is evaluated when it is written, and one that reads an extension again only when a
  `tdu.Dependency` that it read has changed; no extension can be read while it starts;
* a DAT's module is made anew with every new text; storage and tags travel with a copy;
* `onDestroyTD` (`__delTD__` in older builds) runs inside `destroy`, where a promoted name hangs;
* OSC carries ASCII only;
* whatever a script sets in a parameter, text or storage is a change to save (`dirty`); whether a
  table's cell is one too nobody has said, so it is counted for itself (`cells`).
"""

import itertools
import json
import math
import pickle
import re
import socket
import traceback
from contextlib import suppress
from enum import Enum
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from time import perf_counter
from types import ModuleType, SimpleNamespace
from typing import ClassVar

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

KIT = Path(__file__).parent.parent.parent / "td_components"
NAMES = json.loads((KIT / "assumed.json").read_text("utf-8"))
CUSTOM = re.compile(r"^[A-Z][a-z0-9]*$")
STYLES = ("Float", "Int", "Str", "StrMenu", "Menu", "Toggle", "Pulse", "Momentary", "File",
          "Folder", "OP", "COMP", "TOP", "CHOP", "DAT", "Header")  # fmt: skip
REFERENCES = ("OP", "COMP", "TOP", "CHOP", "DAT")
MENUS = ("Menu", "StrMenu")
# What `create` docks to a new operator: its name's end, its type, the parameter that names it.
DOCKS = {
    "rampTOP": ("_keys", "tableDAT", "dat"),
    "oscinDAT": ("_callbacks", "textDAT", "callbacks"),
    "oscoutDAT": ("_callbacks", "textDAT", "callbacks"),
}


@cache  # every test builds the component anew, of the same texts
def compiled(text, path):
    """The code of a DAT."""
    return compile(text, path, "exec")


class TdError(Exception):
    """What TouchDesigner would not take."""


class ParMode(Enum):
    CONSTANT = 0
    EXPRESSION = 1
    EXPORT = 2
    BIND = 3


class FileInfo(str):
    """A path, as text."""

    __slots__ = ()


class Dependency:
    """`tdu.Dependency`: an expression that read it is evaluated again when it has changed."""

    reading: ClassVar[list] = []  # of each expression that is being evaluated, what it read

    def __init__(self, value=None):
        self._value, self.changes = value, 0

    @property
    def val(self):
        for read in Dependency.reading:
            read.append((self, self.changes))
        return self._value

    @val.setter
    def val(self, value):
        self._value = value
        self.changes += 1


class Value:
    """What there is of one parameter; scripts see it through `Par`."""

    def __init__(self, owner, name, style, menu=()):
        self.owner, self.name, self.style, self.page = owner, name, style, None
        self.menu, self.labels = list(menu), list(menu)
        self.min = self.max = self.normMin = self.normMax = None
        self.clampMin = self.clampMax = self.readOnly = self.startSection = False
        self.password = False
        self.enable, self.label, self.help = True, name, ""
        self.mode, self.expr, self.seen = ParMode.CONSTANT, "", None
        empty = {"Float": 0.0, "Int": 0, "Toggle": False, "Menu": menu[0] if menu else ""}
        self.val = self.default = empty.get(style, "")

    def evaluated(self):
        """The value of its expression."""
        if ".ext." not in self.expr:
            return self.checked(eval(self.expr, self.owner.names()))  # noqa: S307
        if self.seen is None or any(what.changes != then for what, then in self.seen[1]):
            Dependency.reading.append(read := [])
            try:
                value = self.checked(eval(self.expr, self.owner.names()))  # noqa: S307
            finally:
                Dependency.reading.remove(read)
            self.seen = value, read
        return self.seen[0]

    def checked(self, value):
        """A value as this parameter takes it."""
        if isinstance(value, Par):
            value = value.eval()
        if self.style in REFERENCES:
            return value.path if isinstance(value, Op) else str(value)
        if self.style == "Menu":
            if value not in self.menu:
                raise TdError(f"{self.owner.path} {self.name}: no {value!r} in {self.menu}")
            return value
        if self.style in ("Float", "Int", "Toggle"):
            if isinstance(value, str):
                raise TdError(f"{self.name} takes a number, not {value!r}")
            low = self.min if self.clampMin else value
            high = self.max if self.clampMax else value
            make = {"Float": float, "Int": int, "Toggle": bool}[self.style]
            return make(max(low, min(high, value)))
        return str(value)


class Par:
    """One parameter, as a script is handed it: only what TouchDesigner's has can be read and set,
    and nothing any more once a parameter of its owner was destroyed.
    """

    __slots__ = ("_age", "_value")

    def __init__(self, value):
        self._value, self._age = value, value.owner.par_age

    def _alive(self):
        if self._age != self._value.owner.par_age:
            raise TdError(f"{self._value.name}: this parameter object is no longer valid")
        return self._value

    @property
    def val(self):
        return self._alive().val

    @val.setter
    def val(self, value):
        of = self._alive()
        of.val, of.mode = of.checked(value), ParMode.CONSTANT
        of.owner.touch()

    @property
    def expr(self):
        return self._alive().expr

    @expr.setter
    def expr(self, text):
        of = self._alive()
        before = of.expr, of.mode, of.seen
        of.expr, of.mode, of.seen = text, ParMode.EXPRESSION, None
        try:
            of.evaluated()
        except Exception as error:
            of.expr, of.mode, of.seen = before
            raise TdError(f"{of.name}: {text}: {error}") from error
        of.owner.touch()

    @property
    def menuNames(self):
        of = self._alive()
        return list(of.menu) if of.style in MENUS else None

    @menuNames.setter
    def menuNames(self, names):
        of = self._alive()
        if of.style not in MENUS or not names:
            raise TdError(f"{of.name} takes no such menu: {names!r}")
        of.menu, of.labels = list(names), list(names)
        of.val = of.menu[0]
        of.owner.touch()

    @property
    def menuLabels(self):
        of = self._alive()
        return list(of.labels) if of.style in MENUS else None

    @menuLabels.setter
    def menuLabels(self, labels):
        of = self._alive()
        if len(labels) != len(of.menu):
            raise TdError(f"{of.name} has {len(of.menu)} entries, and not {labels!r}")
        of.labels = list(labels)
        of.owner.touch()

    @property
    def page(self):
        return self._alive().page

    def __bool__(self):
        raise TdError(f"{self._value.name}: is it the parameter that is meant, or its value?")

    def __eq__(self, other):
        raise TdError(f"{self._value.name}: this compares values, and not parameters")

    __hash__ = None

    def isSamePar(self, other):
        return self._alive() is other._alive()

    def eval(self):
        of = self._alive()
        value = of.evaluated() if of.mode is ParMode.EXPRESSION else of.val
        if of.style in REFERENCES:
            return of.owner.find(value) if value else None
        return value

    def evalFile(self):
        folder = self._alive().owner.td.project.folder
        return FileInfo(Path(folder, self.eval()).as_posix())

    def destroy(self):
        of = self._alive()
        of.page.values[:] = [value for value in of.page.values if value is not of]
        of.owner.par_age += 1
        of.owner.touch()


def _field(name, settable):
    """One of a parameter's plain members."""

    def get(par):
        return getattr(par._alive(), name)

    def put(par, value):
        of = par._alive()
        setattr(of, name, value)
        of.owner.touch()

    return property(get, put if settable else None)


for _name in ("clampMax", "clampMin", "default", "enable", "help", "label", "max", "min", "mode",
              "normMax", "normMin", "password", "readOnly", "startSection"):  # fmt: skip
    setattr(Par, _name, _field(_name, settable=True))
for _name in ("name", "owner", "style"):
    setattr(Par, _name, _field(_name, settable=False))


class Pars:
    """`op.par`: a name that is not there raises, `par['name']` gives None."""

    def __init__(self, owner):
        object.__setattr__(self, "_owner", owner)

    def _find(self, name):
        owner = self._owner
        found = owner.built_in.get(name)
        if found is None:
            found = next(
                (v for page in owner.customPages for v in page.values if v.name == name), None
            )
        return None if found is None else Par(found)

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
        self.owner, self.name, self.values = owner, name, []

    @property
    def pars(self):
        return [Par(value) for value in self.values]

    def sort(self, *names):
        if sorted(names) != sorted(value.name for value in self.values):
            raise TdError(f"{names} are not the parameters of {self.name}")
        self.values.sort(key=lambda value: names.index(value.name))
        self.owner.touch()

    def __getattr__(self, attribute):
        style = attribute.removeprefix("append")
        if style == attribute or style not in STYLES:
            raise AttributeError(attribute)

        def append(name, label=None):
            if not CUSTOM.match(name):
                raise TdError(f"{name!r} is no name of a custom parameter")
            if self.owner.par[name] is not None:
                raise TdError(f"There is a parameter {name} already")
            made = Value(self.owner, name, style)
            made.page, made.label = self, label or name
            self.values.append(made)
            self.owner.touch()
            return (Par(made),)

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

    numbers = itertools.count(1)

    def __init__(self, td, parent, kind, name):
        self.td, self._parent = td, parent
        self.OPType, self.family = kind, re.sub(r"^[a-z0-9]+", "", kind)
        self._name, self.id, self.valid = name, next(Op.numbers), True
        self.tags, self.nodeX, self.nodeY = set(), 0, 0
        self.width, self.height, self.cooked, self.totalCooks = 1280, 720, 0, 0
        self.pixelFormatName = "rgba8fixed"
        self.nodeWidth, self.nodeHeight, self.viewer = 130, 90, False
        self.dock, self.errors, self.children = None, Errors(), []
        self.par_age, self.storage = 0, {}
        pars = {**NAMES["common"][self.family], **NAMES["operators"].get(kind, {})}
        pars = {td.renamed.get(name, name): style for name, style in pars.items()}
        self.built_in = {
            n: Value(self, n, "Menu", s) if isinstance(s, list) else Value(self, n, s)
            for n, s in pars.items()
        }
        for n, value in NAMES["defaults"].get(kind, {}).items():
            self.built_in[n].default = self.built_in[n].val = value
        self.inputConnectors = [
            Connector(self) for _ in range(NAMES["inputs"].get(kind, [0, 0])[1])
        ]
        self.customPages = []

    def touch(self):
        """Something that is saved with the project has changed."""
        self.td.dirty += 1

    def there(self):
        """Itself, where it was not destroyed."""
        if not self.valid:
            raise TdError(f"{self._name} was destroyed")
        return self

    @property
    def par(self):
        return Pars(self.there())

    @property
    def name(self):
        return self.there()._name

    @name.setter
    def name(self, name):
        self.there()._name = name
        self.touch()

    @property
    def path(self):
        if self.there()._parent is None:
            return "/"
        return f"{self._parent.path.rstrip('/')}/{self.name}"

    @property
    def customPars(self):
        return [par for page in self.there().customPages for par in page.pars]

    @property
    def inputs(self):
        return [c.source for c in self.inputConnectors if c.source]

    @property
    def time(self):
        return self.td.time

    def warnings(self, recurse=False):
        return ""

    def sample(self, u, v):
        """(r, g, b, a) at a place of the picture; v begins below."""
        if self.OPType == "rampTOP" and self.par.type.eval() == "circular":
            rows = [[float(cell.val) for cell in row] for row in self.par.dat.eval()._rows[1:]]
            at = (math.atan2(v - 0.5, u - 0.5) / math.tau - self.par.phase.eval()) % 1.0
            return tuple(next(row for row in reversed(rows) if row[0] <= at)[1:])
        if self.OPType == "selectTOP":
            return self.par.top.eval().sample(u=u, v=v)
        if self.OPType == "syphonspoutinTOP":
            return self.td.shown(u, v)
        if self.OPType == "flipTOP" and self.par.flipy.eval():
            v = 1 - v
        return self.inputs[0].sample(u=u, v=v) if self.inputs else (0.0, 0.0, 0.0, 1.0)

    @property
    def docked(self):
        return [op for op in self.there()._parent.children if op.dock is self]

    def parent(self, levels=1):
        return self.there() if levels == 0 else self.there()._parent.parent(levels - 1)

    def pars(self, *patterns):
        assert patterns == ("*",)
        return [*(Par(value) for value in self.there().built_in.values()), *self.customPars]

    def cook(self, force=False):
        self.cooked += 1

    def destroy(self):
        self.there()._parent.children.remove(self)
        for connector in [c for child in self._parent.children for c in child.inputConnectors]:
            connector.source = None if connector.source is self else connector.source
        self.close()
        self.valid = False
        self.touch()

    def close(self):
        """Let go of what the system has lent it."""

    def store(self, key, value):
        self.there().storage[key] = value
        self.touch()

    def fetch(self, key, *default, search=True):
        where = self.there()
        while where is not None:
            if key in where.storage:
                return where.storage[key]
            where = where._parent if search else None
        if default:
            return default[0]
        raise TdError(f"nothing is stored under {key}")

    def unstore(self, pattern):
        found = [key for key in self.there().storage if fnmatchcase(key, pattern)]
        for key in found:
            del self.storage[key]
        self.touch()

    def like(self, other):
        """Have all that a copy has of the other: tags and storage too."""
        self.tags, self.nodeX, self.nodeY = set(other.tags), other.nodeX, other.nodeY
        self.storage = pickle.loads(pickle.dumps(other.storage))  # noqa: S301
        values = [*other.built_in.values()]
        for page in other.customPages:
            self.customPages.append(Page(self, page.name))
            for value in page.values:
                made = Value(self, value.name, value.style)
                made.page = self.customPages[-1]
                made.page.values.append(made)
            values += page.values
        for value in values:
            made = self.par[value.name]._value
            kept = {"owner": self, "page": made.page, "seen": None}
            vars(made).update({**vars(value), "menu": list(value.menu), **kept})

    def find(self, path):
        """What a path in one of its parameters means: relative to the network that it is in."""
        if isinstance(path, int):
            return self.td.op(path)
        if path.startswith("/"):
            return self.td.op(path)
        if path.startswith(".."):
            return self._parent
        return self.op(path) if path.startswith("./") else self._parent.op(path)

    def names(self):
        """What an expression or a script of this operator may name."""
        td = self.td
        given = ("absTime", "project", "app", "ui", "run", "sysinfo", "licenses", "tdu", "baseCOMP")
        names = {name: getattr(td, name) for name in (*given, *NAMES["operators"])
                 if hasattr(td, name)}  # fmt: skip
        return {"parent": self.parent, "op": self.find, "me": self, **names}


class Comp(Op):
    """A component with its network, custom pages and extension."""

    def __init__(self, td, parent, kind, name):
        super().__init__(td, parent, kind, name)
        self.allowCooking = True
        self._ext, self.extensionsReady, self._dying = SimpleNamespace(), True, False
        # Newer builds have a sequence of extensions, which may begin with none.
        self.seq = SimpleNamespace(ext=SimpleNamespace(numBlocks=0))

    @property
    def ext(self):
        if not self.extensionsReady:
            raise TdError("Cannot use an extension during its initialization.")
        return self._ext

    def __getattr__(self, name):
        found = self.__dict__.get("_ext", SimpleNamespace())
        if name[:1].isupper() and self.__dict__.get("_dying"):
            raise TdError(f"{name}: a promoted name in onDestroyTD hangs TouchDesigner")
        for extension in vars(found).values():
            if name[:1].isupper() and hasattr(extension, name):
                return getattr(extension, name)
        raise AttributeError(name)

    def op(self, path):
        first, _, rest = path.removeprefix("./").partition("/")
        found = next((child for child in self.there().children if child.name == first), None)
        return found.op(rest) if found and rest else found

    def create(self, kind, name=None):
        kind = kind if isinstance(kind, str) else kind.name
        if not hasattr(self.td, kind):
            raise TdError(f"There is no {kind}")
        if self.op(name) is not None:
            raise TdError(f"{self.path} has a {name} already")
        made = self._new(kind, name)
        if kind in DOCKS:
            end, docked, par = DOCKS[kind]
            beside = self.create(docked, name + end)
            beside.dock = made
            if kind == "rampTOP":
                beside._rows = [
                    [Cell(beside, c) for c in row]
                    for row in (("pos", "r", "g", "b", "a"), (0, 0, 0, 0, 1), (1, 1, 1, 1, 1))
                ]
            made.built_in[par].val = name + end
        return made

    def _new(self, kind, name):
        family = re.sub(r"^[a-z0-9]+", "", kind)
        made = {"COMP": Comp, "DAT": Dat}.get(family, Op)(self.td, self, kind, name)
        self.children.append(made)
        self.touch()
        return made

    def copy(self, other, name=None):
        name, number = name or other.name, 0
        while self.op(free := f"{name}{number or ''}") is not None:
            number += 1
        made = self._new(other.OPType, free)
        made.like(other)
        return made

    def like(self, other):
        super().like(other)
        for child in other.children:
            self.copy(child)
        for child in other.children:
            mine = self.op(child.name)
            mine.dock = child.dock and self.op(child.dock.name)
            for wire, theirs in zip(mine.inputConnectors, child.inputConnectors, strict=True):
                wire.source = theirs.source and self.op(theirs.source.name)
        if vars(other._ext):
            self.initializeExtensions()

    def findChildren(self, type=None, tags=(), maxDepth=None):
        found = [op for op in everything(self) if not tags or op.tags & set(tags)]
        return [op for op in found if type is None or op.OPType == type.name]

    def appendCustomPage(self, name):
        self.customPages.append(Page(self, name))
        self.touch()
        return self.customPages[-1]

    def sortCustomPages(self, *names):
        self.customPages.sort(key=lambda page: names.index(page.name))

    def initializeExtensions(self):
        """As there: what goes wrong stands in the Textport, and nowhere else."""
        self._end_extensions()
        renamed = self.td.renamed
        text = self.par[renamed.get("ext0object", "ext0object")].eval()
        name = self.par[renamed.get("ext0name", "ext0name")].eval()
        if not text:
            return
        self.extensionsReady = False
        try:
            setattr(self._ext, name, eval(text, {"op": self.op, "me": self}))  # noqa: S307
        except Exception:  # noqa: BLE001
            self.td.textport.append(traceback.format_exc())
        finally:
            self.extensionsReady = True
        for value in [v for page in self.customPages for v in page.values]:
            value.seen = None  # that they are ready is something that expressions may have read

    def _end_extensions(self):
        ending = "__delTD__" if self.td.older else "onDestroyTD"
        ended, self._dying = self._ext, True
        for extension in vars(ended).values():
            try:
                getattr(extension, ending, lambda: None)()
            except Exception:  # noqa: BLE001
                self.td.textport.append(traceback.format_exc())
        self._ext, self._dying = SimpleNamespace(), False

    def destroy(self):
        self._end_extensions()
        for child in list(self.there().children):
            child.destroy()
        super().destroy()

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
    def __init__(self, owner, text):
        self._owner, self._text = owner, str(text)

    @property
    def val(self):
        return self._text

    @val.setter
    def val(self, text):
        self._text = str(text)
        self._owner.td.cells += 1


class Dat(Op):
    """Text, table, and the OSC DATs."""

    def __init__(self, td, parent, kind, name):
        super().__init__(td, parent, kind, name)
        self._rows, self._module, self._socket = [[Cell(self, "")]], None, None
        self._text, self.viewed = "", False

    def like(self, other):
        super().like(other)
        self._text = other._text
        self._rows = [[Cell(self, cell.val) for cell in row] for row in other._rows]

    # Text.

    @property
    def text(self):
        return self.there()._text

    @text.setter
    def text(self, text):
        self.there()._text, self._module = text, None
        self.touch()

    @property
    def module(self):
        if self.there()._module is None:
            made = ModuleType(self.name)  # as there, it is not among sys.modules
            made.__dict__.update(self.names())
            exec(compiled(self.text, self.path), made.__dict__)
            self._module = made
        return self._module

    def openViewer(self):
        self.viewed = True

    # Table.

    @property
    def numRows(self):
        return len(self._rows)

    def clear(self):
        self._rows, self.text = [], ""

    def row(self, name):
        """By a pattern, or its number."""
        if isinstance(name, int):
            return self._rows[name] if name < len(self._rows) else None
        return next((row for row in self._rows if row and fnmatchcase(row[0].val, name)), None)

    def appendRow(self, cells):
        self._rows.append([Cell(self, text) for text in cells])
        self.touch()

    def deleteRow(self, name):
        self._rows.remove(self.row(name))
        self.touch()

    def __getitem__(self, place):
        name, column = place
        rows = self._rows
        row = rows[name] if isinstance(name, int) else next(
            (row for row in rows if row and row[0].val == name), None
        )  # fmt: skip
        return row[column] if row else None

    def __setitem__(self, place, text):
        self[place].val = text

    # OSC.

    def sendOSC(self, address, values, asBundle=False, useNonStandardTypes=True):
        assert not asBundle
        if not self.par.active.eval():
            return
        builder = OscMessageBuilder(address)
        for value in values:
            if isinstance(value, str) and self.td.osc_is_ascii:
                value = value.encode("ascii", "replace").decode()
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
                values = [
                    value.encode().decode("latin-1")
                    if isinstance(value, str) and self.td.osc_is_ascii
                    else value
                    for value in message.params
                ]
                self.find(self.par.callbacks.val).module.onReceiveOSC(
                    self, 0, "", data, 0.0, message.address, values, peer
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
        """`names` is a key of assumed.json: parameters that other builds call otherwise."""
        super().__init__("td")
        self.renamed, self.older = NAMES[names] if names else {}, names == "older"
        self.textport, self.frames, self.dirty, self.cells = [], 0, 0, 0
        self.osc_first = True  # whether OSC comes in before `onFrameStart`, or after it
        self.osc_is_ascii = True
        self.later = []  # what `run` is to run, and in how many frames
        self.tdu = SimpleNamespace(Dependency=Dependency, FileInfo=FileInfo)
        self.app = SimpleNamespace(version="099", build="2025.30000")
        self.project = SimpleNamespace(folder=str(folder))
        self.absTime, self.time = SimpleNamespace(seconds=0.0), SimpleNamespace(play=True)
        for name in (*NAMES["operators"], "baseCOMP"):
            setattr(self, name, Kind(name))
        self.root = Comp(self, None, "baseCOMP", "")
        self.place = self.root.create("baseCOMP", "project1")
        self.ui = SimpleNamespace(panes=Panes(self.place))

    def op(self, path):
        if isinstance(path, int):
            return next((op for op in everything(self.root) if op.id == path), None)
        return self.root if path == "/" else self.root.op(path.lstrip("/"))

    def run(self, script, *args, delayFrames=0, fromOP=None):
        if fromOP is None:
            raise TdError("run from what may be gone by then is dropped without a word")
        self.later.append([delayFrames, script, args, fromOP])

    def frame(self):
        """One frame: OSC comes in, Execute DATs are called, what `run` put off is run."""
        self.frames += 1
        self.absTime.seconds = perf_counter()
        steps = [self._receive, self._start_frame]
        for step in steps if self.osc_first else reversed(steps):
            step()
        due = [entry for entry in self.later if entry[0] <= 0]
        self.later = [[frames - 1, *rest] for frames, *rest in self.later if frames > 0]
        for _, script, args, origin in due:
            try:
                exec(script, {**origin.names(), "args": args})
            except Exception:  # noqa: BLE001
                self.textport.append(traceback.format_exc())

    def _receive(self):
        for dat in [op for op in everything(self.root) if op.OPType == "oscinDAT"]:
            dat.receive()

    def _start_frame(self):
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

    def quit(self):
        """TouchDesigner ends: Execute DATs are told; extensions are not."""
        for dat in [op for op in everything(self.root) if op.OPType == "executeDAT"]:
            if dat.par.active.eval() and dat.par.exit.eval():
                dat.module.onExit()

    def open(self, told=True):
        """File > Open: another project in the same process; `told` extensions hear of their end."""
        for child in list(self.root.children):
            if not told:
                for comp in [op for op in everything(self.root) if isinstance(op, Comp)]:
                    comp._ext = SimpleNamespace()
            child.destroy()
        self.place = self.root.create("baseCOMP", "project1")
        self.ui.panes.current.owner = self.place

    def close(self):
        """The process ends."""
        self.quit()
        for op in everything(self.root):
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
        for par in page.values:
            line = f"  {par.style} {par.name} = {par.val!r}"
            if par.mode is ParMode.EXPRESSION:
                line = f"  {par.style} {par.name} is {par.expr}"
            if par.menu:
                line += f"  of {', '.join(par.menu)}"
            if par.max is not None:
                line += f"  {par.min} to {par.max}"
            lines.append(line + ("  read only" if par.readOnly else ""))
    return "\n".join(lines) + "\n"


def _set(pars):
    return [par for par in pars if par.val != par.default or par.mode is not ParMode.CONSTANT]
