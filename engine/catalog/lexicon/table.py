"""How the tables are written: `name, another name: colours / pattern`, a look a line."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """Colours by their names, and the drawing that shows them."""

    colours: tuple[str, ...]
    pattern: str


def parsed(*tables: str) -> dict[str, Look]:
    """The looks of tables by their names; ValueError where a name stands twice."""
    found: dict[str, Look] = {}
    for line in filter(None, "\n".join(tables).splitlines()):
        names, _, rest = line.partition(":")
        colours, _, pattern = rest.partition("/")
        look = Look(tuple(colours.split()), pattern.strip())
        for name in names.split(","):
            if name.strip() in found:
                raise ValueError(f"{name.strip()!r} stands twice in a table of words.")
            found[name.strip()] = look
    return found
