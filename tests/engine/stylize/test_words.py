"""What a prompt's words do to `stylize`: which are known, in which spelling, and what they show."""

import re
import time
from itertools import combinations
from pathlib import Path
from unicodedata import normalize

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bench.stylize import textured
from engine.catalog.controls import StylizeLoad, StylizeParameters
from engine.catalog.lexicon import (
    COLOURS,
    FORMS,
    LOOKS,
    MODIFIERS,
    SAME,
    SPELLED,
    STOP_WORDS,
    WORDS,
    folded,
    grammar,
    languages,
)
from engine.pipeline import Context
from engine.stylize.drawing import PATTERNS, draw
from engine.stylize.pipeline import Stylize
from engine.stylize.recipes import Recipe, read
from tests.engine.stylize import words_drawn
from tests.engine.stylize.words_drawn import FAMILIES, SEEDS, SIXTY
from tests.support.slow_cases import rest_slow

DRAWN = {**LOOKS, **FORMS, **MODIFIERS}
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


@pytest.mark.slow
def test_weather_lies_over_what_it_stands_at():
    assert shown("wet asphalt")[0].max() < 90, "asphalt is dark, and darker when it is wet"
    assert shown("wet sand")[0].mean() < shown("sand")[0].mean() - 20
    assert shown("foggy morning")[1] < 0.6 * shown("morning")[1]
    assert shown("misty forest")[0].mean() > shown("forest")[0].mean() + 20
    assert shown("burnt wood")[0].mean() < shown("wood")[0].mean() - 20
    assert shown("moody sunset")[1] < shown("sunset")[1]
    assert shown("black and white sunset")[1] < 3


def test_white_things_have_shades():
    for prompt in ("weisse Wolken", "white cat", "white sea"):
        lightness = draw(read(prompt))[..., :3].mean(2)
        assert np.ptp(lightness) > 60, prompt
        assert lightness.mean() > 150, prompt


@pytest.mark.parametrize(
    "prompt",
    [
        "burnt orange", "moody", "euphoria", "patina", "aurora borealis", "brutalist", "overgrown",
        "iridescent", "molten", "liminal", "post-apocalyptic", "kintsugi", "lo-fi", "hot pink",
        "mother of pearl", "bioluminescent mushrooms", "dark academia", "chiaroscuro", "solarpunk",
    ],
)  # fmt: skip
def test_what_artists_type_acts(prompt):
    recipe = read(prompt)
    assert recipe.colours
    assert not recipe.unused


def test_a_colour_of_two_words_is_no_thing():
    assert set(read("hot pink").patterns) == {"strokes"}
    assert read("sky blue waves").patterns == read("waves").patterns


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
        "watching",
        "portland",
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


@pytest.mark.parametrize(
    ("prompt", "as_if"),
    [
        ("regnerischer Abend", "rainy evening"), ("bei Kerzenlicht", "candlelight"),
        ("verschneite Wälder", "snowy forest"), ("Regentropfen", "drop"), ("Häuser", "house"),
        ("mit Schmetterlingen", "butterfly"), ("gläserne Türme", "glass tower"),
        ("Schaum", "foam"), ("ruhiges", "calm"), ("Männer", "men"),
        ("brumeuse", "foggy"), ("lavande", "lavender"), ("neiges", "snow"), ("orageuses", "stormy"),
        ("chandelles", "candle"), ("des forêts brumeuses", "foggy forest"), ("vives", "vivid"),
        ("noires", "black"), ("profondes", "deep"), ("oiseaux", "bird"), ("anciennes", "ancient"),
        ("lluviosas", "rainy"), ("oscuras", "dark"), ("flores", "flower"), ("dorados", "gold"),
        ("espuma", "foam"), ("velas", "candle"), ("corazones", "heart"),
        ("泡", "foam"), ("ラベンダー", "lavender"), ("雨の街", "rainy city"), ("提灯", "lantern"),
    ],
)  # fmt: skip
def test_everyday_words_of_other_languages_in_their_forms(prompt, as_if):
    recipe = read(prompt)
    assert recipe.used
    assert not recipe.unused
    assert set(recipe.colours) == set(read(as_if).colours)


FOREIGN = {key: [*table] for key, table in languages.meant().items()}
OTHERWISE = {*grammar.NO_FORMS, *grammar.STOP_WORDS}  # forms that mean something else in English


@given(st.sampled_from([word for word in FOREIGN["german"] if len(word) > 3]))
def test_a_german_word_is_known_with_each_of_its_endings(word):
    for ending in ("e", "en", "er", "es", "em", "n", "s"):
        if folded(word + ending) not in OTHERWISE:
            assert read(word + ending).used, word + ending


