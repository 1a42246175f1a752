"""What starts at a user's logon: a shortcut in the Startup folder on Windows, a unit of the user's
systemd elsewhere.

Not a scheduled task: that needs an administrator, runs with lower priority, and by default ends on
battery and after three days. A shortcut starts in the user's own session, where Spout and the GPU
are, and everyone finds it under `shell:startup`.
"""

import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

MARK = "made by spout-bridge autostart"  # in whatever is written: nothing else is removed
PATIENCE = 20.0  # seconds for systemctl
LONGEST = 4096  # characters of a shortcut's text
MINIMIZED = 7  # SW_SHOWMINNOACTIVE: the console must not cover the output
STARTUP = 7  # CSIDL_STARTUP
LINK, LINK_TEXT = UUID("{00021401-0000-0000-C000-000000000046}"), UUID(
    "{000214F9-0000-0000-C000-000000000046}")  # fmt: skip
PERSIST = UUID("{0000010B-0000-0000-C000-000000000046}")
# Places of methods in IShellLinkW, and in IPersistFile
QUERY, RELEASE = 0, 2
GET_ABOUT, SET_ABOUT, GET_FOLDER, SET_FOLDER, GET_ARGUMENTS, SET_ARGUMENTS = range(6, 12)
SET_SHOW, GET_PROGRAM, SET_PROGRAM = 15, 3, 20
LOAD, SAVE = 5, 6
PLAIN = (ctypes.c_wchar_p, ctypes.c_int, ctypes.c_uint)  # arguments that are no addresses

UNIT = """\
# {mark}
[Unit]
Description=spout-bridge {name}

[Service]
Type=exec
WorkingDirectory={folder}
ExecStart={command}
# Only the keeper is asked to end: it ends the others in order.
KillMode=mixed
TimeoutStopSec=15
Restart=on-failure
RestartSec=5
# a wrong command line, and one that is not safe
RestartPreventExitStatus=2 4

[Install]
WantedBy=default.target
"""


class LogonError(Exception):
    """Nothing can be started at logon here; the text is one sentence with the cure."""


@dataclass(frozen=True)
class Entry:
    """A bridge that starts at logon: its name, command and folder, and the file that says so."""

    name: str
    command: Sequence[str]
    folder: Path
    file: Path = Path()


def entries() -> list[Entry]:
    """What was written by `add`, by name. OSError as of the disk."""
    read = {True: _read_link, False: _read_unit}[sys.platform == "win32"]
    found: list[Entry] = []
    for path in sorted(_folder().glob("spout-bridge*")):
        with suppress(ValueError):
            found.append(read(path))
    return found


def lack() -> str:
    """Why nothing can be started at logon here, in one sentence; empty if it can. May take
    PATIENCE.
    """
    if sys.platform == "win32":
        return ""
    try:
        _systemctl("is-system-running")
    except LogonError as error:
        return str(error)
    return ""


def add(entry: Entry) -> Path:
    """Start this at each logon, in place of one of that name; the file written. LogonError or
    OSError if that is impossible: then nothing has changed.
    """
    if sys.platform == "win32":
        path = _folder() / f"spout-bridge {entry.name}.lnk"
        _write_link(path, entry)
        return path
    _systemctl("is-system-running")
    path = _folder() / f"spout-bridge-{_escaped(entry.name)}.service"
    path.parent.mkdir(parents=True, exist_ok=True)
    old = path.read_bytes() if path.is_file() else None
    _write(path, unit(entry).encode("utf-8", "surrogateescape"))
    try:
        _systemctl("daemon-reload")
        _systemctl("enable", path.name)
    except LogonError:
        if old is None:
            path.unlink(missing_ok=True)
        else:
            _write(path, old)
        raise
    return path


def remove(entry: Entry) -> None:
    """Start it at logon no more; a bridge that runs goes on. OSError or LogonError."""
    if sys.platform != "win32":
        _systemctl("disable", entry.file.name)
    entry.file.unlink(missing_ok=True)
    if sys.platform != "win32":
        _systemctl("daemon-reload")


