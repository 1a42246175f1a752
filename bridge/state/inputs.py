"""The live inputs by name: the source, and the two optional ones beside it."""

from typing import Literal, TypeAlias, get_args

Guide: TypeAlias = Literal["control", "mask"]
Role: TypeAlias = Literal["source"] | Guide
GUIDES: tuple[Guide, ...] = get_args(Guide)
ROLES: tuple[Role, ...] = ("source", *GUIDES)
NONE = "none"  # as a URI: no input
OUTPUT = "output"
# What can be previewed, by its preview name: the inputs and the output.
SIDES: dict[str, Role | None] = {
    **{"input" if role == "source" else role: role for role in ROLES}, OUTPUT: None,
}  # fmt: skip
HELP: dict[Role, str] = {
    "source": "Switch to another source; the state shows its status.",
    "control": "Receive VACE control video (depth, pose, edges) from a source; `none` stops it.",
    "mask": "Receive the mask from a source, white where VACE may change the image; `none` "
    "stops it.",
}


def named(uri: str) -> bool:
    """Whether a URI names an input, rather than none."""
    return uri not in ("", NONE)
