"""Names that people give, of looks and of cues."""

import re
import unicodedata
from typing import Any

from engine.system.texts import mended

LONGEST = 80  # characters of a name, as it is given and as it is kept
# For character classes of any regex dialect: control characters, line ends, and direction marks,
# which make a name look like another.
NO_LETTERS = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
# What shows nothing: Unicode's Default_Ignorable_Code_Point, and the blank of Braille.
UNSEEN = (
    r"\u00ad\u034f\u061c\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u206f\u2800"
    r"\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
PATTERN = f"^[^{NO_LETTERS}]*[^\\s{NO_LETTERS}{UNSEEN}][^{NO_LETTERS}]*$"
NAME = re.compile(PATTERN)
SCHEMA: dict[str, Any] = {"minLength": 1, "maxLength": LONGEST, "pattern": PATTERN}  # of a body


def named(text: str, whose: str, *, needed: bool = True) -> str:
    """A name as it is kept, composed (NFC) and without blanks around it; ValueError, in one
    sentence about `whose` name, if it is none. Unless `needed`, it may be empty.
    """
    name = unicodedata.normalize("NFC", mended(text)).strip()
    good = NAME.fullmatch(name) if name else not needed
    if not good or max(len(text), len(name)) > LONGEST:
        raise ValueError(
            f"{whose} name takes 1 to {LONGEST} characters, one of which can be seen, without line "
            f"breaks and direction marks, not {name[:LONGEST]!r}."
        )
    return name
