"""The size that the engine works at, and the multiples of its sides."""

import pytest

from engine.catalog.rows import BUILT_IN
from engine.catalog.specs import TOKEN_SIDE
from engine.sizes import HIGH, LARGEST_AUTO, SQUARE, WIDE, engine_size


def test_sizes_are_floored_and_raised_never_refused_for_being_odd():
    assert engine_size("auto", 16, (1920, 1080)) == (576, 320)
    assert engine_size("auto", 16, (1080, 1920)) == (320, 576)
    assert engine_size("auto", 16, (500, 500)) == (512, 512)
    assert engine_size("640x360", 16, (1, 1)) == (640, 352)
    assert engine_size("3x3", 16, (1, 1)) == (16, 16)
    assert engine_size("832*5", 16, (1, 1)) == (832, 16)
    with pytest.raises(ValueError, match=r"^size takes auto or .*576x320.*, not 'big'\.$"):
        engine_size("big", 16, (1, 1))


def test_auto_takes_nothing_larger_than_what_memory_is_counted_for():
    assert max((WIDE, HIGH, SQUARE), key=lambda size: size[0] * size[1]) == LARGEST_AUTO


@pytest.mark.parametrize("row", BUILT_IN, ids=lambda row: row.id)
def test_the_sizes_of_auto_need_no_flooring_and_a_causal_row_floors_to_tokens(row):
    assert row.spec is None or row.multiple == TOKEN_SIDE
    for size in (WIDE, HIGH, SQUARE, row.spec.text_size if row.spec else SQUARE):
        assert engine_size("x".join(map(str, size)), row.multiple, (1, 1)) == size
