"""What a prompt's words do to `stylize`: which are known, in which spelling, and what they show."""

import time
from itertools import combinations
from pathlib import Path
from unicodedata import normalize

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.bench.stylize import textured
from engine.catalog.controls import StylizeLoad, StylizeParameters
from engine.catalog.lexicon import (
    COLOURS,
    FORMS,
    LOOKS,
    MODIFIERS,
    SAME,
    STOP_WORDS,
    WORDS,
    folded,
    languages,
)
from engine.pipeline import Context
from engine.stylize.drawing import PATTERNS, draw
from engine.stylize.pipeline import Stylize
from engine.stylize.recipes import read
from tests.engine.stylize import words_drawn
from tests.engine.stylize.words_drawn import FAMILIES, SIXTY

TABLES = {"colours": COLOURS, "looks": LOOKS, "forms": FORMS, "modifiers": MODIFIERS, "same": SAME}


def lab(colours):
    """Colours (n, 3) of 0 to 255 in CIELAB."""
    return cv2.cvtColor(np.float32([colours]) / 255, cv2.COLOR_RGB2LAB)[0]


def shown(prompt):
    """The drawn reference: mean colour (3,) of 0 to 255, and mean chroma in CIELAB."""
    colours = draw(read(prompt))[..., :3].reshape(-1, 3)
    return colours.mean(0), np.hypot(*lab(colours)[:, 1:].T).mean()


@pytest.mark.parametrize("prompt", ["ocean waves", "water", "river", "waves", "swimming pool"])
def test_what_is_water_is_blue(prompt):
    (red, _, blue), chroma = shown(prompt)
    assert blue > red + 40
    assert chroma > 15


@pytest.mark.parametrize(
    "prompt", ["painting", "brush strokes", "art", "Van Gogh", "monet", "Frida Kahlo", "Kandinsky"]
)
def test_what_is_painted_has_colours(prompt):
    recipe = read(prompt)
    assert not recipe.unused
    assert shown(prompt)[1] > 12, "sepia and grey have less"
    assert len(set(recipe.colours)) >= 4


def test_painters_differ():
    names = ["van gogh", "monet", "mondrian", "rembrandt", "hokusai", "rothko", "klimt", "dürer"]
    means = {name: shown(name)[0] for name in names}
    for one, other in combinations(names, 2):
        assert np.abs(means[one] - means[other]).max() > 15, (one, other)


@pytest.mark.parametrize(
    ("prompt", "as_if"),
    [
        ("oceans", "ocean"), ("cherries", "cherry"), ("wolves", "wolf"), ("knives", "knife"),
        ("beaches", "beach"), ("spotted", "spot"), ("foggy", "fog"), ("muddy", "mud"),
        ("icy", "ice"), ("painted", "paint"), ("burning", "fire"), ("reddish", "red"),
        ("GRAY", "grey"), ("Vincent van Gogh's", "van gogh"), ("sci-fi", "scifi"),
        ("stained  glass", "stained"), ("pop_art", "pop art"), ("starry, night", "starry night"),
        ("dark-blue", "dark blue"),
    ],
)  # fmt: skip
def test_a_form_of_a_word_is_that_word(prompt, as_if):
    one, other = read(prompt), read(as_if)
    assert one.used
    assert (one.colours, one.patterns) == (other.colours, other.patterns)


@pytest.mark.parametrize(
    "word",
    [
        "tiny",
        "story",
        "policy",
        "caring",
        "staring",
        "busy",
        "many",
        "being",
        "news",
        "barren",
        "qwx",
    ],
)
def test_a_word_that_only_looks_like_a_form_has_no_influence(word):
    recipe = read(word)
    assert (recipe.colours, recipe.used, recipe.unused) == ((), (), (word,))


@pytest.mark.parametrize(
    ("english", "others"),
    [
        ("red", ["rot", "rouge", "rojo", "赤", "赤い"]),
        ("green", ["grün", "vert", "verde", "緑"]),
        ("white", ["Weiß", "weiss", "blanche", "blanco", "白"]),
        ("brown", ["braun", "brun", "marrón", "marron", "茶色"]),
        ("sea", ["Meer", "mer", "mar", "海"]),
        ("night", ["Nacht", "nuit", "noche", "夜"]),
        ("forest", ["Wald", "forêts", "foret", "bosques", "森"]),
        ("sunset", ["Sonnenuntergang", "atardecer", "夕焼け"]),
    ],
)
def test_the_commonest_words_of_other_languages(english, others):
    for other in others:
        for spelling in (other, normalize("NFD", other), other.upper()):
            assert read(spelling).colours == read(english).colours, spelling


def test_japanese_is_cut_where_its_words_end():
    recipe = read("青い海と赤い花、ﾈｵﾝ")
    assert recipe.used == ("青い", "海", "赤い", "花", "ネオン")
    assert not recipe.unused
    assert read("静かな海").unused == ("静か",)


def test_a_colour_that_is_named_is_the_colour():
    gold = read("gold").colours
    assert set(read("gold waves").colours) == set(gold), "not blue too"
    assert COLOURS["red"] in read("red house").colours
    assert read("waves").colours
    assert read("gold waves").patterns == read("waves").patterns


