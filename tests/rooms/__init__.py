"""The rooms (folders), who imports whom, and circles: `python -m tests.rooms`.

A room is a child of a folder: a folder or a module. An arrow goes from a room to one beside it
that it names: by an import anywhere in a file (in a function or under TYPE_CHECKING too), or by a
string that is or begins with the name of a module, as `import_module`, `-m` and tables need it.
`__init__` and `__main__` of a folder are the folder itself, so they make no arrows within it.
A target, `"module:Name"`, is a row of a register: it stands below what it names on purpose, and
is shown, but makes neither a circle nor an arrow back up.

Prints all this and draws `docs/rooms.svg`. With `--check` it draws nothing, and its status is 1
where the drawing is an old one, rooms import each other in a circle, or an arrow runs back up
against the layers of pyproject.toml.
"""
