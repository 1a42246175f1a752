"""Prompts without a text model: words are looked up, and what they stand for is composed.

Each known word adds colours or a pattern; what comes out is a `Recipe`, which `drawing.draw` turns
into a reference picture. What is not in the lexicon has no influence, and the report says so.
"""

import re
from dataclasses import dataclass

from engine.stylize.lexicon import COLOURS, LOOKS, MODIFIERS, PATTERNS, STOP_WORDS, Colour

PLAIN = ("cream", "grey", "charcoal")  # colours of a pattern that comes without any
LONGEST = max(name.count(" ") + 1 for name in LOOKS)  # words
# What a word may end in and what its known form ends in instead: waves, wavy, striped, burning …
ENDINGS = (
    ("s", ""), ("es", ""), ("ies", "y"), ("ves", "f"), ("y", "e"), ("y", ""), ("ed", ""),
    ("ed", "e"), ("d", ""), ("ered", ""), ("en", ""), ("ing", ""), ("ing", "e"), ("ish", ""),
)  # fmt: skip
SAME = {"gray": "grey", "burn": "fire"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a prompt asks for; `used` and `unused` are its words. No colours: no influence."""

    colours: tuple[Colour, ...]
    patterns: tuple[str, ...]
    used: tuple[str, ...]
    unused: tuple[str, ...]


def read(prompt: str) -> Recipe:
    """Read a prompt; word order decides which pattern lies on top."""
    words = re.findall(r"[^\W_]+", prompt.lower())
    named: list[Colour] = []
    implied: list[Colour] = []
    patterns: list[str] = []
    light = saturation = 1.0
    used: list[str] = []
    unused: list[str] = []
    place = 0
    while place < len(words):
        text, key, length = _longest(words, place)
        place += length
        if key in LOOKS:
            implied += [COLOURS[name] for name in LOOKS[key].colours]
            patterns.append(LOOKS[key].pattern)
        elif key in COLOURS:
            named.append(COLOURS[key])
        elif key in PATTERNS:
            patterns.append(PATTERNS[key])
        elif key in MODIFIERS:
            light, saturation = light * MODIFIERS[key][0], saturation * MODIFIERS[key][1]
        elif text in STOP_WORDS:
            continue
        else:
            unused.append(text)
            continue
        used.append(text)
    # A colour that is named counts twice beside those that a look brings.
    colours = [*named, *named, *implied] or ([COLOURS[name] for name in PLAIN] if used else [])
    if len(set(colours)) == 1:
        # One colour alone shows no pattern: its tint and its shade stand beside it.
        colours = [colours[0], _mixed(colours[0], 245, 0.6), _mixed(colours[0], 18, 0.6)]
    shaded = tuple(_shade(colour, light, saturation) for colour in colours)
    return Recipe(
        shaded, tuple(dict.fromkeys(patterns)) or ("strokes",), tuple(used), tuple(unused)
    )


def _longest(words: list[str], place: int) -> tuple[str, str, int]:
    """The longest phrase from here on that is known: as written, as known, and its length."""
    for length in range(min(LONGEST, len(words) - place), 1, -1):
        phrase = " ".join(words[place : place + length])
        if phrase in LOOKS:
            return phrase, phrase, length
    word = words[place]
    return word, next((form for form in _forms(word) if _known(form)), word), 1


def _known(word: str) -> bool:
    return word in COLOURS or word in LOOKS or word in PATTERNS or word in MODIFIERS


def _forms(word: str) -> list[str]:
    """A word and what it may be a form of: waves, wavy, striped, checkered, burning …"""
    forms = [word]
    for ending, instead in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 2:
            forms.append(word[: -len(ending)] + instead)
    return [*forms, *(SAME[form] for form in forms if form in SAME)]


def _mixed(colour: Colour, grey: int, amount: float) -> Colour:
    red, green, blue = (round(part + (grey - part) * amount) for part in colour)
    return red, green, blue


def _shade(colour: Colour, light: float, saturation: float) -> Colour:
    grey = sum(colour) / 3
    red, green, blue = (
        round(min(255.0, max(0.0, (grey + (part - grey) * saturation) * light))) for part in colour
    )
    return red, green, blue
