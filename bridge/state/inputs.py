"""The live inputs by name: the source itself, and the two that may come beside it."""

from typing import Literal, TypeAlias, get_args

Guide: TypeAlias = Literal["control", "mask"]
Role: TypeAlias = Literal["source"] | Guide
GUIDES: tuple[Guide, ...] = get_args(Guide)
ROLES: tuple[Role, ...] = ("source", *GUIDES)
NONE = "none"  # as a URI: there is to be none
OUTPUT = "output"
# Whose pictures can be looked at, by the name that each has for it: the inputs, and what is shown.
SIDES: dict[str, Role | None] = {
    **{"input" if role == "source" else role: role for role in ROLES}, OUTPUT: None,
}  # fmt: skip
HELP: dict[Role, str] = {
    "source": "Begin to receive from another source; the state tells how it goes.",
    "control": "Begin to receive VACE's control video (depth, pose, edges) from another source; "
    "`none` ends it.",
    "mask": "Begin to receive the mask from another source, white where VACE may change what it "
    "is shown; `none` ends it.",
}


def named(uri: str) -> bool:
    """Whether a URI names an input, and not that there is to be none."""
    return uri not in ("", NONE)
