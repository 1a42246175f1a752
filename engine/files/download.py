"""Download declared files: `python -m engine.files.download`, which may be killed at any time.

It reads a list of files from standard input and writes one JSON line per event. Partial data is
kept in a file next to the target, named by the hub's tag of the content, so that the next start
resumes it; a file gets its final name only when it is complete and its hash matches.
"""

import errno
import json
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import huggingface_hub as hub
from huggingface_hub import constants, errors
from huggingface_hub.file_download import (
    HfFileMetadata,
    http_get,  # pyright: ignore[reportUnknownVariableType]  # typed in part
)

from engine.catalog.artifacts import Artifact
from engine.files.hub_file import hub_headers
from engine.files.hub_hosts import REDIRECTS, allowed
from engine.files.library import Library, WeightsError, sha256, size_text
from engine.system import by_hand, drives, held
from engine.system.parent import die_with_parent

SPARE = 1 << 30  # bytes kept free on the disk
SHA256 = 64  # digits
LET_GO = 60.0  # seconds that a virus scanner may hold a downloaded file
CHUNK = 1 << 20  # bytes between two progress lines; at most this much is lost by a kill


@dataclass(frozen=True, slots=True)
class Wanted:
    """A declared file as the hub has it now."""

    artifact: Artifact
    url: str
    tag: str
    size: int
    part: Path
    target: Path

    @property
    def here(self) -> int:
        """Bytes already downloaded."""
        return self.part.stat().st_size if self.part.is_file() else 0

    @property
    def sha256(self) -> str:
        """The expected hash; empty if unknown."""
        return self.artifact.sha256 or (self.tag if len(self.tag) == SHA256 else "")


def main() -> int:
    """Download what standard input asks for; 0 once every file is complete."""
    die_with_parent()
    order = json.load(sys.stdin)
    library = Library(Path(order["models"]))
    artifacts = [Artifact(**fields) for fields in order["artifacts"]]
    try:
        fetch(library, artifacts)
    except WeightsError as error:
        say(say="error", text=str(error))
        return 1
    say(say="done")
    return 0


def say(**news: Any) -> None:
    """Write one event: `plan`, `progress`, `checking`, `here`, `error` or `done`."""
    sys.stdout.write(json.dumps(news) + "\n")
    sys.stdout.flush()


def fetch(library: Library, artifacts: Sequence[Artifact]) -> None:
    """Download files missing from this machine; WeightsError with one sentence on failure.

    The total size is known, and checked against free space, before the first byte.
    """
    hub.set_client_factory(_client)
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK  # the library's 10 MB take half a minute on a slow line
    with _told():
        wanted = [_asked(library, artifact) for artifact in library.missing(artifacts)]
    todo = sum(one.size - one.here for one in wanted)
    home = drives.existing(library.models)
    if home is None:
        raise WeightsError(library.away)
    free = drives.free(home)
    say(say="plan", files=len(wanted), size=sum(one.size for one in wanted), todo=todo, free=free)
    if todo and todo + SPARE > free:
        raise WeightsError(
            f"The download needs {size_text(todo)}, but {home} has {size_text(free)} free "
            f"and {size_text(SPARE)} must stay free; free up space or choose another folder with "
            "--models."
        )
    before = 0
    for one in wanted:
        _download(library, one, before, sum(other.size for other in wanted))
        before += one.size


def _download(library: Library, one: Wanted, before: int, whole: int) -> None:
    with _told():
        one.part.parent.mkdir(parents=True, exist_ok=True)
    for old in one.target.parent.glob(f"{one.target.name}.*.part"):
        if old != one.part:  # of a version that the hub no longer has
            with suppress(OSError):  # it only takes up space
                old.unlink()

    def progress(done: int, what: str = "progress") -> None:
        say(say=what, file=one.artifact.name, done=done, size=one.size, sum=before + done,
            whole=whole)  # fmt: skip

    progress(one.here)
    with _told(one), held.patiently(lambda: one.part.open("ab")) as file:
        file.seek(one.here)
        http_get(
            one.url,
            file,
            resume_size=one.here,
            headers={**hub_headers(), "Accept-Encoding": "identity"},
            expected_size=one.size,
            tqdm_class=_bar(one.here, progress),
        )
    with _told(one):
        _keep(library, one, progress)


