"""Prompts without a text model: words are looked up and their meanings combined.

Each known word adds colours or a pattern; the result is a `Recipe`, which `drawing.draw` turns into
a reference image. Words unknown to `words` have no effect; the report lists them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

from engine.catalog.lexicon import (
    AMBIENT,
    COLOURS,
    FORMS,
    LOOKS,
    MODIFIERS,
    Colour,
    Look,
    Modifier,
)
from engine.stylize.colours import alike, mixed, shaded
from engine.stylize.words import Meant, Reader, Word

NAMED = 2.0  # weight of a named colour relative to a look's own
PALE = 220  # minimum red, green and blue of white
PALED = 0.5  # part of white
VEIL_MOST = 0.8  # largest share of a veil's colour
_Weighted: TypeAlias = list[tuple[Colour, float]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """The content of a prompt; `used` and `unused` are its words, `negated` those of `unused` that
    it excludes. A colour that it excludes and does not show is used. Without colours it has no
    effect.
    """

    colours: tuple[Colour, ...]
    patterns: tuple[str, ...]
    used: tuple[str, ...]
    unused: tuple[str, ...]
    negated: tuple[str, ...] = ()


def read(prompt: str) -> Recipe:
    """Read a prompt; word order decides which pattern lies on top."""
    reader = Reader(prompt)
    parts = [part for meant in reader.meant for part in _parts(meant)]
    _join(parts)
    palette = _Palette(parts)
    used = [meant.word.text for meant in reader.meant]
    unused = list(reader.unknown)
    negated: list[str] = []
    for each in reader.negated:
        colours = [colour for word in each.words for colour in _named(word)]
        left_out = [palette.leaves_out(colour) for colour in colours]  # each of them, not one
        if any(left_out) or (colours and palette.lacks(colours)):
            used.append(each.text)
        else:
            negated.append(each.text)
    patterns = [part.pattern for part in parts if part.pattern]
    return Recipe(
        palette.colours(),
        tuple(dict.fromkeys(patterns)) or ("strokes",),
        tuple(used),
        (*unused, *negated),
        tuple(negated),
    )


@dataclass(slots=True)
class _Part:
    """A part of a prompt: a name of the lexicon, or a numeric colour."""

    name: str
    colour: Colour | None
    strength: float
    joined: bool  # directly follows the previous part
    head: bool  # the last part of its word: only this one draws
    romance: bool
    own: "list[_Part]" = field(default_factory=list["_Part"])  # modifiers of this colour only
    taken: bool = False  # already used as such a modifier
    coloured: bool = False  # a look with another part's colours instead of its own
    paled: bool = False  # its own colours are whitened instead: a white cat has shades

    @property
    def modifier(self) -> Modifier | None:
        return MODIFIERS.get(self.name)

    @property
    def look(self) -> Look | None:
        return LOOKS.get(self.name) or FORMS.get(self.name)

    @property
    def pattern(self) -> str:
        drawn = self.look or self.modifier
        return drawn.pattern if drawn and self.head else ""


def _parts(meant: Meant) -> Iterator[_Part]:
    word = meant.word
    names = word.names or ("",)
    if names[-1] in COLOURS:  # himmelblau is a blue and no sky, dunkelrot a dark red
        names = (*(name for name in names[:-1] if name in COLOURS or name in MODIFIERS), names[-1])
    for place, name in enumerate(names):
        colour = COLOURS.get(name, word.colour)
        head = place == len(names) - 1
        yield _Part(name, colour, meant.strength, place > 0 or meant.joined, head, word.romance)


def _named(word: Word) -> list[Colour]:
    return [COLOURS[name] for name in word.names if name in COLOURS] or (
        [word.colour] if word.colour else []
    )


def _join(parts: list[_Part]) -> None:
    """Apply adjectives to their neighbours: `dark` to `blue` in `dark blue, red`."""
    for before, part in pairwise(parts):
        if not part.joined:
            continue
        if part.colour and before.modifier:
            part.own = [*before.own[-2:], before]
            for modifier in part.own:
                modifier.taken = True
        elif part.modifier and before.modifier:
            part.own = [*before.own[-2:], before]  # for the colour that may follow
        elif before.colour and part.modifier and part.romance:  # bleu clair
            before.own.append(part)
            part.taken = True
        elif part.look and before.look:
            spreads = before.coloured and before.name in FORMS  # red old house
            part.coloured = spreads or part.name in AMBIENT  # night sky
        elif part.look and before.colour:
            part.coloured = True
            part.paled = min(before.colour) > PALE
        elif part.colour and part.romance and before.look:  # ciel rouge
            before.coloured, before.paled = True, min(part.colour) > PALE


class _Palette:
    """The weighted colours of a prompt's parts: named ones, those implied by looks, and those of
    forms and modifiers, used only if no other word has any.
    """

    def __init__(self, parts: list[_Part]) -> None:
        self._named: _Weighted = []
        self._implied: _Weighted = []
        self._spare: _Weighted = []
        self._all_over: list[_Part] = []
        for part in parts:
            if part.colour:
                if part.strength >= 1:
                    self._name(part, part.colour)
            elif part.modifier and not part.taken:
                self._all_over.append(part)
                self._spare += _weighted(part.modifier.colours, part)
            elif part.look and part.paled:
                shades = _weighted(part.look.colours, part)
                self._implied += [
                    (mixed(colour, COLOURS["white"], PALED), weight) for colour, weight in shades
                ]
            elif part.look and not part.coloured:
                place = self._implied if part.name in LOOKS else self._spare
                place += _weighted(part.look.colours, part)
        for part in parts:
            if part.colour and part.strength < 1:
                self._lessen(part, part.colour)

    def colours(self) -> tuple[Colour, ...]:
        """All colours, repeated by weight."""
        colours = _spread(self._named, self._implied) or _spread([], self._spare)
        if len(set(colours)) == 1:
            # A single colour shows no pattern: add a tint and a shade.
            (colour,) = set(colours)
            colours = [colour, *(mixed(colour, (grey, grey, grey), 0.6) for grey in (245, 18))]
        modified = {colour: _modified(colour, self._all_over) for colour in set(colours)}
        return tuple(modified[colour] for colour in colours)

    def leaves_out(self, colour: Colour) -> bool:
        """Remove colours similar to one, if there are any and others remain."""
        found = False
        for place in (self._implied, self._spare):
            kept = [(each, weight) for each, weight in place if not alike(each, colour)]
            if kept and len(kept) < len(place):
                place[:] = kept
                found = True
        return found

    def lacks(self, colours: Iterable[Colour]) -> bool:
        """Whether there are colours, and none similar to these."""
        kept = [colour for colour, _ in (*self._named, *self._implied) or (*self._spare,)]
        return bool(kept) and not any(alike(one, other) for one in kept for other in colours)

    def _name(self, part: _Part, colour: Colour) -> None:
        self._named.append((_modified(colour, part.own), NAMED * part.strength))

    def _lessen(self, part: _Part, colour: Colour) -> None:
        """Halve colours similar to one that should be reduced; else add a pale version."""
        found = False
        for place in (self._implied, self._spare):
            halves = [
                (each, weight / 2 if alike(each, colour) else weight) for each, weight in place
            ]
            found |= halves != place
            place[:] = halves
        if not found:
            self._name(part, shaded(colour, 1, part.strength))


def _weighted(names: Iterable[str], part: _Part) -> _Weighted:
    return [(COLOURS[name], part.strength) for name in names]


def _spread(named: _Weighted, implied: _Weighted) -> list[Colour]:
    """Each colour repeated by weight: the named ones again, then the others."""
    weights = [weight for _, weight in (*named, *implied)]
    unit = min([1.0, *weights] if named else [*weights, 2.0])
    result: list[Colour] = []
    for place in (named, implied):
        counts = [(colour, round(weight / unit)) for colour, weight in place]
        for turn in range(max((count for _, count in counts), default=0)):
            result += [colour for colour, count in counts if count > turn]
    return result


def _modified(colour: Colour, parts: list[_Part]) -> Colour:
    """A colour changed by modifiers, according to their strength."""
    light = saturation = 1.0
    modifiers = [(part.modifier, (part.strength + 1) / 2) for part in parts]
    for modifier, power in modifiers:
        if modifier:
            light *= modifier.light**power
            saturation *= modifier.saturation**power
    colour = shaded(colour, light, saturation)
    for modifier, power in modifiers:
        if modifier and modifier.veil:
            colour = mixed(colour, COLOURS[modifier.veil], min(VEIL_MOST, modifier.part * power))
    return colour