def _folder() -> Path:
    if sys.platform == "win32":
        found = ctypes.create_unicode_buffer(260)
        if ctypes.WinDLL("shell32").SHGetFolderPathW(None, STARTUP, None, 0, found):
            raise LogonError("This account has no Startup folder; log on as a user who has one.")
        return Path(found.value)
    home = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(home) if home else Path.home() / ".config") / "systemd" / "user"


# Units of systemd.


def unit(entry: Entry) -> str:
    """The text of a unit. ValueError for what no unit can say."""
    folder = str(entry.folder)
    if re.search(r"[\x00-\x1f]", folder) or folder != folder.strip():
        raise ValueError(f"the folder {folder!r} cannot be written into a unit")
    program, *arguments = entry.command
    if re.search(r"""[\x00-\x1f"'\\]""", program):
        raise ValueError(f"systemd starts no program called {program!r}")
    return UNIT.format(
        mark=MARK, name=entry.name.replace("%", "%%"), folder=folder.replace("%", "%%"),
        command=" ".join([quoted(program).replace("$$", "$"), *map(quoted, arguments)]),
    )  # fmt: skip


def quoted(word: str) -> str:
    """A word of a command as systemd reads it back."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    text = re.sub(r"[\x00-\x1f]", lambda found: f"\\x{ord(found[0]):02x}", text)
    return f'"{text}"'


def words(command: str) -> list[str]:
    """The words of a command that `quoted` wrote."""
    found = re.findall(r'"((?:[^"\\]|\\.)*)"', command)
    return [_plain(word) for word in found]


def _plain(word: str) -> str:
    def read(escape: re.Match[str]) -> str:
        return chr(int(escape[1][1:], 16)) if escape[1][0] == "x" else escape[1]

    text = re.sub(r"\\(x[0-9a-f]{2}|.)", read, word)
    return text.replace("%%", "%").replace("$$", "$")


def _read_unit(path: Path) -> Entry:
    """ValueError for one that is not ours."""
    text = path.read_bytes().decode("utf-8", "surrogateescape") if path.is_file() else ""
    parts = [line.partition("=") for line in text.splitlines()]
    lines = {key: value for key, _, value in parts}
    if f"# {MARK}" not in lines:
        raise ValueError
    name = lines.get("Description", "").partition(" ")[2].replace("%%", "%")
    folder = Path(lines.get("WorkingDirectory", "").replace("%%", "%"))
    return Entry(name, words(lines.get("ExecStart", "")), folder, path)


def _escaped(name: str) -> str:
    """As `systemd-escape` writes it."""
    safe = re.compile(r"[A-Za-z0-9:_.]")
    return "".join(
        char if safe.match(char) else "".join(f"\\x{byte:02x}" for byte in char.encode())
        for char in name
    )


def _write(path: Path, data: bytes) -> None:
    """Replace a file that only its owner may read: a command may have a token."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _systemctl(*command: str) -> None:
    """LogonError if it fails, or there is none."""
    try:
        done = subprocess.run(
            ["systemctl", "--user", *command], capture_output=True, timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LogonError(_no_systemd(error)) from None
    said = done.stderr.decode(errors="replace").strip()
    # this one answers with a status of its own: degraded, starting
    if done.returncode and (command[0] != "is-system-running" or said):
        raise LogonError(_no_systemd(said or f"systemctl ended with status {done.returncode}"))


def _no_systemd(why: object) -> str:
    told = " ".join(str(why).split()).rstrip(".")
    return (
        f"This account has no systemd that could start the bridge at logon ({told:.200}); let what "
        "starts programs on this system start `spout-bridge run --keep`."
    )


# Shortcuts of Windows.


def _write_link(path: Path, entry: Entry) -> None:
    program, *arguments = entry.command
    line = subprocess.list2cmdline(arguments)
    about = f"spout-bridge {entry.name}, {MARK}"
    new = path.with_name(f"{path.stem}.{os.getpid()}.new")
    if len(line) >= LONGEST:
        raise LogonError(f"A shortcut has no room for {len(line)} characters; use fewer flags.")
    with _link() as (call, stored):
        for place, text in (
            (SET_PROGRAM, program), (SET_ARGUMENTS, line), (SET_FOLDER, str(entry.folder)),
            (SET_ABOUT, about),
        ):  # fmt: skip
            call(place, ctypes.c_wchar_p(text))
        call(SET_SHOW, ctypes.c_int(MINIMIZED))
        stored(SAVE, ctypes.c_wchar_p(str(new)), ctypes.c_int(1))
    try:
        if [*_read_link(new).command] != [*entry.command]:
            raise LogonError("Windows shortens this command in a shortcut; use fewer flags.")
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _read_link(path: Path) -> Entry:
    """ValueError for one that is not ours."""
    with _link() as (call, stored):
        stored(LOAD, ctypes.c_wchar_p(str(path)), ctypes.c_uint(0))

        def text(place: int, *more: Any) -> str:
            found = ctypes.create_unicode_buffer(LONGEST)
            call(place, found, ctypes.c_int(LONGEST), *more)
            return found.value

        about, line, folder = text(GET_ABOUT), text(GET_ARGUMENTS), text(GET_FOLDER)
        program = text(GET_PROGRAM, None, ctypes.c_uint(4))  # SLGP_RAWPATH: as it was written
    if not about.endswith(MARK):
        raise ValueError
    name = about.removesuffix(f", {MARK}").partition(" ")[2]
    return Entry(name, [program, *_arguments(line)], Path(folder), path)


def _arguments(line: str) -> list[str]:
    """A command line's arguments, as Windows splits them."""
    if sys.platform != "win32" or not line:
        return []
    split = ctypes.WinDLL("shell32").CommandLineToArgvW
    split.restype = ctypes.POINTER(ctypes.c_wchar_p)
    number = ctypes.c_int()
    found = split(ctypes.c_wchar_p(f"program {line}"), ctypes.byref(number))
    return [str(found[place]) for place in range(1, number.value)]


Method = Callable[..., None]


@contextmanager
def _link() -> Generator[tuple[Method, Method]]:
    """A shortcut of the shell, and the same as a file: functions that call a method by its place.
    ValueError if one fails.
    """
    if sys.platform != "win32":
        raise LogonError("Only Windows has shortcuts.")
    ole = ctypes.WinDLL("ole32")
    ole.CoInitialize(None)
    link, file = ctypes.c_void_p(), ctypes.c_void_p()
    clsid, text, persist = (
        ctypes.create_string_buffer(u.bytes_le) for u in (LINK, LINK_TEXT, PERSIST)
    )
    try:
        if ole.CoCreateInstance(clsid, None, 1, text, ctypes.byref(link)):
            raise LogonError("Windows makes no shortcuts here; start the bridge by hand.")
        _method(link)(QUERY, persist, ctypes.byref(file))
        yield _method(link), _method(file)
    finally:
        for found in (file, link):
            if found:
                with suppress(ValueError):
                    _method(found)(RELEASE)
        ole.CoUninitialize()


def _method(of: ctypes.c_void_p) -> Method:
    table = ctypes.cast(of, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p)))[0]

    def call(place: int, *arguments: Any) -> None:
        if sys.platform == "win32":
            kinds = [type(a) if isinstance(a, PLAIN) else ctypes.c_void_p for a in arguments]
            kind = ctypes.WINFUNCTYPE(ctypes.c_long, ctypes.c_void_p, *kinds)
            if kind(table[place])(of, *arguments) < 0:
                raise ValueError(f"method {place} of a shortcut failed")

    return call
