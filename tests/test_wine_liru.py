"""A Spout sender that shares no code with SpoutGL, liru, on Linux under Wine.

`tests/wine/setup --liru` builds what it needs.
"""

import os
import shutil
import subprocess

import pytest

from tests.test_wine import RIG, suite, windows

pytestmark = [pytest.mark.slow, pytest.mark.wine, pytest.mark.timeout(600)]


@pytest.fixture(scope="module", autouse=True)
def rig():
    """The rig and its second Python, built where CI runs or where Wine is."""
    if shutil.which("wine") is None and not os.environ.get("CI"):
        pytest.skip("the rig is not built: run tests/wine/setup --liru")
    status = subprocess.run([RIG / "setup", "--liru"], check=False).returncode
    if status == 3:
        pytest.skip("no CPython 3.13 here, for its standard library; PYTHON313 can name one")
    assert status == 0
    os.environ["WINE_RIG_KEEP"] = "1"
    yield
    os.environ.pop("WINE_RIG_KEEP")
    subprocess.run([RIG / "wine-python", "--stop"], check=False)


def test_a_foreign_sender():
    suite("gldx", "-s", windows(RIG / "test_liru.py"))
