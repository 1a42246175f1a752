"""From references and prompts to the style vector that a block aims at."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from engine.assets import find
from engine.pipeline import Image
from engine.pipelines.controls import ConditionedParameters
from engine.stylize import references
from engine.stylize.drawing import draw
from engine.stylize.prompts import Recipe, read
from engine.stylize.weights import Array

KEPT = 64  # vectors in the cache
PLACES = ("", "_2", "_3")  # of prompts and references, as their parameters are named

Known: TypeAlias = "Array | str"  # a style vector (100,), or why there is none, as a sentence


class Looks:
    """The target look of the parameters.

    Files are read and recipes drawn in a thread of their own, and no more than one picture is
    encoded for each block (about 20 ms): a new look never holds up the stream.
    """

    def __init__(self, encode: Callable[[Image], Array], assets: Path) -> None:
        self._encode = encode
        self._assets = assets
        self._known: OrderedDict[Hashable, Known] = OrderedDict()
        self._coming: dict[Hashable, Future[Image]] = {}
        self._pictures = ThreadPoolExecutor(1, thread_name_prefix="pictures")
        self._recipe = lru_cache(KEPT)(read)
        self._good: dict[str, Array] = {}  # the last good reference of each place
        self._last: Array | None = None
        self.encoded = False  # whether this block has encoded a picture
        self.arriving = 0  # pictures that are asked for and not yet known
        self.used: list[str] = []
        self.unused: list[str] = []
        self.problems: list[str] = []

    def target(self, parameters: ConditionedParameters) -> Array | None:
        """The weighted mean (100,) of all that is asked for; None where nothing is.

        The look before it holds until every part of the new one is known.
        """
        self.encoded, self.arriving = False, 0
        self.used, self.unused, self.problems = [], [], []
        parts: list[tuple[float, Array]] = []
        for kind, look in (("reference", self._reference), ("prompt", self._prompt)):
            for place in PLACES:
                weight = float(getattr(parameters, f"{kind}{place}_weight"))
                vector = look(place, str(getattr(parameters, f"{kind}{place}"))) if weight else None
                if vector is not None:
                    parts.append((weight, vector))
        if not self.arriving:
            whole = sum(weight for weight, _ in parts)
            self._last = _sum([(weight / whole, vector) for weight, vector in parts])
        return self._last

    def close(self) -> None:
        """End the thread."""
        self._pictures.shutdown(wait=False, cancel_futures=True)

    def _prompt(self, place: str, text: str) -> Array | None:
        if not text.strip():
            return None
        recipe: Recipe = self._recipe(text)
        self.used += recipe.used
        self.unused += recipe.unused
        if not recipe.colours:
            self.problems.append(
                f"No word of the prompt {_short(text)} is known; it has no influence."
            )
            return None
        known = self._vector((recipe.colours, recipe.patterns), partial(draw, recipe))
        if isinstance(known, str):  # every recipe can be drawn, but not every picture encoded
            self.problems.append(known)
            return None
        return known

    def _reference(self, place: str, name: str) -> Array | None:
        if not name:
            self._good.pop(place, None)
            return None
        found = find(self._assets, name)
        if found is None:
            self.problems.append(f"There is no reference {_short(name)} in the assets folder.")
            return self._good.get(place)
        known = self._vector(found, partial(references.load, found[0]))
        if isinstance(known, str):
            self.problems.append(known)
            return self._good.get(place)
        if known is not None:
            self._good[place] = known
        return known

    def _vector(self, key: Hashable, picture: Callable[[], Image]) -> "Known | None":
        """What is known of a picture; None, and counted as arriving, where nothing is yet."""
        if key not in self._known and not self._arrived(key, picture):
            self.arriving += 1
            return None
        self._known.move_to_end(key)
        return self._known[key]

    def _arrived(self, key: Hashable, picture: Callable[[], Image]) -> bool:
        future = self._coming.get(key)
        if future is None:
            if len(self._coming) > KEPT:  # asked for, and no longer wanted when they came
                for late in self._coming.values():
                    late.cancel()
                self._coming.clear()
            future = self._coming[key] = self._pictures.submit(picture)
        if self.encoded or not (future.done() or self._last is None):
            return False  # in a later block; the first look of all is waited for
        del self._coming[key]
        error = future.exception()
        if error is not None and not isinstance(error, ValueError):
            raise error
        self.encoded = error is None
        self._known[key] = self._style(future.result()) if error is None else str(error)
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        return True

    def _style(self, image: Image) -> Known:
        vector = self._encode(image)
        if np.isfinite(vector).all():
            return vector
        return "A picture's style became numbers that are NaN or infinite; it has no influence."


def _sum(parts: list[tuple[float, Array]]) -> Array | None:
    if not parts:
        return None
    total = np.zeros_like(parts[0][1])
    for weight, vector in parts:
        total += np.float32(weight) * vector
    return total


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "…")
