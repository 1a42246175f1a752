"""The format of the tables: `name, another name: colours / pattern`, one look per line."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """Colours by name, and the pattern that shows them."""

    colours: tuple[str, ...]
    pattern: str


def parsed(*tables: str) -> dict[str, Look]:
    """The looks of tables by name; ValueError for a duplicate name."""
    found: dict[str, Look] = {}
    for line in filter(None, "\n".join(tables).splitlines()):
        names, _, rest = line.partition(":")
        colours, _, pattern = rest.partition("/")
        look = Look(tuple(colours.split()), pattern.strip())
        for name in names.split(","):
            if name.strip() in found:
                raise ValueError(f"{name.strip()!r} appears twice in a table of words.")
            found[name.strip()] = look
    return found