@given(st.sampled_from([*FOREIGN["french"], *FOREIGN["spanish"]]))
def test_a_french_or_spanish_word_is_known_in_its_plural(word):
    plural = word if word[-1] in "sxz" else word + ("x" if word.endswith("eau") else "s")
    if folded(plural) not in OTHERWISE and word not in SPELLED:
        assert read(plural).used, plural


def test_japanese_is_cut_where_its_words_end():
    recipe = read("青い海と赤い花、ﾈｵﾝ")
    assert recipe.used == ("青い", "海", "赤い", "花", "ネオン")
    assert not recipe.unused
    assert read("怠惰な海").unused == ("怠惰",)


@pytest.mark.parametrize(
    ("compound", "as_if"),
    [
        ("dunkelrot", "dark red"), ("hellblau", "light blue"), ("knallgelbe", "vivid yellow"),
        ("Dunkelgrüner", "dark green"), ("himmelblau", "blue"), ("blutroter", "crimson"),
        ("Winterlandschaft", "winter landscape"), ("Schneelandschaft", "snow landscape"),
        ("Großstadt", "city"), ("Grossstadt", "city"), ("GROSSSTÄDTE", "city"),
        ("Wasserfall", "waterfall"), ("Wasserfaelle", "waterfall"), ("Blauwal", "blue whale"),
        ("Gruenflaeche", "green field"), ("goldleaf", "gold leaf"),
        ("dreamscape", "dream landscape"),
    ],
)  # fmt: skip
def test_a_compound_is_its_parts(compound, as_if):
    recipe, parts = read(compound), read(as_if)
    assert set(recipe.colours) == set(parts.colours)
    assert recipe.patterns == parts.patterns[-1:], "the head draws"
    assert recipe.used == (compound.lower(),)
    assert not recipe.unused


@pytest.mark.parametrize(
    ("prompt", "as_if"),
    [
        ("Nachthimmel", "night"), ("Apfelbaum", "apple tree"), ("Herbstwald", "autumn forest"),
        ("Sommernachtstraum", "summer night dream"), ("Sternennacht", "star night"),
    ],
)  # fmt: skip
def test_what_stands_before_a_head_colours(prompt, as_if):
    assert set(read(prompt).colours) == set(read(as_if).colours)


@pytest.mark.parametrize(
    "word",
    ["scarcity", "trafficking", "hardship", "reason", "Beschwerde", "gestern", "Pflicht"],
)
def test_what_only_seems_a_compound_is_none(word):
    assert not read(word).used


@pytest.mark.parametrize(
    ("prompt", "as_if"),
    [
        ("roter Himmel", "red sky"), ("weisse Wolken", "white cloud"), ("Wiesen", "meadow"),
        ("dunkler Wäldern", "dark forest"), ("bleu clair", "light blue"), ("Bäume", "tree"),
        ("azul oscuro", "dark blue"), ("bleus profonds", "deep blue"), ("châteaux", "castle"),
        ("青い海", "blue sea"), ("赤の空", "red sky"), ("nubes blancas", "white clouds"),
        ("der Bär", "bear"), ("une tasse de thé", "tea"),
    ],
)  # fmt: skip
def test_forms_of_other_languages(prompt, as_if):
    assert set(read(prompt).colours) == set(read(as_if).colours)


@pytest.mark.parametrize(
    "prompt",
    [
        "Sonnenuntergang am Meer", "Wald bei Nacht", "Licht für die Nacht", "très bleu", "la mer",
        "un château au bord de la mer", "l'eau des rivières", "el mar con las olas", "muy rojo",
        "the sky over the sea, with a very red sun", "Haus im Wald und am Meer, sehr dunkel",
        "夜の海と月", "赤くて青い", "in the manner of Monet", "sehr viel Rot", "too dark",
    ],
)  # fmt: skip
def test_fillers_are_not_told(prompt):
    assert not read(prompt).unused


@pytest.mark.parametrize(
    ("prompt", "told", "as_if"),
    [
        ("city without people", "without people", "city"),
        ("city without people and cars", "without people and cars", "city"),
        ("without any people in the city", "without any people", "city"),
        ("ciel sans nuages", "sans nuages", "ciel"), ("cielo sin nubes", "sin nubes", "cielo"),
        ("雲のない空", "雲のない", "空"), ("red roses, no red", "no red", "red roses"),
        ("cloudless sky", "cloudless", "sky"), ("wolkenlos, Meer", "wolkenlos", "meer"),
        ("cloud-free sky", "cloud-free", "sky"), ("free of clouds, sea", "free of clouds", "sea"),
        ("sea, isn't dark", "isn t dark", "sea"),
    ],
)  # fmt: skip
def test_what_is_negated_does_not_act_and_is_told(prompt, told, as_if):
    recipe = read(prompt)
    assert recipe.unused == recipe.negated == (told,)
    assert (recipe.colours, recipe.patterns) == (read(as_if).colours, read(as_if).patterns)


