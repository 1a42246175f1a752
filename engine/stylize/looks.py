"""From references and prompts to the style vector of a block, gliding from look to look."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np

from engine.pipeline import Image
from engine.pipelines.catalog import ConditionedParameters
from engine.stylize.drawing import draw
from engine.stylize.lexicon import Recipe, read
from engine.stylize.weights import Array

KEPT = 64  # vectors in the cache
PLACES = ("", "_2", "_3")  # of prompts and references, as their parameters are named


class Looks:
    """The target look of the parameters. At most one picture is encoded for each block, so that a
    new look never holds up the stream for longer than one encoding (about 20 ms).
    """

    def __init__(self, encode: Callable[[Image], Array], assets: Path) -> None:
        self._encode = encode
        self._assets = assets
        self._vectors: OrderedDict[Hashable, Array] = OrderedDict()
        self._recipes: dict[str, Recipe] = {}
        self._may_encode = True
        self.used: tuple[str, ...] = ()
        self.unused: tuple[str, ...] = ()
        self.problems: tuple[str, ...] = ()

    def target(self, parameters: ConditionedParameters) -> Array | None:
        """The weighted mean (100,) of all that is asked for and known by now; None for nothing."""
        self._may_encode = True
        self.used = self.unused = self.problems = ()
        total, weights = np.zeros(100, np.float32), 0.0
        for place in PLACES:
            weight = float(getattr(parameters, f"reference{place}_weight"))
            vector = self._reference(getattr(parameters, f"reference{place}")) if weight else None
            if vector is not None:
                total, weights = total + weight * vector, weights + weight
        for place in PLACES:
            weight = float(getattr(parameters, f"prompt{place}_weight"))
            vector = self._prompt(getattr(parameters, f"prompt{place}")) if weight else None
            if vector is not None:
                total, weights = total + weight * vector, weights + weight
        return (total / weights).astype(np.float32) if weights else None

    def _prompt(self, text: str) -> Array | None:
        if not text.strip():
            return None
        recipe = self._recipes.get(text)
        if recipe is None:
            if len(self._recipes) > KEPT:
                self._recipes.clear()
            recipe = self._recipes[text] = read(text)
        self.used += recipe.used
        self.unused += recipe.unused
        if not recipe.colours:
            return None
        return self._vector((recipe.colours, recipe.patterns), lambda: draw(recipe))

    def _reference(self, name: str) -> Array | None:
        if not name:
            return None
        path = _inside(self._assets, name)
        if path is None:
            self._problem(f"There is no reference {name!r} in the assets folder.")
            return None
        seen = path.stat()
        return self._vector((str(path), seen.st_mtime_ns, seen.st_size), lambda: self._read(path))

    def _read(self, path: Path) -> Image | None:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
        if image is None:
            self._problem(f"The reference {path.name!r} is no picture that can be read.")
            return None
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)

    def _vector(self, key: Hashable, picture: Callable[[], Image | None]) -> Array | None:
        if key in self._vectors:
            self._vectors.move_to_end(key)
            return self._vectors[key]
        if not self._may_encode:
            return None  # in the next block
        image = picture()
        if image is None:
            return None
        self._may_encode = False
        self._vectors[key] = self._encode(image)
        if len(self._vectors) > KEPT:
            self._vectors.popitem(last=False)
        return self._vectors[key]

    def _problem(self, text: str) -> None:
        self.problems += (text,)


class Glide:
    """A vector that moves to each new target in a straight line and arrives exactly."""

    def __init__(self) -> None:
        self._from: Array | None = None
        self._to: Array | None = None
        self._began = 0.0
        self._fade = 0.0

    def at(self, target: Array, fade: float, now: float | None = None) -> Array:
        """Where the vector is now, on its way to `target` that takes `fade` seconds."""
        now = perf_counter() if now is None else now
        if self._to is None:
            self._to = target
        elif not np.array_equal(self._to, target):
            self._from, self._to = self._here(now), target
            self._began, self._fade = now, fade
        return self._here(now)

    def left(self, now: float | None = None) -> float:
        """Seconds until the target is reached."""
        now = perf_counter() if now is None else now
        return max(0.0, self._began + self._fade - now) if self._from is not None else 0.0

    def _here(self, now: float) -> Array:
        assert self._to is not None
        if self._from is None:
            return self._to
        part = (now - self._began) / self._fade if self._fade > 0 else 1.0
        if part >= 1:
            self._from = None
            return self._to
        return (self._from + (self._to - self._from) * part).astype(np.float32)


def _inside(folder: Path, name: str) -> Path | None:
    """The file of that name in the folder; None where it is not there or lies elsewhere."""
    if "/" in name or "\\" in name or name.startswith("."):
        return None
    path = folder / name
    found = path if path.is_file() else next(iter(sorted(folder.glob(f"{name}.*"))), None)
    if found is None or not found.resolve().is_relative_to(folder.resolve()):
        return None
    return found
