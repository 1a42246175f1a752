"""A Spout sender that shares no code with SpoutGL, liru, on Linux under Wine.

`tests/wine/setup --liru` builds what it needs.
"""

import pytest

from tests.support.wine_rig import RIG, built, rig, suite, windows

pytestmark = [pytest.mark.slow, pytest.mark.wine, pytest.mark.timeout(600)]
__all__ = ["rig"]


def test_a_foreign_sender():
    if not built():
        pytest.skip("no CPython 3.13 here, for its standard library; PYTHON313 can name one")
    suite("gldx", "-s", windows(RIG / "test_liru.py"))
