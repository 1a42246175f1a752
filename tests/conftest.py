"""What every test needs: an environment of its own, and which tests share a worker of xdist.

Markers (slow, alone, gpu …) are set in each test, and explained in pyproject.toml.
"""

import gc
import os
import sys
import tempfile
from collections import Counter
from contextlib import suppress

import pytest

from engine.system import builds, devices

# What these tests read themselves; any other SPOUT_BRIDGE_* would change the bridges they start.
OURS = ("SPOUT_BRIDGE_GOLDEN", "SPOUT_BRIDGE_NEW_GOLDEN", "SPOUT_BRIDGE_TEST_VALUES")
WINE = "/test_wine"  # begins the names of files that share one Wine server and its one desktop


def pytest_configure(config: pytest.Config) -> None:
    """Nothing of the user's bridge is read or written; workers do not fight for the cores."""
    for name in os.environ.keys() - OURS:
        if name.startswith("SPOUT_BRIDGE_"):
            del os.environ[name]
    data = tempfile.TemporaryDirectory(prefix="spout-bridge-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(data.cleanup)
    os.environ["LOCALAPPDATA" if sys.platform == "win32" else "XDG_DATA_HOME"] = data.name
    build = builds.installed()
    if build and build.cuda is None and devices.gpus():  # a card that torch cannot use
        os.environ.setdefault(devices.VISIBLE, devices.HIDDEN)
    # Else each of the hundreds of processes that they start would compile the packages anew.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    with suppress(ImportError):  # the Python under Wine is without
        from hypothesis import HealthCheck, settings

        # An example may take as long as a busy machine lets it.
        settings.register_profile(
            "ours", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        )
        settings.load_profile("ours")


def pytest_collection_finish() -> None:
    """Half a million objects stay to the end: who collects garbage need not look at each."""
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: one more than cores, since most tests wait most of the time."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """The tests of a file run in one worker, in their order, and share what the file starts."""
    if config.getoption("dist") != "load":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return WINE if WINE in file else file

        def _reschedule(self, node) -> None:
            # A worker that crashed leaves its finished files too: who takes up one waits for ever.
            for scope in [name for name, unit in self.workqueue.items() if all(unit.values())]:
                del self.workqueue[scope]
            super()._reschedule(node)

        def schedule(self) -> None:
            super().schedule()
            for node in self.nodes:  # who takes its place begins only when a second test is there
                self._reschedule(node)

    config.option.loadscopereorder = False  # the order is that of pytest_collection_modifyitems
    return ByFile(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable():
    """xdist cannot send half a character, which some tests have in their captured log."""
    return _sendable((yield))


def _sendable(value):
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {_sendable(key): _sendable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_sendable(item) for item in value)
    return value


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Files with most to do first, so that no worker is left with a long one at the end."""
    if not hasattr(config, "workerinput"):
        return
    weights: Counter[str] = Counter()
    for item in items:
        weights[_file(item)] += 10 if item.get_closest_marker("slow") else 1
    items.sort(key=lambda item: (WINE not in _file(item), -weights[_file(item)]))


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]
