"""Paths as people paste them: quoted, padded with blanks, as URLs, plain; and those that cannot be
files on Windows.

Only `typed` and `called` touch the disk. The data folder: `data_folder` in
engine/system/data_folder.py.
"""

import os
import re
import unicodedata
from pathlib import Path, PurePath, PureWindowsPath
from urllib.parse import unquote

from engine.system.texts import HALF, mended

FILE = "file:"
PICTURES = {  # supported image files
    ".png", ".apng", ".jpg", ".jpeg", ".jfif", ".bmp", ".webp", ".avif", ".tif", ".tiff",
}  # fmt: skip
FILMS = {
    ".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m2v", ".ts", ".mts",
    ".m2ts", ".mxf", ".wmv", ".asf", ".flv", ".f4v", ".ogv", ".3gp", ".dv", ".vob", ".gif",
}  # fmt: skip
# Opening quotes and their closing ones: those of shells, word processors and chats
QUOTES = {'"': '"', "'": "'", "“": "”", "”": "”", "„": "“”", "‘": "’", "’": "’", "‚": "‘’",
          "«": "»", "»": "«"}  # fmt: skip
PLAIN = re.compile(r"[A-Za-z]:[\\/]|\\\\|/|~[\\/]")  # how a full path begins
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # a single letter is a drive
CONTROL = re.compile("[\x00-\x1f]")
DRIVE = re.compile(r"/+([A-Za-z]:[\\/].*)", re.DOTALL)
# Invisible characters at the ends of a pasted text: blanks of all kinds and line ends; direction
# marks, which Windows' own dialogs copy in front of a path; joiners, and a byte order mark.
INVISIBLE = (
    "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
    + "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    + "\u2060\u2066\u2067\u2068\u2069\ufeff"
)
LONGEST_NAME = 40  # characters of a bridge's name
AS_CALLED = "spout:"  # the sender names of other programs may end in a blank
# Names that Windows treats as devices, whatever their extension
DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[\d¹²³]) *(\..*)?", re.IGNORECASE)

# Allowed names of bridges and their senders, here and in other programs: no other characters, since
# files have these names too, and each system encodes other letters in its own way
NAME = re.compile(r'(?! )[^\x00-\x1f\x7f-\U0010ffff/\\:*?"<>|]+(?<! )')
SPELLED = str.maketrans({
    "ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "æ": "ae",
    "Æ": "Ae", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "Oe", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D",
    "’": "'", "–": "-", "—": "-",
})  # fmt: skip
NAME_TAKES = 'letters from A to Z, digits, signs except / \\ : * ? " < > |, and spaces between them'


def bare(text: str) -> str:
    """A text without surrounding blanks, line ends and invisible characters."""
    return text.strip(INVISIBLE)


def unquoted(text: str) -> str:
    """A text without surrounding invisible characters and quotes, as paths are copied on Windows;
    and without the quote that cmd.exe leaves at the end of "C:\\my folder\\".
    """
    text = bare(text)
    if len(text) > 1 and text[-1] in QUOTES.get(text[0], ""):
        return bare(text[1:-1])
    return bare(text.removesuffix('"')) if text.count('"') == 1 else text


def path_of(text: str) -> str:
    """A path as pasted: plain, in quotes, or as a file URL."""
    text = unquoted(text)
    if text[: len(FILE)].lower() == FILE:
        text = bare(_local(unquoted(text[len(FILE) :])))
    return text


def place(text: str) -> Path:
    """A folder or file as typed, made absolute. RuntimeError for `~` without a home."""
    return Path(_whole(path_of(text))).expanduser()


def read_otherwise(path: str) -> list[str]:
    """Other readings of a path that does not exist as written: `%20` for a blank, as in a URL; and
    on systems other than Windows, backslash escapes, as in a shell.
    """
    found = [unquote(path, errors="surrogateescape")]
    if not isinstance(PurePath(), PureWindowsPath):
        found.append(re.sub(r"\\(.)", r"\1", path))
    return [other for other in found if other != path and not CONTROL.search(other)]


def called(path: Path) -> Path | None:
    """The existing file whose name looks like that of `path`; None if there is none. A name may
    contain bytes that are not UTF-8, which no text can carry, or accents as separate letters.
    Reads the disk; OSError if that fails.
    """
    if not path.parent.is_dir():
        return None
    wanted = _read(path.name)
    return next((there for there in path.parent.iterdir() if wanted & _read(there.name)), None)