@pytest.mark.parametrize(
    ("prompt", "told", "as_if"),
    [
        ("no red, blue sky", "no red", "blue sky"), ("sea not red", "not red", "sea"),
        ("blue, no red or pink flowers", "no red or pink flowers", "blue"),
        ("kein Rot, Meer", "kein rot", "meer"), ("Meer ohne Rot", "ohne rot", "meer"),
        ("pas de rouge, mer", "pas de rouge", "mer"), ("mar, nada de rojo", "nada de rojo", "mar"),
        ("赤くない空", "赤くない", "空"), ("海、赤なし", "赤なし", "海"),
    ],
)  # fmt: skip
def test_a_colour_that_is_not_wanted_and_not_there_is_no_ignored_word(prompt, told, as_if):
    recipe = read(prompt)
    assert told in recipe.used
    assert not recipe.unused + recipe.negated
    assert (recipe.colours, recipe.patterns) == (read(as_if).colours, read(as_if).patterns)


@pytest.mark.parametrize("prompt", ["no red", "ohne Rot", "sans rouge", "sin rojo", "赤なし"])
def test_a_negation_alone_is_no_look(prompt):
    assert not read(prompt).colours


def test_a_colour_that_is_not_wanted_goes_out_of_a_look():
    recipe = read("sunset without orange")
    assert recipe.used == ("sunset", "without orange")
    assert COLOURS["orange"] in read("sunset").colours
    assert COLOURS["orange"] not in recipe.colours
    assert COLOURS["gold"] in recipe.colours
    assert read("nothing but red") == read("red")
    both = read("sunset without orange and gold")
    assert not {COLOURS["orange"], COLOURS["gold"]} & {*both.colours}


@pytest.mark.parametrize(
    ("less", "more"),
    rest_slow([
        ("less {}", "more {}"), ("weniger {}", "mehr {}"), ("moins de {}", "plus de {}"),
        ("menos {}", "más {}"), ("a bit of {}", "very {}"), ("a hint of {}", "a lot of {}"),
        ("etwas {}", "sehr {}"), ("un peu de {}", "très {}"), ("少し{}", "もっと{}"),
    ]),
)  # fmt: skip
def test_more_and_less_weigh(less, more):
    green = [read(f"{way.format('赤' if '少' in less else 'red')}, green") for way in (less, more)]
    parts = [recipe.colours.count(COLOURS["green"]) / len(recipe.colours) for recipe in green]
    assert parts[0] > 0.5 > parts[1]
    assert not green[0].unused + green[1].unused
    assert shown(less.format("orange"))[1] < shown("orange")[1]


def test_less_of_what_a_look_brings_halves_it():
    whole, less = read("sunset").colours, read("sunset, less orange").colours
    orange = COLOURS["orange"]
    assert 0 < less.count(orange) / len(less) < whole.count(orange) / len(whole)


def test_an_adjective_acts_on_what_it_stands_at():
    blue, red = read("dark blue").colours[0], COLOURS["red"]
    assert {blue, red} == set(read("dark blue, red").colours)
    assert {red, blue} == set(read("red and dark blue").colours)
    assert read("dark, red and blue").colours[0] != red, "alone it acts on all"
    assert set(read("ciel rouge").colours) == set(read("red").colours)
    assert set(read("night sky").colours) == set(read("night").colours)
    (red, _, blue), _ = shown("roter Himmel")
    assert red > blue + 60


@pytest.mark.parametrize(
    "prompt",
    [
        "#ff0000", "#F00", "#f00f", "#ff0000ff", "0xFF0000", "ff0000", "＃ff0000", "rgb(255,0,0)",
        "RGB( 255 0 0 )", "rgb (255, 0, 0)", "rgba(255,0,0,0.5)", "rgb(100%,0%,0%)",
        "rgb(1.0, 0, 0)", "hsl(0, 100%, 50%)", "hsl(360 100 50)", "rgb(300,-5,0)",
    ],
)  # fmt: skip
def test_colours_written_in_numbers(prompt):
    recipe = read(f"{prompt} waves")
    assert recipe.colours[0] == (255, 0, 0)
    assert not recipe.unused
    assert len(recipe.used) == 2
    assert recipe.patterns == read("waves").patterns
    assert read(f"dark {prompt}").colours[0] < (150, 0, 0)


