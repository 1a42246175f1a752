"""Prompts without a text model: words are looked up, and what they stand for is composed.

Each known word adds colours or a pattern; what comes out is a `Recipe`, which `drawing.draw` turns
into a reference picture. A word that the lexicon does not have stands for the one there of which it
is a form (plural, -y, -ing …); else it has no influence, and the report says so.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from unicodedata import normalize

from engine.catalog.lexicon import (
    COLOURS,
    FORMS,
    LOOKS,
    MODIFIERS,
    NO_FORMS,
    SAME,
    STOP_WORDS,
    Colour,
    folded,
)

KNOWN = {*COLOURS, *FORMS, *LOOKS, *MODIFIERS}
PHRASES = [name.split() for name in KNOWN if " " in name]
LONGEST = max(map(len, PHRASES))  # words
BEGINNINGS = {words[0] for words in PHRASES}
# What a word is a form of: seas, boxes, cherries, leaves; foggy, wavy, spotted, painted, burning.
# A short closed syllable doubles its end before an ending: `tiny` is no form of `tin`.
ENDING = "(?:y|ed|ing|ish)"
ENDINGS = tuple(
    (re.compile(ended), stem)
    for ended, stem in (
        (r"(.{2,}[^su])s", r"\1"),
        (r"(.+(?:[sxzo]|ch|sh))es", r"\1"),
        (r"(.{2,})ies", r"\1y"),
        (r"(.{2,})ves", r"\1f"),
        (r"(.{2,})ves", r"\1fe"),
        (rf"(.+([^aeiou]))\2{ENDING}", r"\1"),
        (rf"(?![^aeiou]*[aeiou][^aeiouwxy]{ENDING}$)(.+[^aeiou]){ENDING}", r"\1"),
        (rf"(.+([^aeiou])(?<!\2\2)){ENDING}", r"\1e"),
    )
)
# Words, and runs of Japanese, which has no blanks between its words.
KANA, KANJI = "\u3041-\u3096\u30a1-\u30fa\u30fc", "\u3005\u3400-\u9fff"
RUNS = re.compile(f"[{KANA}{KANJI}]+|[^\\W_{KANA}{KANJI}]+")
JAPANESE = re.compile(f"[{KANA}{KANJI}]+")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a prompt asks for; `used` and `unused` are its words. No colours: no influence."""

    colours: tuple[Colour, ...]
    patterns: tuple[str, ...]
    used: tuple[str, ...]
    unused: tuple[str, ...]


def read(prompt: str) -> Recipe:
    """Read a prompt; word order decides which pattern lies on top."""
    named: list[Colour] = []
    implied: list[Colour] = []
    spare: list[Colour] = []  # where no other word brings a colour
    patterns: list[str] = []
    light = saturation = 1.0
    used: list[str] = []
    unused: list[str] = []
    for text, name in _meant(list(_words(prompt))):
        if name in LOOKS:
            implied += _mixable(LOOKS[name].colours)
            patterns.append(LOOKS[name].pattern)
        elif name in FORMS:
            spare += _mixable(FORMS[name].colours)
            patterns.append(FORMS[name].pattern)
        elif name in COLOURS:
            named.append(COLOURS[name])
        elif name in MODIFIERS:
            modifier = MODIFIERS[name]
            light, saturation = light * modifier.light, saturation * modifier.saturation
            spare += _mixable(modifier.colours)
        else:
            unused.append(text)
            continue
        used.append(text)
    # A colour that is named counts twice beside those that a look brings.
    colours = [*named, *named, *implied] or spare
    if len(set(colours)) == 1:
        # One colour alone shows no pattern: its tint and its shade stand beside it.
        colours = [colours[0], _mixed(colours[0], 245, 0.6), _mixed(colours[0], 18, 0.6)]
    shaded = tuple(_shade(colour, light, saturation) for colour in colours)
    return Recipe(
        shaded, tuple(dict.fromkeys(patterns)) or ("strokes",), tuple(used), tuple(unused)
    )


def known(word: str) -> str:
    """The lexicon's name for a folded word or phrase; empty where it has none."""
    english = next((form for form in _forms(word) if form in KNOWN), "")
    return SAME.get(word) or english or SAME.get(word.removesuffix("s"), "")


def _meant(words: list[str]) -> Iterator[tuple[str, str]]:
    """The words and phrases that may say something: as written, and the lexicon's name, if any."""
    plain = [folded(word) for word in words]
    place = 0
    while place < len(words):
        name, length = "", 1
        if plain[place] in BEGINNINGS:
            length = min(LONGEST, len(words) - place)
            while length > 1 and not (name := known(" ".join(plain[place : place + length]))):
                length -= 1
        name = name or known(plain[place])
        if name or plain[place] not in STOP_WORDS:
            yield " ".join(words[place : place + length]), name
        place += length


def _words(prompt: str) -> Iterator[str]:
    """The words in small letters."""
    for run in RUNS.findall(normalize("NFKC", prompt).lower()):
        if JAPANESE.fullmatch(run):
            yield from _cut(run)
        else:
            yield run


def _cut(run: str) -> Iterator[str]:
    """The longest known words of a run of Japanese, and what is between them."""
    strange = ""
    while run:
        lengths = range(len(run), 0, -1)
        found = next((run[:size] for size in lengths if _is_word(run[:size])), "")
        if found and strange:
            yield strange
            strange = ""
        if found:
            yield found
        else:
            strange += run[0]
        run = run[len(found) or 1 :]
    if strange:
        yield strange


def _is_word(text: str) -> bool:
    return text in SAME or text in STOP_WORDS


def _forms(word: str) -> Iterator[str]:
    """A word and what it may be a form of."""
    yield word
    if word not in NO_FORMS:
        for ended, stem in ENDINGS:
            if found := ended.fullmatch(word):
                yield found.expand(stem)


def _mixable(names: Iterable[str]) -> list[Colour]:
    return [COLOURS[name] for name in names]


def _mixed(colour: Colour, grey: int, amount: float) -> Colour:
    red, green, blue = (round(part + (grey - part) * amount) for part in colour)
    return red, green, blue


def _shade(colour: Colour, light: float, saturation: float) -> Colour:
    grey = sum(colour) / 3
    red, green, blue = (
        round(min(255.0, max(0.0, (grey + (part - grey) * saturation) * light))) for part in colour
    )
    return red, green, blue
