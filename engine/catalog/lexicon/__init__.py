"""What `stylize` knows of words, as data: colours, looks, forms, modifiers, other languages.

A name stands in one of COLOURS, LOOKS, FORMS and MODIFIERS, or in SAME, which gives the name there
that means the same. All are written as `folded` gives them; WORDS has them as people type them.
"""

import re
from unicodedata import normalize

from engine.catalog.lexicon import culture, languages, nature, things
from engine.catalog.lexicon.grammar import STOP_WORDS
from engine.catalog.lexicon.palette import COLOURS, MODIFIERS, Colour, Modifier
from engine.catalog.lexicon.table import Look, parsed

__all__ = [
    "AMBIENT", "COLOURS", "FORMS", "GERMAN", "LOOKS", "MODIFIERS", "ROMANCE", "SAME", "SPELLED",
    "STOP_WORDS", "WORDS", "Colour", "Look", "Modifier", "folded",
]  # fmt: skip


def folded(text: str) -> str:
    """How words are compared: small letters, no accents, one blank between words, kana whole."""
    plain = re.sub("[\u0300-\u036f]", "", normalize("NFKD", text.casefold()))
    return " ".join(re.findall(r"[^\W_]+", normalize("NFC", plain)))


_looks = parsed(nature.LOOKS, culture.LOOKS, things.LOOKS)
_forms = parsed(things.FORMS)
_languages = languages.meant()
_foreign = {word: same for words in _languages.values() for word, same in words.items()}

# What has the colours of the words before it where there are any: a night sky is no day's.
AMBIENT = frozenset(
    "sky heaven landscape countryside scenery nature weather horizon air atmosphere world".split()  # noqa: SIM905 - a list of words is read as words
)
LOOKS = {folded(name): look for name, look in _looks.items()}
# Their colours hold only where no other word brings any: gold waves are gold.
FORMS = {folded(name): look for name, look in _forms.items()}
_english = {*COLOURS, *LOOKS, *FORMS, *MODIFIERS}
# English comes first where a word is of two languages.
SAME = {
    folded(name): same
    for name, same in _foreign.items()
    if folded(name) not in _english and folded(name) not in STOP_WORDS
}
# As typed: what is another word without its accents (bär, thé).
SPELLED = {name: same for name, same in _foreign.items() if folded(name) not in {*SAME, name}}
# What German has, also where English comes first, for what is composed of it.
GERMAN = {folded(name): same for name, same in _languages["german"].items()}
# Of these languages adjectives stand behind their noun.
ROMANCE = {folded(name) for key in ("french", "spanish") for name in _languages[key]} - {*GERMAN}
WORDS = tuple(dict.fromkeys([*COLOURS, *MODIFIERS, *_looks, *_forms, *_foreign]))
