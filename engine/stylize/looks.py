"""From references and prompts to a block's target style vector."""

from collections.abc import Callable, Hashable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from time import perf_counter

import numpy as np

from engine.catalog.controls import ConditionedParameters
from engine.images.assets import Folder
from engine.pipeline import Image
from engine.stylize import references
from engine.stylize.drawing import draw
from engine.stylize.recipes import Recipe, read
from engine.stylize.weights import Array
from engine.system.background import BackgroundCache

KEPT = 64  # style vectors (100,) of references, and as many of recipes
FIRST = 0.3  # total seconds to wait for the files of the very first look
PLACES = ("", "_2", "_3")  # suffixes of the prompt and reference parameters


class Looks:
    """The target look of the parameters.

    Files are read and recipes drawn in separate threads, and at most one image is encoded per block
    (about 20 ms): a new look never stalls the stream, and known looks need no disk.
    """

    def __init__(self, encode: Callable[[Image], Array], assets: Path) -> None:
        self._encode = encode
        self._folder = Folder(assets, "reference")
        self._reads = BackgroundCache[Array]("images", KEPT, _full, finish=self._style)
        # recipes need no disk
        self._draws = BackgroundCache[Array]("recipes", KEPT, _full, finish=self._style)
        self._until = 0.0  # when the wait for the very first look ends; 0 before it starts
        self._recipe = lru_cache(KEPT)(read)
        self._good: dict[str, Array] = {}  # the last good reference of each slot
        self._worded: dict[str, Array] = {}  # the last look of each prompt that had known words
        self._last: Array | None = None
        self.encoded = False  # whether this block has encoded an image
        self.arriving = 0  # images requested and not yet available
        self.used: list[str] = []
        self.unused: list[str] = []
        self.problems: list[str] = []

    def target(self, parameters: ConditionedParameters) -> Array | None:
        """The weighted mean (100,) of all prompts and references; None if there are none. A prompt
        without a known word leaves the look that its place had: a typo shows no plain input.

        The previous look stays until every part of the new one is available.
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
            self._until = 0.0
            whole = sum(weight for weight, _ in parts)
            self._last = _sum([(weight / whole, vector) for weight, vector in parts])
        return self._last

    def prepare(self, parameters: ConditionedParameters) -> int:
        """Read and draw what a later look needs, after the block's own; how many images are still
        coming. ValueError for one that cannot be read.
        """
        left = 0
        for place in PLACES:
            name = str(getattr(parameters, f"reference{place}"))
            if name and getattr(parameters, f"reference{place}_weight"):
                file = self._folder.file(name)
                if isinstance(file, str):
                    raise ValueError(file)
                left += not file or self._lacks(
                    file, partial(references.load, file[0]), self._reads
                )
            recipe: Recipe = self._recipe(str(getattr(parameters, f"prompt{place}")))
            if recipe.colours and getattr(parameters, f"prompt{place}_weight"):
                left += self._lacks(_key(recipe), partial(draw, recipe), self._draws)
        return left

    def close(self) -> None:
        """End the threads."""
        for each in (self._folder, self._reads, self._draws):
            each.close()

    def _prompt(self, place: str, text: str) -> Array | None:
        if not text.strip():
            self._worded.pop(place, None)
            return None
        recipe: Recipe = self._recipe(text)
        self.used += recipe.used
        self.unused += recipe.unused
        if not recipe.colours:
            kept = self._worded.get(place)
            what = "has only negated words" if recipe.negated else "has no known words"
            then = "it has no effect" if kept is None else "the look before it is kept"
            self.problems.append(
                f"The prompt {_short(text)} {what}, so {then}; "
                "/api/v1/schema lists the words of stylize."
            )
            return kept
        known = self._vector(
            _key(recipe),
            partial(draw, recipe),
            self._draws,
            None if self._last is None else 0.0,
        )
        if isinstance(known, str):  # every recipe can be drawn, but not every image encoded
            self.problems.append(known)
            return None
        if known is not None:
            self._worded[place] = known
        return known

    def _reference(self, place: str, name: str) -> Array | None:
        if not name:
            self._good.pop(place, None)
            return None
        file = self._folder.file(name, self._patience())
        if isinstance(file, str):
            self.problems.append(file)
            return self._good.get(place)
        if slow := self._folder.slow(self._reads.longest):
            self.problems.append(slow)
        if file is None:
            self.arriving += 1
            return None
        read_in = partial(references.load, file[0])
        known = self._vector(file, read_in, self._reads, self._patience())
        if isinstance(known, str):
            self.problems.append(known)
            return self._good.get(place)
        if known is not None:
            self._good[place] = known
        return known

    def _patience(self) -> float:
        """How many seconds a file may delay this block: 0 except for the very first look."""
        if self._last is not None:
            return 0.0
        now = perf_counter()
        self._until = self._until or now + FIRST
        return max(0.0, self._until - now)

    def _vector(
        self,
        key: Hashable,
        picture: Callable[[], Image],
        styles: BackgroundCache[Array],
        patience: float | None,
    ) -> "Array | str | None":
        """The style of an image; None, and counted as arriving, if not available yet."""
        styles.ask(key, picture)
        known = styles.known(key) if self.encoded else styles.get(key, patience)
        if known is None:
            self.arriving += 1
        return known

    def _lacks(
        self, key: Hashable, picture: Callable[[], Image], styles: BackgroundCache[Array]
    ) -> bool:
        """Whether the style of an image is still coming; ValueError if there will be none."""
        known = self._vector(key, picture, styles, 0.0)
        if isinstance(known, str):
            raise ValueError(known)
        return known is None

    def _style(self, image: Image) -> Array:
        self.encoded = True
        vector = self._encode(image)
        if not np.isfinite(vector).all():
            raise ValueError("An image's style contains NaN or infinity, so it has no effect.")
        return vector


def _key(recipe: Recipe) -> Hashable:
    """What its image depends on."""
    return recipe.colours, recipe.patterns


def _full(known: Mapping[Hashable, Array | str]) -> bool:
    return len(known) > KEPT


def _sum(parts: list[tuple[float, Array]]) -> Array | None:
    if not parts:
        return None
    total = np.zeros_like(parts[0][1])
    for weight, vector in parts:
        total += np.float32(weight) * vector
    return total


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "…")
