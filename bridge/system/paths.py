"""Paths as people paste them: in quotes, among blanks, as URLs, plain; and those that lead to no
file on Windows.

Nothing here asks the disk, but for `typed` and `called`.
"""

import os
import re
import unicodedata
from pathlib import Path, PurePath, PureWindowsPath
from urllib.parse import unquote

from engine.system.texts import HALF, mended

FILE = "file:"
PICTURES = {  # that are read
    ".png", ".apng", ".jpg", ".jpeg", ".jfif", ".bmp", ".webp", ".avif", ".tif", ".tiff",
}  # fmt: skip
FILMS = {
    ".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m2v", ".ts", ".mts",
    ".m2ts", ".mxf", ".wmv", ".asf", ".flv", ".f4v", ".ogv", ".3gp", ".dv", ".vob", ".gif",
}  # fmt: skip
# Quotes, and what closes each: as shells have them, and as word processors and chats make of them
QUOTES = {'"': '"', "'": "'", "“": "”", "”": "”", "„": "“”", "‘": "’", "’": "’", "‚": "‘’",
          "«": "»", "»": "«"}  # fmt: skip
PLAIN = re.compile(r"[A-Za-z]:[\\/]|\\\\|/|~[\\/]")  # how a path begins that is written out
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # a single letter is a drive
CONTROL = re.compile("[\x00-\x1f]")
DRIVE = re.compile(r"/+([A-Za-z]:[\\/].*)", re.DOTALL)
# What nobody sees at the ends of a pasted text: blanks of all kinds and line ends; marks of
# direction, which Windows' own dialogs copy in front of a path; joiners, and a byte order mark.
INVISIBLE = (
    "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
    + "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    + "\u2060\u2066\u2067\u2068\u2069\ufeff"
)
LONGEST_NAME = 40  # letters of a bridge's
AS_CALLED = "spout:"  # what other programs call their senders may end in a blank
# Names that Windows takes for a device, whatever their ending
DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[\d¹²³]) *(\..*)?", re.IGNORECASE)

# What a bridge and what it sends may be called, here and in other programs: no other signs, since
# files are called so too, and each system has its own way to write other letters in such names
NAME = re.compile(r'(?! )[^\x00-\x1f\x7f-\U0010ffff/\\:*?"<>|]+(?<! )')
SPELLED = str.maketrans({
    "ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "æ": "ae",
    "Æ": "Ae", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "Oe", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D",
    "’": "'", "–": "-", "—": "-",
})  # fmt: skip
NAME_TAKES = 'letters (A to Z), digits, blanks within and signs but / \\ : * ? " < > |'


def bare(text: str) -> str:
    """A text without the blanks, line ends and invisible characters around it."""
    return text.strip(INVISIBLE)


def unquoted(text: str) -> str:
    """A text without what is invisible around it and without its quotes, as paths are copied on
    Windows; and without the quote that cmd.exe leaves at the end of "C:\\my folder\\".
    """
    text = bare(text)
    if len(text) > 1 and text[-1] in QUOTES.get(text[0], ""):
        return bare(text[1:-1])
    return bare(text.removesuffix('"')) if text.count('"') == 1 else text


def path_of(text: str) -> str:
    """A path as it is pasted: plain, in quotes, or as a file's URL."""
    text = unquoted(text)
    if text[: len(FILE)].lower() == FILE:
        text = bare(_local(unquoted(text[len(FILE) :])))
    return text


def place(text: str) -> Path:
    """A folder or file as it is typed, from the root on. RuntimeError for `~` without a home."""
    return Path(_whole(path_of(text))).expanduser()


def read_otherwise(path: str) -> list[str]:
    """What a path may mean that leads to no file as it stands: with `%20` for a blank, as in a URL;
    elsewhere than on Windows, with a backslash before it, as in a shell.
    """
    found = [unquote(path, errors="surrogateescape")]
    if not isinstance(PurePath(), PureWindowsPath):
        found.append(re.sub(r"\\(.)", r"\1", path))
    return [other for other in found if other != path and not CONTROL.search(other)]


def called(path: Path) -> Path | None:
    """The file beside which a path was meant that reads like it; None for none. A name may have
    bytes that are no UTF-8, which no text can carry, or accents that are letters of their own. It
    asks the disk; OSError where that fails.
    """
    if not path.parent.is_dir():
        return None
    wanted = _read(path.name)
    return next((there for there in path.parent.iterdir() if wanted & _read(there.name)), None)