@pytest.mark.parametrize(
    "prompt", ["#12345", "rgb(1,2)", "rgb()", "hsl(a)", "123456", "decade", "#x"]
)
def test_what_is_no_colour_is_told(prompt):
    assert not read(prompt).colours


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
    patterns = {row.pattern for row in DRAWN.values()} - {""}
    assert patterns == set(PATTERNS), "every drawing is there"
    assert {row.veil for row in MODIFIERS.values()} - {""} <= set(COLOURS)
    named = {name for look in looks.values() for name in look.colours}
    named |= {name for modifier in MODIFIERS.values() for name in modifier.colours}
    assert named <= set(COLOURS)
    assert min(len(look.colours) for look in looks.values()) > 1
    for (one, first), (other, second) in combinations(TABLES.items(), 2):
        assert not set(first) & set(second), (one, other)
    assert not STOP_WORDS & {*COLOURS, *LOOKS, *FORMS, *MODIFIERS, *SAME}
    assert set(SAME.values()) <= {*COLOURS, *LOOKS, *FORMS, *MODIFIERS}


def test_a_foreign_word_stands_once():
    rows = [row.partition(":")[2].replace("/", " ").split() for row in languages.OTHERS.split("\n")]
    words = [word for row in rows for word in set(row)]
    assert sorted(words) == sorted(set(words))


def test_every_word_that_is_offered_acts_and_is_offered_once():
    assert len(WORDS) > 260 + 300
    assert len(set(WORDS)) == len(WORDS)
    for word in WORDS:
        recipe = read(word)
        assert recipe.colours, word
        assert recipe.used, word
        assert not recipe.unused, word


@pytest.mark.slow
def test_every_drawing_shows_its_colours():
    for number, name in enumerate(PATTERNS):
        word = next(word for word, row in DRAWN.items() if row.pattern == name)
        image = draw(read(word))
        assert image.shape == (256, 256, 4), (number, name)
        assert image[..., :3].std() > 8, name


@pytest.mark.parametrize("name", rest_slow(sorted({*PATTERNS} - {"hatch", "sheen"})))
def test_a_drawing_has_all_colours_of_its_palette(name):
    """But paper under ink, and wet ground with its lights."""
    colours = ((30, 30, 90), (200, 40, 40), (60, 160, 70), (240, 200, 60), (250, 250, 250))
    image = draw(Recipe(colours, (name,), (), ()))[..., :3].astype(int)
    nearest = ((image[:, :, None] - np.array(colours)) ** 2).sum(3).argmin(2)
    assert np.bincount(nearest.ravel(), minlength=5).min() > 0.02 * nearest.size


# What readers could stumble over: endless words, runs of kana, brackets, words that change others.
PIECES = (
    "a", "e", "s", "ing", "rot", "roten", "nacht", "wald", "ae", "star", "light", "less", "los",
    " ", "no ", "or ", "more ", "dark ", "a bit ", "a little bit ", "blue ", "sky ", "\u3042",
    "\u3044\u306a", "\u8d64", "\u6d77", "\u306e", "rgb(", "rgb(1,2,3)", "#", "#f00", "0x",
    "(", ",", "-", "'",
)  # fmt: skip
ALPHABET = st.one_of(
    st.characters(), st.sampled_from("#()ae,no rotsunf%0f-'\u3044\u306e\u8d64\u00df\u0308")
)


@given(st.text(ALPHABET, max_size=60))
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


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), min_size=1, max_size=9))
def test_five_thousand_letters_of_any_kind_are_read_at_once(pieces):
    text = ("".join(pieces) * 5000)[:5000]
    began = time.process_time()
    read(text)
    assert time.process_time() - began < 1


@pytest.mark.slow
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
    """The sixty words of each draw, each with the colours it may be full of."""
    text = Path(__file__).with_name("words_expected.txt").read_text("utf-8")
    for part in re.split("# the [a-z]+ sixty\n", text):
        rows = [line.split(":") for line in part.splitlines() if line[0] != "#"]
        yield {word: colours.split() for word, colours in rows}


def test_the_sixty_that_are_measured_are_those_that_were_drawn():
    lines = Path(words_drawn.__file__).with_suffix(".txt").read_text("utf-8").splitlines()
    drawn = [line for line in lines if line[0] != "#" and not line.endswith(" known")]
    assert drawn == [word for words in sixties() for word in words]
    assert len(set(drawn)) == len(SEEDS) * SIXTY
    assert [len(words) for words in sixties()] == [SIXTY] * len(SEEDS)


@pytest.mark.parametrize("number", range(len(SEEDS)))
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
    for word in [word for words in [*sixties()][-2:] for word in words]:
        [
            *pipeline([image], StylizeParameters(prompt="", fade=0))
        ]  # what has no known word keeps a look
        parameters = StylizeParameters(prompt=word, fade=0, anti_flicker=0)
        for _ in range(2000):
            (painted,) = pipeline([image], parameters)
            if not pipeline.report()["arriving"]:
                break
            time.sleep(0.005)
        changed = np.abs(painted[..., :3].astype(int) - image[..., :3]).mean()
        assert (changed > 10) == bool(read(word).used), word
    pipeline.close()
