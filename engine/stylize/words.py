"""The words of a prompt: which ones the lexicon knows, and how they modify each other.

A word missing from the lexicon has the meaning of the entry that it is a form of (plural, -y, -ing,
endings of other languages), or of its components (dunkelrot, Nachthimmel, starlight): the longest
known end is its head.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from unicodedata import normalize

from engine.catalog.lexicon import (
    COLOURS,
    FORMS,
    GERMAN,
    LOOKS,
    MODIFIERS,
    ROMANCE,
    SAME,
    SPELLED,
    STOP_WORDS,
    Colour,
    bases,
    folded,
    grammar,
)
from engine.stylize.colours import written

KNOWN = {*COLOURS, *FORMS, *LOOKS, *MODIFIERS}
GERMAN_ENDINGS = ("en", "er", "es", "em", "ern", "e", "n", "s")
# What a French or Spanish word is a form of: nuages, flores, châteaux; verte, brumeuses, vives,
# anciennes, claires, doradas. The endings of the second kind leave at least four letters.
ROMANCE_ENDINGS = tuple(
    (re.compile(ended), stem)
    for ended, stem in (
        (r"(.{2,})s", r"\1"),
        (r"(.{4,})es", r"\1"),
        (r"(.+u)x", r"\1"),
        (r"(.{4,})es?", r"\1"),
        (r"(.{3,})euses?", r"\1eux"),
        (r"(.{3,})ives?", r"\1if"),
        (r"(.{3,}([nl]))\2es?", r"\1"),
        (r"(.{4,})as?", r"\1o"),
    )
)
LONGEST_WORD = 40  # letters; longer words are not forms or compounds
LEAST_STEM = 4  # letters of a German word without its ending
LEAST_GERMAN = 3  # letters of a part of a German compound
LEAST_PART = 4  # letters of a part of an English compound: a carpet is not a pet

# Numeric colours, runs of Japanese (without spaces), words, punctuation.
KANA, KANJI = "\u3041-\u3096\u30a1-\u30fa\u30fc", "\u3005\u3400-\u9fff"
TOKENS = re.compile(
    r"(?P<number>#[0-9a-f]{3,8}(?![^\W_])|0x[0-9a-f]{6}(?![^\W_])"
    r"|(?:rgb|hsl)a?\s?\([^()]{0,60}\)|(?<![^\W_])[0-9a-f]{6}(?![^\W_]))"
    rf"|(?P<japanese>[{KANA}{KANJI}]+)"
    r"|(?<=[^\W_])-(?P<free>free|frei)(?![^\W_])"
    rf"|(?P<word>[^\W_{KANA}{KANJI}]+)"
    '|(?P<pause>[.,;:!?()\\[\\]{}|/\n\u2013\u2014"\u3001\u3002\u300c\u300d\u30fb])'
)


class Sign(Enum):
    """The role of a word for its neighbours."""

    NAME = 1  # it has names, or is unknown
    FILLER = 2
    PAUSE = 3
    NOT = 4
    OR = 5
    AND = 6
    MORE = 7
    LESS = 8
    NEGATED = 9  # negates the preceding word


@dataclass(frozen=True, slots=True)
class Word:
    """A word or phrase as written; `names` are the lexicon's, those of a compound in its order."""

    text: str
    sign: Sign = Sign.NAME
    names: tuple[str, ...] = ()
    colour: Colour | None = None  # given in numbers
    romance: bool = False  # French or Spanish: adjectives follow

    @property
    def known(self) -> bool:
        """Whether it is known."""
        return bool(self.names) or self.colour is not None


@dataclass(frozen=True, slots=True)
class Meant:
    """A known word, its strength (0.5, 1, 2), and whether it directly follows the previous one."""

    word: Word
    strength: float
    joined: bool


def words(prompt: str) -> list[Word]:
    """Every word, phrase, number and pause of a prompt, in order."""
    tokens = [*_tokens(normalize("NFKC", prompt).lower())]
    plain = [folded(token.text) if token.sign is Sign.NAME else "" for token in tokens]
    found: list[Word] = []
    place = 0
    while place < len(tokens):
        token, length = tokens[place], 1
        if token.sign is Sign.NAME and token.colour is None:
            length = _phrase(plain, place)
            text = " ".join(token.text for token in tokens[place : place + length])
            found += _understood(text, " ".join(plain[place : place + length]))
        else:
            found.append(token)
        place += length
    return found