def _read(name: str) -> set[str]:
    """What a file's name may be told as: halves of surrogate pairs stand for bytes."""
    told = {mended(name)}
    if HALF.search(name):
        told.add(os.fsencode(name).decode("cp1252", "replace"))
    return {unicodedata.normalize("NFC", text) for text in told}


def meant(uri: str) -> str:
    """A source or sink as it is meant: a plain path is `file:` with it, and so is a file's URL, or
    the name of a film or picture. A file's path is whole: it holds in any folder, also of the next
    run. Blanks and line ends that were pasted along are gone; but not those that end the name of a
    Spout sender. A scheme may be in capitals.
    """
    text = unquoted(uri)
    if found := SCHEME.match(text):
        text = found[0].lower() + text[found.end() :]
    if PLAIN.match(text):
        # of two slashes the second would be a URL's; on Windows they begin a share
        many = text.startswith("//") and not isinstance(PurePath(), PureWindowsPath)
        return FILE + (f"/{text.lstrip('/')}" if many else text)
    if text[: len(FILE)].lower() == FILE:
        return FILE + _whole(path_of(text))
    if _named_without_scheme(text) and PurePath(text).suffix.lower() in FILMS | PICTURES:
        return FILE + _whole(text)
    if text.startswith(AS_CALLED):
        end = uri.rstrip(INVISIBLE.replace(" ", "") + "\"'")
        return text + " " * (len(end) - len(end.rstrip(" ")))
    return text


def typed(uri: str) -> str:
    """A source as it is meant after a command: also a file that has no film's ending, where there
    is one. It may wait for the disk.
    """
    text = meant(uri)
    try:
        there = _named_without_scheme(text) and Path(text).is_file()
    except (OSError, ValueError):  # no name that a file can have
        there = False
    return FILE + _whole(text) if there else text


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


def instead(name: str, most: int) -> str:
    """Which name of at most `most` letters to write instead of one with others, as words behind a
    refusal: `; write Buehne for it`; empty where none suggests itself.

    Other letters are refused although Spout carries some: it keeps bytes, which each program reads
    in its own way, and a name that begins with one hides all other senders from every receiver.
    """
    plain = unicodedata.normalize("NFKD", name.translate(SPELLED))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    may_be = plain != name and NAME.fullmatch(plain) and len(plain) <= most
    return f"; write {plain} for it" if may_be else ""


def bridge_name(name: str) -> str:
    """A bridge's name, which files are called by; ValueError for what is none, as one of Windows'
    devices is on every system: a show's folder travels.
    """
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        cure = instead(name, LONGEST_NAME)
        raise ValueError(f"takes 1 to {LONGEST_NAME} {NAME_TAKES}, not {name!r:.80}{cure}")
    if DEVICE.fullmatch(name):
        raise ValueError(f"{name} is a device on Windows, where no file can have its name")
    return name


def _named_without_scheme(text: str) -> bool:
    """Whether no scheme is in front; a single letter is a drive."""
    return ":" not in text[:1] + text[2:]


def _whole(path: str) -> str:
    """A path from the root on; one that has none is of the folder where this process runs."""
    if not path or path.startswith("~") or PLAIN.match(path):
        return path
    try:
        here = str(Path.cwd())
    except OSError:  # it was removed
        return path
    return path if HALF.search(here) else str(PurePath(here, path))


def _local(path: str) -> str:
    """The path of a URL's rest: `///C:/a%20b`, `//localhost/C:/a`, `//server/share/a`, `/C:/a`; and
    of what only looks like one: `//C:\\a`, `//~/a`, `//a`.
    """
    if path.startswith("//"):
        read = unquote(path, errors="surrogateescape")
        path = path if CONTROL.search(read) else read  # a pattern such as %04d is none of a URL
        host, _, rest = path[2:].partition("/")
        if re.match("[A-Za-z]:", host) or not rest or host in (".", "..", "~"):
            path = path[2:]
        elif host in ("", "localhost"):
            path = f"/{rest.lstrip('/')}"
        elif isinstance(PurePath(), PureWindowsPath):
            path = "\\\\" + f"{host}/{rest}".replace("/", "\\")
        else:
            path = f"/{host}/{rest}"  # elsewhere a share is a folder like any other
    found = DRIVE.fullmatch(path)
    return found[1] if found else path
