"""Paths as people paste them: in quotes, among blanks, as URLs, plain; and those that lead to no
file on Windows.

Nothing here asks the disk.
"""

import re
from pathlib import PurePath, PureWindowsPath
from urllib.parse import unquote

FILE = "file:"
QUOTED = re.compile(r"""(["'])(.*)\1""", re.DOTALL)
PLAIN = re.compile(r"[A-Za-z]:[\\/]|\\\\|/|~[\\/]")  # how a path begins that is written out
DRIVE = re.compile(r"/+([A-Za-z]:[\\/].*)", re.DOTALL)
# What nobody sees at the ends of a pasted text: blanks of all kinds and line ends; marks of
# direction, which Windows' own dialogs copy in front of a path; joiners, and a byte order mark.
INVISIBLE = (
    "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
    + "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    + "\u2060\u2066\u2067\u2068\u2069\ufeff"
)
AS_CALLED = "spout:"  # what other programs call their senders may end in a blank
# Names that Windows takes for a device, whatever their ending
DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[\d¹²³]) *(\..*)?", re.IGNORECASE)


def bare(text: str) -> str:
    """A text without the blanks, line ends and invisible characters around it."""
    return text.strip(INVISIBLE)


def unquoted(text: str) -> str:
    """A text without what is invisible around it and without its quotes, as paths are copied on
    Windows; and without the quote that cmd.exe leaves at the end of "C:\\my folder\\".
    """
    text = bare(text)
    if found := QUOTED.fullmatch(text):
        return bare(found[2])
    return bare(text.removesuffix('"')) if text.count('"') == 1 else text


def meant(uri: str) -> str:
    """A source or sink as it is meant: a plain path is `file:` with it, and so is a file's URL.
    Blanks and line ends that were pasted along are gone; but not those that end the name of a
    Spout sender.
    """
    text = unquoted(uri)
    if PLAIN.match(text):
        return FILE + text
    if text[: len(FILE)].lower() == FILE:
        return FILE + bare(_local(unquoted(text[len(FILE) :])))
    if text.startswith(AS_CALLED):
        end = uri.rstrip(INVISIBLE.replace(" ", "") + "\"'")
        return text + " " * (len(end) - len(end.rstrip(" ")))
    return text


def refusal(path: PurePath) -> str:
    """Why there can be no file of a path on Windows, in a sentence; empty where there can."""
    if not isinstance(path, PureWindowsPath):
        return ""
    names = path.parts[1:] if path.anchor else path.parts
    if any(":" in name for name in names):
        return f"{path} is a stream hidden in a file; write the path without its last colon."
    if device := next((name for name in names if DEVICE.fullmatch(name)), ""):
        return f"{path} is no file: {device} is a device on Windows; choose another name."
    return ""


def no_device(name: str) -> str:
    """A name that files are called by; ValueError for one of Windows' devices, on every system: a
    show's folder travels.
    """
    if DEVICE.fullmatch(name):
        raise ValueError(f"{name} is a device on Windows, where no file can have its name")
    return name


def _local(path: str) -> str:
    """The path of a URL's rest: `///C:/a%20b`, `//localhost/C:/a`, `//server/share/a`, `/C:/a`."""
    if path.startswith("//"):
        path = unquote(path, errors="surrogateescape")
        host, _, rest = path[2:].partition("/")
        if host in ("", "localhost"):
            path = f"/{rest.lstrip('/')}"
        elif re.fullmatch("[A-Za-z]:", host):
            path = f"{host}/{rest}"
        elif isinstance(PurePath(), PureWindowsPath):
            path = "\\\\" + f"{host}/{rest}".replace("/", "\\")
        else:
            path = f"/{host}/{rest}"  # elsewhere a share is a folder like any other
    found = DRIVE.fullmatch(path)
    return found[1] if found else path
