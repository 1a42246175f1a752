"""The tests here run in the Windows Python; on Linux, tests/test_wine.py starts it."""

import sys

import pytest

collect_ignore_glob = [] if sys.platform == "win32" else ["*.py"]


@pytest.fixture(scope="session")
def peers():
    """Other programs with Spout, for all tests: to start one takes seconds."""
    from rig_tools import Peers

    running = Peers()
    yield running
    running.close()


@pytest.fixture
def other(peers):
    """Another program, which has nothing to do."""
    return peers.idle(1)[0]


@pytest.fixture
def others(peers):
    """Two of them."""
    return peers.idle(2)
