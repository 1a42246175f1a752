"""The words that `stylize` knows, as data: colours, looks, forms, modifiers, other languages.

A name is in one of COLOURS, LOOKS, FORMS and MODIFIERS, or in SAME, which maps it to a name there
with the same meaning. All are stored as returned by `folded`; WORDS has them as people type them.
"""

import re
from unicodedata import normalize

from engine.catalog.lexicon import culture, languages, nature, things
from engine.catalog.lexicon.forms import bases
from engine.catalog.lexicon.grammar import NO_FORMS, STOP_WORDS
from engine.catalog.lexicon.palette import COLOURS, MODIFIERS, Colour, Modifier
from engine.catalog.lexicon.table import Look, parsed

__all__ = [
    "AMBIENT", "COLOURS", "FORMS", "GERMAN", "LOOKS", "MODIFIERS", "ROMANCE", "SAME", "SPELLED",
    "STOP_WORDS", "WORDS", "WORDS_OF_THEIR_OWN", "Colour", "Look", "Modifier", "bases", "folded",
]  # fmt: skip

ACCENTS = re.compile("[\u0300-\u036f]")  # apart from their letters
LETTERS = re.compile(r"[^\W_]+")


def folded(text: str) -> str:
    """A text for comparison: lower case, no accents, one space between words, kana kept."""
    plain = text.casefold()
    if not plain.isascii():
        plain = normalize("NFC", ACCENTS.sub("", normalize("NFKD", plain)))
    return " ".join(LETTERS.findall(plain))


_looks = parsed(nature.LOOKS, culture.LOOKS, things.LOOKS)
_forms = parsed(things.FORMS)
_languages = languages.meant()
_foreign = {word: same for words in _languages.values() for word, same in words.items()}

# These take the colours of preceding words, if any: a night sky has no daylight colours.
AMBIENT = frozenset(
    "sky heaven landscape countryside scenery nature weather horizon air atmosphere world".split()  # noqa: SIM905 - a list of words is read as words
)
LOOKS = {folded(name): look for name, look in _looks.items()}
# Their colours apply only if no other word has any: gold waves are gold.
FORMS = {folded(name): look for name, look in _forms.items()}
_english = {*COLOURS, *LOOKS, *FORMS, *MODIFIERS}
_plain = {name: folded(name) for name in _foreign}
# A word of two languages is read as English first.
SAME = {
    _plain[name]: same
    for name, same in _foreign.items()
    if _plain[name] not in _english and _plain[name] not in STOP_WORDS
}
# As typed: words that without accents would be another word (bär, thé).
SPELLED = {
    name: same
    for name, same in _foreign.items()
    if _plain[name] not in SAME and _plain[name] != name
}
# All German words, even those read as English first, for compounds.
GERMAN = {_plain[name]: same for name, same in _languages["german"].items()}
# Languages in which adjectives follow their noun.
ROMANCE = {_plain[name] for key in ("french", "spanish") for name in _languages[key]} - {*GERMAN}
WORDS = tuple(dict.fromkeys([*COLOURS, *MODIFIERS, *_looks, *_forms, *_foreign]))
# As `folded` returns them: these are read as forms of no other word.
WORDS_OF_THEIR_OWN = frozenset([*_english, *SAME, *STOP_WORDS, *NO_FORMS])
