"""Hooks of schemathesis: nothing that it asks for costs this machine minutes. In place of a value
that is right stands another one that is.
"""

import re

import schemathesis

from bridge.control.schema import SIZE


@schemathesis.hook
def before_call(context, case, **kwargs):
    """No network of random weights is built, no picture is larger than a stamp."""
    body = case.body
    if not isinstance(body, dict):
        return
    if body.get("weights") == "demo":
        body["weights"] = "real"
    if isinstance(size := body.get("size"), str) and re.fullmatch(SIZE, size):
        body["size"] = "auto" if size == "auto" else "64x48"