@dataclass(frozen=True, slots=True)
class Negated:
    """The negations of a prompt, as written, with the negating word: no red."""

    text: str
    words: tuple[Word, ...]


class Reader:
    """Read a prompt word by word: `meant` are the known words in order, `unknown` the other words,
    `negated` the excluded ones.
    """

    def __init__(self, prompt: str) -> None:
        self.meant: list[Meant] = []
        self.unknown: list[str] = []
        self.negated: list[Negated] = []
        self._degree = 1.0
        self._joined = False  # nothing between the last known word and the next
        self._negation: list[str] = []  # the words of the open one; empty if none
        self._between: list[str] = []  # those since the last negated word
        self._covered: list[Word] = []
        for word in words(prompt):
            self._take(word)
        self._end()

    def _take(self, word: Word) -> None:
        if word.known:
            self._name(word)
            return
        if word.sign is Sign.NEGATED:
            self._negate_last(word.text)
        elif word.sign is Sign.NOT:
            self._end()
            self._negation = [word.text]
        elif self._goes_on(word):
            self._between += [word.text] if word.sign is not Sign.NAME else []
        else:
            self._end()
            if word.sign in (Sign.MORE, Sign.LESS):
                self._degree = 2.0 if word.sign is Sign.MORE else 0.5
        if word.sign is Sign.NAME:
            self.unknown.append(word.text)
        # `more` stands before adjectives, and these Japanese fillers join them to their noun
        self._joined &= word.sign in (Sign.MORE, Sign.LESS) or word.text in ("の", "な", "く")

    def _goes_on(self, word: Word) -> bool:
        """Whether an open negation, or a degree without a word, continues after `word`."""
        if word.sign is Sign.PAUSE:
            return False
        if not self._covered:
            return bool(self._negation) or word.sign is Sign.FILLER
        wide = self._negation[0] in grammar.WIDE
        return word.sign is Sign.OR or (wide and word.sign is Sign.AND)

    def _name(self, word: Word) -> None:
        if self._negation:
            self._negation += [*self._between, word.text]
            self._covered.append(word)
        else:
            self.meant.append(Meant(word, self._degree, self._joined))
        self._between.clear()
        self._degree, self._joined = 1.0, not self._negation

    def _negate_last(self, text: str) -> None:
        if self._joined and self.meant:
            word = self.meant.pop().word
            self.negated.append(Negated(word.text + text, (word,)))

    def _end(self) -> None:
        if self._covered:
            self.negated.append(Negated(" ".join(self._negation), tuple(self._covered)))
        self._negation, self._covered, self._degree = [], [], 1.0
        self._between.clear()


def _tokens(text: str) -> Iterator[Word]:
    for token in TOKENS.finditer(text):
        kind, run = token.lastgroup, token[0]
        if kind == "pause":
            yield Word(run, Sign.PAUSE)
        elif kind == "free":
            yield Word(run, Sign.NEGATED)
        elif kind == "japanese":
            yield from map(Word, _cut(run))
        elif kind == "number" and (colour := written(run)) and folded(run) not in KNOWN:
            yield Word(run, colour=colour)
        else:
            yield from map(Word, re.findall(r"[^\W_]+", run))


def _cut(run: str) -> Iterator[str]:
    """The longest known words in a run of Japanese, and the text between them."""
    place = begun = 0
    while place < len(run):
        sizes = range(min(LONGEST_JAPANESE, len(run) - place), 0, -1)
        size = next((size for size in sizes if run[place : place + size] in JAPANESE), 0)
        if size:
            if begun < place:
                yield run[begun:place]
            yield run[place : place + size]
            begun = place + size
        place += size or 1
    if begun < len(run):
        yield run[begun:]


def _phrase(plain: list[str], place: int) -> int:
    """The number of words from `place` that form a phrase."""
    if plain[place] in BEGINNINGS:
        for length in range(min(LONGEST_PHRASE, len(plain) - place), 1, -1):
            phrase = " ".join(plain[place : place + length])
            if phrase in SIGNS or _simple(phrase):
                return length
    return 1


def _understood(text: str, plain: str) -> list[Word]:
    """A word or phrase, with a negating end: cloudless."""
    if text in SPELLED:
        return [Word(text, names=(SPELLED[text],))]
    if sign := SIGNS.get(text) or SIGNS.get(plain):
        return [Word(text, sign)]
    if name := _simple(plain):
        return [Word(text, names=(name,), romance=_is_romance(plain))]
    if len(plain) <= LONGEST_WORD and plain not in grammar.NO_FORMS:
        for end, named in LACKING:
            stem = plain.removesuffix(end)
            if stem != plain and (name := named(stem)):
                return [Word(stem, names=(name,)), Word(end, Sign.NEGATED)]
        return [Word(text, names=_compound(plain))]
    return [Word(text)]


