"""Which cases of `parametrize` are slow: the quick suite has the first few only."""

from collections.abc import Iterable
from typing import Any

import pytest


def rest_slow(cases: Iterable[Any], quick: int = 1) -> list[Any]:
    """The cases of `parametrize`, of which those after the first few are slow. A tuple is one value
    for each name, also where there is one name.
    """
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            marks=[] if number < quick else pytest.mark.slow,
        )
        for number, case in enumerate(cases)
    ]
