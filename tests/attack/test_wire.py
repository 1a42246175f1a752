"""Mutated messages against a server and a relay; more of them: `python -m tests.attack.wire`."""

import pytest

from tests.attack.wire import GROWTH, Seen, against_relay, against_server
from tests.support.echo import installed
from tests.support.serving import serving

pytestmark = pytest.mark.slow
COUNT = 4000


def check(seen: Seen) -> None:
    assert seen.messages >= COUNT
    assert seen.connections > COUNT / 100, "it opens others after each bad message"
    assert seen.growth < GROWTH
    assert seen.slowest < 3


def test_a_server_answers_others_whatever_it_is_told(tmp_path):
    with serving(tmp_path / "server", env=installed(tmp_path / "plug-ins")) as server:
        check(against_server(server, COUNT))


def test_a_relay_lives_whatever_a_server_says():
    check(against_relay(COUNT))