def _keep(library: Library, one: Wanted, progress: Any) -> None:
    """Give a complete file its final name, if its hash matches."""
    found = sha256(one.part, lambda done, _: progress(int(done), "checking"))
    if one.sha256 and found != one.sha256:
        held.remove(one.part)
        raise WeightsError(
            f"{one.artifact.name} has the SHA-256 {found}, but {one.sha256} is expected; it was "
            "removed. Download it again; if the hash is the same, its authors changed the file."
        )
    try:
        held.replace(one.part, one.target, LET_GO)
    except OSError as error:
        if not held.is_held(error):
            raise
        raise WeightsError(
            f"{one.artifact.name} is complete and correct, but another program, such as a "
            f"virus scanner, has {one.part} open. Start the download again once it is released; "
            "nothing is downloaded twice."
        ) from None
    library.record(one.target, found, came=True)
    say(say="here", file=one.artifact.name, path=str(one.target))


def _asked(library: Library, artifact: Artifact) -> Wanted:
    """Get a file's size and tag from the hub."""
    url = hub.hf_hub_url(artifact.repository, artifact.file, endpoint=constants.ENDPOINT)
    seen = _metadata(url)
    if not seen.size or not seen.etag:
        raise WeightsError(f"{url} does not report its size; try again later.")
    if artifact.sha256 and len(seen.etag) == SHA256 and seen.etag != artifact.sha256:
        raise WeightsError(
            f"{artifact.name} on the hub is not the file that this version expects (its SHA-256 is "
            f"{seen.etag}, expected {artifact.sha256}); nothing was downloaded. Update "
            "spout-bridge, or put a file that you trust into the models folder."
        )
    target = library.home(artifact)
    part = target.with_name(f"{target.name}.{seen.etag[:12]}.part")
    return Wanted(artifact, url, seen.etag, seen.size, part, target)


def _metadata(url: str) -> HfFileMetadata:
    if constants.is_offline_mode():
        raise errors.OfflineModeIsEnabled(url)
    return hub.get_hf_file_metadata(  # pyright: ignore[reportUnknownMemberType]  # typed in part
        url, headers=hub_headers()
    )


@contextmanager
def _told(one: Wanted | None = None) -> Generator[None]:
    """Turn network and disk errors into a WeightsError of one sentence."""
    try:
        yield
    except errors.OfflineModeIsEnabled:
        raise WeightsError(
            "Offline (HF_HUB_OFFLINE is set), and files are missing: copy them from another "
            "machine with `spout-bridge models copy`."
        ) from None
    except errors.GatedRepoError as error:
        raise WeightsError(
            f"{_page(error)} requires accepting its licence: open the page in a browser, "
            "accept it, and run `hf auth login`."
        ) from None
    except (errors.RepositoryNotFoundError, errors.EntryNotFoundError) as error:
        raise WeightsError(f"File not found on the hub: {_first_line(error)}") from None
    except errors.HfHubHTTPError as error:
        raise WeightsError(f"The hub answered: {_first_line(error)}{_kept(one)}.") from None
    except httpx2.TooManyRedirects:
        raise WeightsError(
            f"The hub redirects more than {REDIRECTS} times; try again later."
        ) from None
    except httpx2.HTTPError as error:
        raise WeightsError(
            f"{urlsplit(constants.ENDPOINT).hostname} is unreachable or dropped the connection "
            f"({type(error).__name__}: {error}){_kept(one)}."
        ) from None
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise WeightsError(f"The disk is full{_kept(one) or '; free up space'}.") from None
        raise WeightsError(
            f"The file could not be written or is incomplete ({error}){_kept(one)}."
        ) from None


def _kept(one: Wanted | None) -> str:
    return "; partial data is kept, start again to resume" if one and one.here else ""


def _page(error: errors.HfHubHTTPError) -> str:
    return str(error.response.url).partition("/resolve/")[0]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")


def _bar(began: int, progress: Any) -> type:
    """A progress bar for huggingface_hub that reports to us instead of the terminal."""

    class Bar:
        def __init__(self, *_: Any, **__: Any) -> None:
            self.done = began

        def update(self, more: int = 1) -> None:
            self.done += more
            progress(self.done)

        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *_: Any) -> None:
            pass

        def close(self) -> None:
            pass

    return Bar


def _client() -> httpx2.Client:
    """A client that only talks to the hub and its CDN, over https."""
    return httpx2.Client(
        event_hooks={"request": [_allowed]},
        follow_redirects=True,
        max_redirects=REDIRECTS,
        timeout=None,  # the hub's library sets one for each request
    )


def _allowed(request: Any) -> None:
    if not allowed(str(request.url), constants.ENDPOINT):
        raise WeightsError(
            f"The download was redirected to {request.url.host}, which is not a hub host; "
            "try again later."
        )


if __name__ == "__main__":
    by_hand.refuse("the downloader of a bridge", "spout-bridge models download")
    sys.exit(main())
