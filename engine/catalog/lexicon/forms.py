"""What a word may be a form of, in English: seas, boxes, cherries, leaves; foggy, wavy, spotted,
painted, burning.
"""

import re
from collections.abc import Iterator

# Each with what its stem lacks.
PLURALS = (
    (r"(.{2,}[^su])s", ""),
    (r"(.+(?:[sxzo]|ch|sh))es", ""),
    (r"(.{2,})ies", "y"),
    (r"(.{2,})ves", "f"),
    (r"(.{2,})ves", "fe"),
)
# A short closed syllable doubles its end before an ending: `tiny` is not a form of `tin`.
ENDING = "(?:y|ed|ing|ish)"
DERIVED = (
    (rf"(.+([^aeiou]))\2{ENDING}", ""),
    (rf"(?![^aeiou]*[aeiou][^aeiouwxy]{ENDING}$)(.+[^aeiou]){ENDING}", ""),
    (rf"(.+([^aeiou])(?<!\2\2)){ENDING}", "e"),
)
# By the last letter of a word
ENDINGS = {
    last: tuple((re.compile(ended), more) for ended, more in rows)
    for last, rows in (("s", PLURALS), *((last, DERIVED) for last in "ydgh"))
}


def bases(word: str) -> Iterator[str]:
    """Every word that this may be a form of."""
    for ended, more in ENDINGS.get(word[-1:], ()):
        if found := ended.fullmatch(word):
            yield found[1] + more
