"""Download declared files: `python -m engine.files.download`, which may be killed at any time.

It reads a list of files from standard input and writes one JSON line for everything that happens.
What has come stays in a file beside the target, named by the hub's own tag of the content, so that
the next start goes on where this one ended; only a whole file whose hash is right gets its name.
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
from huggingface_hub.file_download import HfFileMetadata, http_get

from engine.catalog.artifacts import Artifact
from engine.files.hub_hosts import REDIRECTS, allowed
from engine.files.library import Library, WeightsError, sha256, size_text
from engine.system import by_hand, drives, held
from engine.system.parent import die_with_parent

SPARE = 1 << 30  # bytes that stay free on the disk
SHA256 = 64  # digits
LET_GO = 60.0  # seconds that a scanner may take for a file that has come
CHUNK = 1 << 20  # bytes between two lines of news, and that a kill may lose


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
        """Bytes that have come already."""
        return self.part.stat().st_size if self.part.is_file() else 0

    @property
    def sha256(self) -> str:
        """What its hash must be; empty where nobody says."""
        return self.artifact.sha256 or (self.tag if len(self.tag) == SHA256 else "")


def main() -> int:
    """Do what standard input asks for; 0 when all of it is here."""
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
    """One line of news: `plan`, `progress`, `checking`, `here`, `error` or `done`."""
    sys.stdout.write(json.dumps(news) + "\n")
    sys.stdout.flush()


def fetch(library: Library, artifacts: Sequence[Artifact]) -> None:
    """Download what is nowhere on this machine; WeightsError with one sentence where that fails.

    Before the first byte the size of all of it is known, and there is room for it.
    """
    hub.set_client_factory(_client)
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK  # the library's 10 MB are half a minute of a slow line
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
            f"The download takes {size_text(todo)} and {home} has {size_text(free)} free, of which "
            f"{size_text(SPARE)} must stay; make room, or choose another folder with --models."
        )
    before = 0
    for one in wanted:
        _download(library, one, before, sum(other.size for other in wanted))
        before += one.size


def _download(library: Library, one: Wanted, before: int, whole: int) -> None:
    with _told():
        one.part.parent.mkdir(parents=True, exist_ok=True)
    for old in one.target.parent.glob(f"{one.target.name}.*.part"):
        if old != one.part:  # of a content that the hub no longer has
            with suppress(OSError):  # then it only takes room
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
            headers={**hub.utils.build_hf_headers(), "Accept-Encoding": "identity"},
            expected_size=one.size,
            tqdm_class=_bar(one.here, progress),
        )
    with _told(one):
        _keep(library, one, progress)


def _keep(library: Library, one: Wanted, progress: Any) -> None:
    """Give a whole file its name, if it is what it should be."""
    found = sha256(one.part, lambda done, _: progress(int(done), "checking"))
    if one.sha256 and found != one.sha256:
        held.remove(one.part)
        raise WeightsError(
            f"{one.artifact.name} came with the SHA-256 {found} where {one.sha256} is expected; "
            "it was removed. Download it again; if that gives the same, its authors changed it."
        )
    try:
        held.replace(one.part, one.target, LET_GO)
    except OSError as error:
        if not held.is_held(error):
            raise
        raise WeightsError(
            f"{one.artifact.name} has come whole and is right, but another program, such as a "
            f"virus scanner, holds {one.part} open. Start the download again when that lets go: "
            "nothing of it is fetched twice."
        ) from None
    library.record(one.target, found, came=True)
    say(say="here", file=one.artifact.name, path=str(one.target))


def _asked(library: Library, artifact: Artifact) -> Wanted:
    """Ask the hub for a file's size and tag."""
    url = hub.hf_hub_url(artifact.repository, artifact.file, endpoint=constants.ENDPOINT)
    seen = _metadata(url)
    if not seen.size or not seen.etag:
        raise WeightsError(f"{url} does not say how large it is; try again later.")
    if artifact.sha256 and len(seen.etag) == SHA256 and seen.etag != artifact.sha256:
        raise WeightsError(
            f"The hub's {artifact.name} is another file than the one that this version knows (its "
            f"SHA-256 is {seen.etag} where {artifact.sha256} is expected); nothing was downloaded. "
            "Get a newer spout-bridge, or put the file that you trust into the models folder."
        )
    target = library.home(artifact)
    part = target.with_name(f"{target.name}.{seen.etag[:12]}.part")
    return Wanted(artifact, url, seen.etag, seen.size, part, target)


def _metadata(url: str) -> HfFileMetadata:
    if constants.is_offline_mode():
        raise errors.OfflineModeIsEnabled(url)
    return hub.get_hf_file_metadata(url, headers=hub.utils.build_hf_headers())


@contextmanager
def _told(one: Wanted | None = None) -> Generator[None]:
    """Say in one sentence what the network or the disk did."""
    try:
        yield
    except errors.OfflineModeIsEnabled:
        raise WeightsError(
            "Offline (HF_HUB_OFFLINE is set), and files are missing: copy them from another "
            "machine with `spout-bridge models copy`."
        ) from None
    except errors.GatedRepoError as error:
        raise WeightsError(
            f"{_page(error)} wants its licence accepted: open it in a browser, agree, and run "
            "`hf auth login`."
        ) from None
    except (errors.RepositoryNotFoundError, errors.EntryNotFoundError) as error:
        raise WeightsError(f"The hub has no such file any more: {_first_line(error)}") from None
    except errors.HfHubHTTPError as error:
        raise WeightsError(f"The hub answers {_first_line(error)}{_kept(one)}.") from None
    except httpx2.TooManyRedirects:
        raise WeightsError(f"The hub redirects more than {REDIRECTS} times; try later.") from None
    except httpx2.HTTPError as error:
        raise WeightsError(
            f"{urlsplit(constants.ENDPOINT).hostname} cannot be reached or broke off "
            f"({type(error).__name__}: {error}){_kept(one)}."
        ) from None
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise WeightsError(f"The disk is full{_kept(one) or '; make room'}.") from None
        raise WeightsError(
            f"The file could not be written or came short ({error}){_kept(one)}."
        ) from None


def _kept(one: Wanted | None) -> str:
    return "; what has come is kept, start again to go on" if one and one.here else ""


def _page(error: errors.HfHubHTTPError) -> str:
    return str(error.response.url).partition("/resolve/")[0]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")


def _bar(began: int, progress: Any) -> type:
    """What huggingface_hub takes for a progress bar: it tells us instead of the terminal."""

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
    """A client that goes nowhere but to the hub and its CDN, over https."""
    return httpx2.Client(
        event_hooks={"request": [_allowed]},
        follow_redirects=True,
        max_redirects=REDIRECTS,
        timeout=None,  # each request of the hub's library brings its own
    )


def _allowed(request: Any) -> None:
    if not allowed(str(request.url), constants.ENDPOINT):
        raise WeightsError(f"The download was sent to {request.url.host}, which is not the hub's.")


if __name__ == "__main__":
    by_hand.refuse("what downloads for a bridge", "spout-bridge models download")
    sys.exit(main())
