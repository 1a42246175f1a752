"""Noise levels as they are typed: one spelling, or one sentence with the cure."""

import random

import pytest

from engine import steps
from engine.catalog.controls import CausalParameters
from engine.parameters import describe

SPEC = next(spec for spec in describe(CausalParameters) if spec.name == "denoising_steps")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("[1000, 750, 500, 250]", "1000,750,500,250"),
        ("1000 750  500", "1000,750,500"),
        ("1000; 750; 500;", "1000,750,500"),
        ("1000.0,937.5,833.3333", "1000,937.5,833.333"),
        ("(1000, 750,)", "1000,750"),
        ("'1000,750'", "1000,750"),
        ("1000 -> 750 → 500", "1000,750,500"),
        ("1000|750/500", "1000,750,500"),
        ("１０００、７５０，５００", "1000,750,500"),
        ("1000\n750\r\n500\n", "1000,750,500"),
        ("[750]", "[750]"),
        ("(99)", "[99]"),
        ("'[937.5]'", "[937.5]"),
        ("1000", "1000"),
        ("[1000]", "1000"),
        ("4 steps", "1000,750,500,250"),
        ("1 Step", "1000"),
        ("10steps", "1000,900,800,700,600,500,400,300,200,100"),
        ("937,5; 833,3", "937.5,833.3"),
        ("1000,750; 500", "1000,750,500"),
        ("500,500,0", "500,500,0"),
        ("4", "1000,750,500,250"),
        ("[2]", "1000,500"),
        ("3.0", "1000,667,333"),
        (" Scope ", "scope"),
        ([1000, 750.0, 500], "1000,750,500"),
        ([937.5], "[937.5]"),
        ([20], "[20]"),
        (1000, "1000"),
        (4, "1000,750,500,250"),
        (1, "1000"),
        (10, "1000,900,800,700,600,500,400,300,200,100"),
    ],
)
def test_levels_are_taken_as_they_are_typed(typed: object, kept: str) -> None:
    assert SPEC.coerce(typed) == kept
    assert SPEC.check(typed) == kept
    assert SPEC.check(kept) == kept


@pytest.mark.parametrize(
    ("typed", "cure"),
    [
        ("250,500,1000", "denoising_steps must descend from noise to image; write 1000,500,250"),
        ("1000,500,750", "write 1000,750,500"),
        ("20", "takes a number of steps from 1 to 10, or levels such as 1000,750,500, not '20' al"),
        ("99", "[99] is one level; authors"),
        (750, "not '750' alone; [750] is one level"),
        (12.5, "not '12.5' alone; [12.5] is one level"),
        ("20 steps", "not '20 steps' alone"),
        ("0 steps", "1 to 10"),
        ("750,", "not '750' alone"),
        ("[0]", "not '0' alone; authors"),
        ("1.0, 0.75, 0.5", "counts from 1000 down, not from 1; write 1000,750,500"),
        ("0.25 0.5", "write 500,250"),
        ("0", "steps from 1 to 10, or levels such as 1000,750,500, not '0' alone"),
        ("11,12", "write 12,11"),
        ("2.5", "not '2.5' alone"),
        ("1001", "not '1001' alone"),
        ("-5", "not '-5'"),
        ("1000,,500", "not '1000,,500'"),
        ("1000,nan", "not '1000,nan'"),
        ("1e3", "not '1e3'"),
        ("", "not ''"),
        (
            "many",
            "takes at most 10 levels from 1000 down such as 1000,750,500, or a number of steps",
        ),
        ("many", "authors, scope, scope-video are lists by name"),
        (",".join(["0"] * 11), "at most 10 levels, not 11"),
        ("1000," * 400, "not '1000,"),
        ([True, 500], ""),
        ([], ""),
        ([["1000"]], ""),
        (float("nan"), ""),
    ],
)
def test_what_is_no_list_that_falls_is_refused_in_a_sentence(typed: object, cure: str) -> None:
    with pytest.raises(ValueError, match=r"^denoising_steps .*[.]$") as refused:
        SPEC.check(typed)
    assert cure in str(refused.value)
    assert len(str(refused.value)) < 300


def test_any_falling_list_comes_out_as_it_is_meant_however_it_is_written() -> None:
    draw = random.Random(4)
    for _ in range(2000):
        count = draw.randint(2, steps.MOST)
        levels = sorted((draw.randint(0, 1000) for _ in range(count)), reverse=True)
        between = draw.choice([",", ", ", ";", " ; ", " ", "\t", "/", " | ", "->", "，"])
        written = between.join(f"{level}{draw.choice(['', '.0', '.'])}" for level in levels)
        first, last = draw.choice([("[", "]"), ("(", ")"), ("", ""), ('"', '"'), ("{", "}")])
        if levels[0] <= 1:
            continue
        assert steps.levels(f"{first}{written}{last}") == tuple(map(float, levels)), written