def _simple(word: str) -> str:
    """The lexicon's name for a word or phrase, or for its base form; empty if unknown."""
    if name := SAME.get(word) or (word if word in KNOWN else ""):
        return name
    if len(word) > LONGEST_WORD or word in grammar.NO_FORMS:
        return ""
    english = next((form for form in bases(word) if form in KNOWN), "")
    plurals = (SAME.get(single, "") for single in _singles(word))
    return english or next(filter(None, plurals), "") or _german(word)


def _singles(word: str) -> Iterator[str]:
    """What a word may be a plural or a feminine of, in French and Spanish."""
    found = ((end.fullmatch(word), stem) for end, stem in ROMANCE_ENDINGS)
    return (match.expand(stem) for match, stem in found if match)


def _is_romance(word: str) -> bool:
    return word in ROMANCE or not ROMANCE.isdisjoint(_singles(word))


def _german(word: str) -> str:
    """The name of a German word in any of its forms, also with ae for ä."""
    for spelling in _spellings(word):
        if spelling in GERMAN:
            return GERMAN[spelling]
        for stem in map(spelling.removesuffix, GERMAN_ENDINGS):
            if len(stem) >= LEAST_STEM and stem in GERMAN:
                return GERMAN[stem]
    return ""


def _spellings(word: str) -> tuple[str, str]:
    """A word, and its variant with ae, oe, ue as ä, ö, ü (folded to a, o, u)."""
    return word, re.sub("([aou])e", r"\1", word)


def _compound(word: str) -> tuple[str, ...]:
    """The names of a compound's known parts; the longest known end is last."""
    return _german_parts(word) or _english_parts(word)


@lru_cache(maxsize=4096)  # each word beginning is looked up once
def _german_parts(word: str) -> tuple[str, ...]:
    for cut in range(LEAST_GERMAN, len(word) - LEAST_GERMAN + 1):
        parts = map(grammar.GERMAN_PARTS.get, _spellings(word[cut:]))
        head = next(filter(None, parts), "") or _german(word[cut:])
        front = _german_front(word[:cut]) if head else None
        if front is not None:
            return (*front, head)
    return ()


def _german_front(word: str) -> tuple[str, ...] | None:
    """The names of the parts before a head, with or without a linking letter; None if unknown."""
    for joint in grammar.JOINTS:
        stem = word.removesuffix(joint)
        if stem + joint == word:
            for spelling in (*_spellings(stem), stem + "e"):
                if spelling in grammar.GERMAN_PARTS or spelling in GERMAN:
                    name = grammar.GERMAN_PARTS.get(spelling, GERMAN.get(spelling, ""))
                    return (name,) if name else ()
    return _german_parts(word) or None


def _english_parts(word: str) -> tuple[str, ...]:
    for cut in range(LEAST_PART, len(word) - LEAST_PART + 1):
        front, head = word[:cut], word[cut:]
        name = next((end for end in (head, head.removesuffix("s")) if end in KNOWN), None)
        name = grammar.ENGLISH_ENDS.get(head, name)
        if front in KNOWN and name is not None and head not in grammar.NO_HEADS:
            return (front, name) if name else (front,)
    return ()


def _signs() -> dict[str, Sign]:
    return {
        word: sign
        for sign, words in (
            (Sign.FILLER, STOP_WORDS), (Sign.OR, grammar.ORS), (Sign.AND, grammar.ANDS),
            (Sign.NOT, grammar.NEGATIONS), (Sign.MORE, grammar.MORE), (Sign.LESS, grammar.LESS),
            (Sign.NEGATED, grammar.NEGATED),
        )
        for word in words
    }  # fmt: skip


SIGNS = _signs()
# Word endings that negate what precedes them: cloudless, wolkenlos.
LACKING = (("less", _simple), *((end, _german) for end in ("los", "frei", "leer")))
_phrases = [name.split() for name in (*KNOWN, *SIGNS) if " " in name]
LONGEST_PHRASE = max(map(len, _phrases))  # words
BEGINNINGS = {each[0] for each in _phrases}
JAPANESE = {*SAME, *SIGNS}
LONGEST_JAPANESE = max(len(word) for word in JAPANESE if re.fullmatch(f"[{KANA}{KANJI}]+", word))