@pytest.mark.parametrize("word", MODIFIERS)
def test_a_modifier_alone_shows_something_and_else_changes_what_others_show(word):
    assert len(read(word).colours) >= 4
    assert read(f"{word} teal").colours != read("teal").colours
    assert COLOURS["teal"] == read("teal").colours[0]


def test_the_tables_hold_together():
    looks = {**LOOKS, **FORMS}
    assert {look.pattern for look in looks.values()} <= set(PATTERNS), "every drawing is there"
    named = {name for look in looks.values() for name in look.colours}
    named |= {name for modifier in MODIFIERS.values() for name in modifier.colours}
    assert named <= set(COLOURS)
    assert min(len(look.colours) for look in looks.values()) > 1
    for (one, first), (other, second) in combinations(TABLES.items(), 2):
        assert not set(first) & set(second), (one, other)
    assert not STOP_WORDS & {*COLOURS, *LOOKS, *FORMS, *MODIFIERS, *SAME}
    assert set(SAME.values()) <= {*COLOURS, *LOOKS, *FORMS, *MODIFIERS}


def test_a_foreign_word_stands_once():
    rows = [line.split(": ")[1].split() for line in languages.OTHERS.strip().splitlines()]
    words = [word for row in rows for word in row]
    assert sorted(words) == sorted(set(words))


def test_every_word_that_is_offered_acts_and_is_offered_once():
    assert len(WORDS) > 260 + 300
    assert len(set(WORDS)) == len(WORDS)
    for word in WORDS:
        recipe = read(word)
        assert recipe.colours, word
        assert recipe.used, word
        assert not recipe.unused, word


def test_every_drawing_shows_its_colours():
    for number, name in enumerate(PATTERNS):
        word = next(word for word, look in {**LOOKS, **FORMS}.items() if look.pattern == name)
        image = draw(read(word))
        assert image.shape == (256, 256, 4), (number, name)
        assert image[..., :3].std() > 8, name


@given(st.text(max_size=60))
def test_any_text_is_read_and_every_word_is_told_once(text):
    recipe = read(text)
    assert bool(recipe.colours) == bool(recipe.used)
    told = folded(" ".join((*recipe.used, *recipe.unused))).replace(" ", "")
    assert len(told) <= len(folded(text).replace(" ", ""))
    assert read(text) == recipe


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6), st.randoms())
def test_known_words_act_in_any_company_and_spelling(words, rng):
    typed = [rng.choice((str.upper, str.title, str.lower))(word) for word in words]
    recipe = read(rng.choice((", ", " ", " and ")).join(typed))
    assert recipe.colours
    assert not recipe.unused


def test_a_long_prompt_is_read_in_no_time():
    words = " ".join([*WORDS, "qwxyz", "unseen"] * 4)
    began = time.perf_counter()
    read(words)
    assert time.perf_counter() - began < 10, "against what grows with the square"


def named(colour):
    """The family of the twelve that a colour (3,) is nearest to, by `words_drawn`'s rule."""
    families = [(family, name) for family, names in FAMILIES.items() for name in names.split()]
    far = lab(np.array([COLOURS[name] for _, name in families])) - lab(np.array([colour]))
    return families[np.linalg.norm(far, axis=1).argmin()][0]


def sixties():
    """The first and the second sixty words of the draw, each with the colours it may be full of."""
    text = Path(__file__).with_name("words_expected.txt").read_text("utf-8")
    for part in text.split("# the second sixty\n"):
        rows = [line.split(":") for line in part.splitlines() if line[0] != "#"]
        yield {word: colours.split() for word, colours in rows}


def test_the_sixty_that_are_measured_are_those_that_were_drawn():
    lines = Path(words_drawn.__file__).with_suffix(".txt").read_text("utf-8").splitlines()
    drawn = [line for line in lines if line[0] != "#" and not line.endswith(" known")]
    first, second = sixties()
    assert drawn[: 2 * SIXTY] == [*first, *second]
    assert len(set(drawn)) == len(drawn) == 3 * SIXTY
    assert len(first) == len(second) == SIXTY
    assert not set(first) & set(second)


@pytest.mark.parametrize("number", [0, 1])
def test_of_sixty_words_drawn_at_random_half_act_and_of_those_most_are_right(number):
    expected = [*sixties()][number]
    acting = [word for word in expected if read(word).used]
    right = [word for word in acting if is_right(word, expected[word])]
    print(f"{len(acting)} of {SIXTY} act, {len(right)} of those are right")
    print("wrong:", [word for word in acting if word not in right])
    assert len(acting) >= SIXTY / 2
    assert len(right) >= 0.85 * len(acting)


def is_right(word, expected):
    families = [named(colour) for colour in read(word).colours]
    return sum(family in expected for family in families) >= 2 / 3 * len(families)


@pytest.mark.slow
def test_each_of_them_that_is_used_is_seen(tmp_path):
    pipeline = Stylize(StylizeLoad(backend="onnx"), Context(tmp_path, tmp_path, lambda *_: None))
    image = textured(64, 64)
    for word in [word for words in sixties() for word in words]:
        parameters = StylizeParameters(prompt=word, fade=0, steady=0)
        for _ in range(2000):
            (painted,) = pipeline([image], parameters)
            if not pipeline.report()["arriving"]:
                break
            time.sleep(0.005)
        changed = np.abs(painted[..., :3].astype(int) - image[..., :3]).mean()
        assert (changed > 10) == bool(read(word).used), word
    pipeline.close()