def _read(name: str) -> set[str]:
    """Texts that a file's name may appear as: surrogate halves stand for bytes."""
    told = {mended(name)}
    if HALF.search(name):
        told.add(os.fsencode(name).decode("cp1252", "replace"))
    return {unicodedata.normalize("NFC", text) for text in told}


def meant(uri: str) -> str:
    """A source or sink in full: a plain path, a file URL, or the name of a video or image becomes
    `file:` with an absolute path, valid in any folder, also in the next run. Pasted blanks and line
    ends are removed, except those that end the name of a Spout sender. A scheme may be in
    capitals.
    """
    text = unquoted(uri)
    if found := SCHEME.match(text):
        text = found[0].lower() + text[found.end() :]
    if PLAIN.match(text):
        # with two slashes, the second would be a URL's; on Windows they begin a share
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
    """A source as typed after a command: also an existing file without a video's extension. May
    wait for the disk.
    """
    text = meant(uri)
    try:
        there = _named_without_scheme(text) and Path(text).is_file()
    except (OSError, ValueError):  # not a valid file name
        there = False
    return FILE + _whole(text) if there else text


def refusal(path: PurePath) -> str:
    """Why a path cannot be a file on Windows, in a sentence; empty if it can."""
    if not isinstance(path, PureWindowsPath):
        return ""
    names = path.parts[1:] if path.anchor else path.parts
    if any(":" in name for name in names):
        return f"{path} is a stream hidden in a file; write the path without its last colon."
    if device := next((name for name in names if DEVICE.fullmatch(name)), ""):
        return f"{path} is not a file: {device} is a device on Windows; choose another name."
    return ""


def instead(name: str, most: int) -> str:
    """A valid name of at most `most` letters to suggest in place of an invalid one, as the end of a
    refusal: `; write Buehne instead`; empty if there is none.

    Other letters are refused although Spout carries some: it stores bytes, which each program reads
    in its own way, and a name that begins with one hides all other senders from every receiver.
    """
    plain = unicodedata.normalize("NFKD", name.translate(SPELLED))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    may_be = plain != name and NAME.fullmatch(plain) and len(plain) <= most
    return f"; write {plain} instead" if may_be else ""


def bridge_name(name: str) -> str:
    """A bridge's name, also used for files; ValueError if invalid. Windows device names are refused
    on every system: a show's folder moves between them.
    """
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        cure = instead(name, LONGEST_NAME)
        raise ValueError(f"takes 1 to {LONGEST_NAME} {NAME_TAKES}, not {name!r:.80}{cure}")
    if DEVICE.fullmatch(name):
        raise ValueError(f"{name} is a device on Windows, where no file can have its name")
    return name


def _named_without_scheme(text: str) -> bool:
    """Whether a text has no scheme; a single letter is a drive."""
    return ":" not in text[:1] + text[2:]


def _whole(path: str) -> str:
    """An absolute path; a relative one starts at the current folder of this process."""
    if not path or path.startswith("~") or PLAIN.match(path):
        return path
    try:
        here = str(Path.cwd())
    except OSError:  # the folder was removed
        return path
    return path if HALF.search(here) else str(PurePath(here, path))


def _local(path: str) -> str:
    """The path of a URL's rest: `///C:/a%20b`, `//localhost/C:/a`, `//server/share/a`, `/C:/a`;
    and in what only looks like one: `//C:\\a`, `//~/a`, `//a`.
    """
    if path.startswith("//"):
        read = unquote(path, errors="surrogateescape")
        path = path if CONTROL.search(read) else read  # a pattern such as %04d is not an escape
        host, _, rest = path[2:].partition("/")
        if re.match("[A-Za-z]:", host) or not rest or host in (".", "..", "~"):
            path = path[2:]
        elif host in ("", "localhost"):
            path = f"/{rest.lstrip('/')}"
        elif isinstance(PurePath(), PureWindowsPath):
            path = "\\\\" + f"{host}/{rest}".replace("/", "\\")
        else:
            path = f"/{host}/{rest}"  # elsewhere a share is an ordinary folder
    found = DRIVE.fullmatch(path)
    return found[1] if found else path
