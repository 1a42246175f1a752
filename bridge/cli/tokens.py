"""The token of `--lan`: one for all runs, in the data folder, so that a link stays valid."""

import logging
import secrets
from pathlib import Path

from bridge.control.http.rules import TOKEN
from bridge.control.http.server import LOOPBACK
from bridge.errors import CommandError, ExitStatus, UsageError
from bridge.settings import Settings
from bridge.state.named_files import AT_START
from bridge.system import whole_files
from bridge.system.aside import Aside, SlowError

log = logging.getLogger(__name__)

LARGEST = 1 << 10  # bytes of its file


def check_token(settings: Settings) -> None:
    """UsageError for a token that can be guessed or not be typed, or that nothing uses;
    CommandError where one is needed and missing. No file is read.
    """
    if settings.token and not TOKEN.fullmatch(settings.token):
        length = len(settings.token)
        fault = "others" if 16 <= length <= 256 else str(length)
        raise UsageError(
            f"{settings.said('token')} takes 16 to 256 letters, digits, dashes, dots, underscores "
            f"and tildes; this one has {fault}. Use --lan without a token to have one generated."
        )
    if settings.new_token and not settings.lan:
        raise UsageError(f"{settings.said('new_token')} is for --lan; add that too.")
    if settings.host.lower() not in LOOPBACK and not settings.token and not settings.lan:
        raise CommandError(
            f"{settings.said('host')} {settings.host} opens the page to others: add --token SECRET "
            "or use --lan.",
            ExitStatus.UNSAFE,
        )


def token_of(settings: Settings) -> str:
    """The token of a run, empty if it needs none: the given one, or with `--lan` that of the data
    folder, which is made if there is none or if `--new-token` asks. Errors as `check_token`.
    """
    check_token(settings)
    if settings.token or not settings.lan:
        return settings.token
    path = settings.folder / "token"
    made = secrets.token_urlsafe(24)
    try:
        return Aside().ask(f"The disk of {path}", lambda: _kept(path, made, settings), AT_START)
    except (OSError, SlowError) as error:
        log.warning("The token is new and ends with this run: %s cannot be kept (%s).", path,
                    str(error).rstrip("."))  # fmt: skip
        return made


def _kept(path: Path, made: str, settings: Settings) -> str:
    """The token in a file; `made` is written there if it has none that is valid. May wait for a
    disk.
    """
    try:
        if not settings.new_token:
            found = whole_files.read(path, LARGEST).decode("ascii").strip()
            if TOKEN.fullmatch(found):
                return found
            raise ValueError("it is no token")
    except FileNotFoundError:
        pass
    except ValueError as error:
        log.warning("%s is replaced by a new token: %s.", path, error)
    whole_files.write(path, made.encode(), private=True)
    return made
