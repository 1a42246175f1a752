"""Public names change only together with `tests/golden/public_names.json`."""

import json
import sys
from importlib.util import find_spec

import pytest

from tests.public_names import ACCEPT, BENCH, GOLDEN, bench_names, differences, names

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="rings are files there")

KNOWN = json.loads(GOLDEN.read_text("utf-8"))
OF_BENCH = {name: about for name, about in KNOWN.items() if name.startswith(BENCH)}


def same(old, new) -> None:
    lines = differences(old, new)
    assert not lines, "\n".join(["the public names differ", *lines, ACCEPT])


@pytest.mark.slow
def test_the_public_names_are_those_of_before():
    same({name: about for name, about in KNOWN.items() if name not in OF_BENCH}, names())


@pytest.mark.slow
@pytest.mark.skipif(find_spec("torch") is None, reason="the extra `engine` is not installed")
def test_the_flags_of_bench_engine_are_those_of_before():
    same(OF_BENCH, bench_names())


def test_a_difference_is_told_by_name():
    assert differences({"a": "1", "b": "2", "c": "3"}, {"b": "4", "c": "3", "d": "5"}) == [
        "went: a (1)", "came: d (5)", "changed: b (2 -> 4)",
    ]  # fmt: skip
