"""Pipelines for tests: each does one thing that a real one may do on a bad day; see `rig.py`."""

import contextlib
import ctypes
import faulthandler
import os
import random
import stat
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar, Literal
from weakref import WeakSet

import numpy as np

from engine.catalog.controls import size_control
from engine.catalog.rows import BUILT_IN, Catalog, PipelineRow
from engine.parameters import Load, Parameters, Size, control
from engine.pipeline import Image


class PainterLoad(Load):
    size: Size = size_control()
    frames: int = control(4, "Pictures a block.", minimum=1, maximum=16)
    shortest: float = control(0.0, "Least seconds a block.", minimum=0, maximum=60)
    longest: float = control(0.0, "Most seconds a block.", minimum=0, maximum=60)
    first: float = control(0.0, "Seconds that the first block of a shape takes longer.")
    text: bool = control(False, "Text mode: takes no pictures.")
    broken: Literal["", "load", "load slowly", "import"] = control("", "What goes wrong at once.")
    ink: str = control("", "What it paints with; POISON is no paint.", reverts=True)
    children: Literal["", "near", "far"] = control("", "A process that it starts by fork.")


class PainterParameters(Parameters):
    prompt: str = control("", "Words.", reverts=True)
    reference: str = control("", "A picture's name.", osc="ref", reverts=True)
    vace_scale: float = control(1.0, "A fader.", minimum=0, maximum=2, osc="vace")
    steps: int = control(4, "Steps.", minimum=1, maximum=8, shapes=True)
    stall: float = control(0.0, "Seconds that the next block takes longer.", minimum=0, maximum=60)
    trouble: Literal[
        "",
        "nan",
        "flat",
        "memory",
        "cuda",
        "hang",
        "hold",
        "crash",
        "segfault",
        "leave",
        "gibberish",
        "greed",
        "deaf",
        "mute",
        "deep",
        "endless",
        "nothing",
    ] = control("", "What goes wrong in the next block.")


POISON = "poison"  # what no picture comes of, as a word, a reference or ink
MISSING = "missing"  # ink that there is none of


def paint(width: int, height: int, number: int, value: float, words: Sequence[str] = ()) -> Image:
    """A picture that says which number it is, what the fader and the words said; not flat."""
    image = np.empty((height, width, 4), np.uint8)
    image[..., 0] = np.linspace(60, 200, width).astype(np.uint8)
    image[..., 1] = 90
    image[..., 2] = 30
    image[..., 3] = 255
    code = [number & 255, number >> 8 & 255, number >> 16 & 255]
    image[:8, :8, :3] = code
    image[:8, 8:16, :3] = round(value * 100)
    for place, word in enumerate(words):
        image[:8, 16 + 8 * place : 24 + 8 * place, :3] = _mark(word)
    return image


def _mark(word: str) -> list[int]:
    return list(zlib.crc32(word.encode()).to_bytes(4, "big")[:3])


def says(image: Image, place: int, word: str) -> bool:
    """Whether a painted picture was made with this word at this place."""
    return image[2, 18 + 8 * place, :3].tolist() == _mark(word)


def number_of(image: Image) -> int:
    """Which number a painted picture is."""
    low, middle, high = (int(v) for v in image[2, 2, :3])
    return low | middle << 8 | high << 16


def value_of(image: Image) -> float:
    """What the fader said when a picture was painted."""
    return int(image[2, 10, 0]) / 100


def _leave_child(where: str) -> None:
    """Start a process that holds all that this one has open; `far` in a group of its own."""
    if os.fork() == 0:
        if where == "far":
            os.setsid()
        time.sleep(60)
        os._exit(0)


