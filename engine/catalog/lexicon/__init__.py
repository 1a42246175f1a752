"""What `stylize` knows of words, as data: colours, looks, forms, modifiers, other languages.

A name stands in one of COLOURS, LOOKS, FORMS and MODIFIERS, or in SAME, which gives the name there
that means the same. All are written as `folded` gives them; WORDS has them as people type them.
"""

import re
from unicodedata import normalize

from engine.catalog.lexicon import culture, languages, nature, things
from engine.catalog.lexicon.languages import NO_FORMS, STOP_WORDS
from engine.catalog.lexicon.palette import COLOURS, MODIFIERS, Colour, Modifier
from engine.catalog.lexicon.table import Look, parsed

__all__ = [
    "COLOURS", "FORMS", "LOOKS", "MODIFIERS", "NO_FORMS", "SAME", "STOP_WORDS", "WORDS",
    "Colour", "Look", "Modifier", "folded",
]  # fmt: skip


def folded(text: str) -> str:
    """How words are compared: small letters, no accents, one blank between words, kana whole."""
    plain = re.sub("[\u0300-\u036f]", "", normalize("NFKD", text.casefold()))
    return " ".join(re.findall(r"[^\W_]+", normalize("NFC", plain)))


_looks = parsed(nature.LOOKS, culture.LOOKS, things.LOOKS)
_forms = parsed(things.FORMS)
_foreign = languages.meant()

LOOKS = {folded(name): look for name, look in _looks.items()}
# Their colours hold only where no other word brings any: gold waves are gold.
FORMS = {folded(name): look for name, look in _forms.items()}
_english = {*COLOURS, *LOOKS, *FORMS, *MODIFIERS}
# English comes first where a word is of two languages.
SAME = {folded(name): same for name, same in _foreign.items() if folded(name) not in _english}
WORDS = tuple(dict.fromkeys([*COLOURS, *MODIFIERS, *_looks, *_forms, *_foreign]))