class Painter:
    """Paints counted pictures in blocks that take random times."""

    def __init__(self, load: PainterLoad, context) -> None:
        if load.broken == "load":
            raise ValueError("The weights are not there; download them.")
        if load.ink == MISSING:
            raise ValueError("There is no such ink; choose another.")
        if load.children:
            _leave_child(load.children)
        if load.broken == "import":
            raise ImportError("This pipeline needs the package unobtainium.")
        if load.broken == "load slowly":
            for step in range(20):
                context.progress("weights", step, 20)
                time.sleep(0.1)
        self._load = load
        self._random = random.Random(7)
        self._number = 0
        self._troubled = ""
        self._shapes: set[object] = set()

    def wanted(self, parameters: PainterParameters) -> int:
        if parameters.trouble == "greed":
            return 1_000_000_000
        if parameters.trouble == "deaf":
            time.sleep(3600)
        return 0 if self._load.text else self._load.frames

    def __call__(self, images: Sequence[Image], parameters: PainterParameters) -> Iterator[Image]:
        time.sleep(self._random.uniform(self._load.shortest, self._load.longest))
        time.sleep(parameters.stall)
        height, width = images[0].shape[:2] if images else (64, 64)
        if (shape := (height, width, parameters.steps)) not in self._shapes:
            self._shapes.add(shape)
            time.sleep(self._load.first)
        trouble = self._troubled = parameters.trouble
        if trouble == "nothing":
            return
        words = self._load.ink, parameters.prompt, parameters.reference.removesuffix(".png")
        if POISON in words:
            trouble = "nan"
        if trouble not in ("", "mute", "deep", "endless"):
            yield self._trouble(trouble, width, height)
        for _ in range(self._load.frames):
            self._number += 1
            words = parameters.prompt, parameters.reference
            yield paint(width, height, self._number, parameters.vace_scale, words)

    def _trouble(self, what: str, width: int, height: int):
        if what == "nan":
            return np.full((height, width, 4), np.nan, np.float32)
        if what == "flat":
            return np.zeros((height, width, 4), np.uint8)
        if what == "memory":
            raise MemoryError("nothing left")
        if what == "cuda":
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        if what == "crash":
            raise RuntimeError("something else")
        if what == "segfault":
            faulthandler._read_null()
        if what == "gibberish":
            self._babble()
        if what == "hold":  # the interpreter, as compiled code may that never comes back
            library = ctypes.PyDLL("kernel32" if os.name == "nt" else None)
            library.Sleep(3_600_000) if os.name == "nt" else library.sleep(3600)
        if what == "leave":
            os._exit(9)
        return time.sleep(3600)

    def _babble(self) -> None:
        """Write into the pipe of the messages, as a library with a stray descriptor might."""
        for number in range(3, 32):
            with contextlib.suppress(OSError):
                if stat.S_ISFIFO(os.fstat(number).st_mode):
                    os.write(number, b"\x04\0\0\0{]]}")

    def reset(self) -> None:
        pass

    def report(self):
        if self._troubled == "mute":
            time.sleep(3600)
        deep = []
        for _ in range(900):
            deep = [deep]
        odd = {"deep": {"deep": deep}, "endless": {"endless": 10**5000}}
        return {"painted": self._number} | odd.get(self._troubled, {})

    def close(self) -> None:
        pass


class HogLoad(PainterLoad):
    text: bool = control(True, "Text mode: takes no pictures.")
    appetite: int = control(6, "Memory that it takes.", minimum=0, maximum=100)


class Hog(Painter):
    """One of a family, in a process that has memory of 10; one that wants 99 leaves none at all."""

    memory = 10
    living: ClassVar["WeakSet[Hog]"] = WeakSet()

    def __init__(self, load: HogLoad, context) -> None:
        super().__init__(load, context)
        self.appetite = load.appetite
        if self.appetite == 99:
            Hog.memory = 0
        if sum(hog.appetite for hog in Hog.living) + self.appetite > Hog.memory:
            raise MemoryError(f"There is no memory of {self.appetite}.")
        Hog.living.add(self)
        self._herd = context.shared.setdefault("hogs", [])
        self._herd.append(load.appetite)
        self.itself = self  # as networks do: only a collection frees them

    def report(self):
        return super().report() | {"herd": self._herd}

    def close(self) -> None:
        """It is still there until nobody holds it."""


PAINTER = PipelineRow(
    id="painter",
    title="Painter",
    target="tests.support.doubles:Painter",
    load=PainterLoad,
    parameters=PainterParameters,
    block=16,
)
TOO_BIG = PipelineRow(
    id="too-big",
    title="Painter that has no room beside another",
    target="tests.support.doubles:Painter",
    load=PainterLoad,
    parameters=PainterParameters,
    block=16,
    memory=1 << 60,
)
HOGS = tuple(
    PipelineRow(
        id=name,
        title="Painter of a family",
        target="tests.support.doubles:Hog",
        load=HogLoad,
        parameters=PainterParameters,
        block=16,
        text=True,
        family="hogs",
    )
    for name in ("hog", "sow", "boar")
)
# Every frame unchanged, by a worker.
RELAY = replace(next(row for row in BUILT_IN if row.direct), id="relay", direct=False)
CATALOG = Catalog((*BUILT_IN, PAINTER, TOO_BIG, RELAY))
FARM = Catalog(HOGS)
