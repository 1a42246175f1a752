"""Read a file on the Hugging Face hub without downloading it: `RemoteFile`, by HTTP Range requests.

A checkpoint's header is about 100 KB out of several GB, at the file's start or end. Free of torch.
"""

import io
import re
from collections import OrderedDict
from collections.abc import Mapping
from time import perf_counter
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2
import huggingface_hub as hub
from huggingface_hub import constants, errors

from engine.files.hub_hosts import REDIRECTS, allowed

BLOCK = 1 << 16  # bytes per request, at least
KEPT = 64  # blocks cached
TIMEOUT = 20.0  # seconds for one request, and without a byte from the server
RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)$")


class RemoteError(OSError):
    """A remote file that cannot be read; one sentence, with the cure."""


def hub_headers() -> dict[str, str]:
    """The headers of each request to the hub: the client, and the user's token if any."""
    return hub.utils.build_hf_headers()  # pyright: ignore[reportUnknownMemberType]  # typed in part


def hub_file(
    repository: str, file: str, revision: str = "main", *, endpoint: str | None = None
) -> "RemoteFile":
    """A file in a hub repository, or on its mirror at `endpoint` or HF_ENDPOINT.

    RemoteError if it cannot be read; so does every later `read`.
    """
    endpoint = endpoint or constants.ENDPOINT
    url = hub.hf_hub_url(repository, file, revision=revision, endpoint=endpoint)
    return RemoteFile(url, f"{repository}/{file}", headers=hub_headers())


class RemoteFile(io.RawIOBase):
    """A seekable, read-only file at a URL; caches the blocks read last.

    `name` appears in errors. `headers` are sent to the URL's own host only. `received` counts the
    file bytes received over the network, `requests` the requests made.
    """

    def __init__(
        self,
        url: str,
        name: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        super().__init__()
        self.url, self.name = url, name or url
        self.received = self.requests = 0
        self._headers, self._timeout = dict(headers or {}), timeout
        self._final = url  # where redirects lead
        self._linked = ""  # the size that the hub reported with the redirect
        self._at = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self.size = -1  # bytes; unknown before the first response
        self._fetch(0, 1)

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Position of the next read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See `io.IOBase.seek`."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError(f"Cannot seek to {base + offset}: positions start at 0.")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase.readinto`; fills the buffer unless the file ends first."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1) -> bytes:
        """The next `size` bytes, fewer only at the end; all the rest if negative."""
        rest = max(0, self.size - self._at)
        size = rest if size is None or size < 0 else min(size, rest)
        if not size:
            return b""
        first, last = self._at // BLOCK, (self._at + size - 1) // BLOCK
        blocks = self._ready(first, last)
        start = self._at - first * BLOCK
        self._at += size
        return b"".join(blocks)[start : start + size]

    def _ready(self, first: int, last: int) -> list[bytes]:
        """The blocks from `first` to `last`; missing ones are fetched in one request."""
        gone = [n for n in range(first, last + 1) if n not in self._blocks]
        if gone:
            self._fetch(gone[0], gone[-1] + 1 - gone[0])
        blocks = [self._blocks[n] for n in range(first, last + 1)]
        for number in range(first, last + 1):
            self._blocks.move_to_end(number)
        while len(self._blocks) > KEPT:
            self._blocks.popitem(last=False)
        return blocks

    def _fetch(self, first: int, count: int) -> None:
        """Fetch blocks over the network."""
        begin = first * BLOCK
        end = begin + count * BLOCK
        if self.size >= 0:
            end = min(end, self.size)
        try:
            data = self._asked(begin, end)
        except errors.OfflineModeIsEnabled:
            raise RemoteError(
                f"{self.name} was not requested because HF_HUB_OFFLINE is set; unset it."
            ) from None
        except httpx2.TimeoutException:
            raise self._slow() from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            if isinstance(error, RemoteError):
                raise
            raise RemoteError(
                f"{self.name} cannot be read from {urlsplit(self._final).hostname} "
                f"({type(error).__name__}: {error}); check the network connection."
            ) from error
        for number in range(count):
            block = data[number * BLOCK : (number + 1) * BLOCK]
            if block:
                self._blocks[first + number] = block

    def _asked(self, begin: int, end: int) -> bytes:
        """The file's bytes from `begin` up to `end` (exclusive), or to the end of the file."""
        deadline = perf_counter() + self._timeout
        known = self._final != self.url
        for _ in range(REDIRECTS + 2):
            with hub.get_session().stream(
                "GET",
                self._final,
                headers=self._sent(begin, end),
                follow_redirects=False,
                timeout=self._timeout,
            ) as answer:
                self.requests += 1
                if answer.is_redirect:
                    self._linked = answer.headers.get("x-linked-size", self._linked)
                    self._follow(answer.headers.get("location", ""))
                elif known and answer.status_code in (401, 403, 404, 410):
                    known, self._final = False, self.url  # the redirect expired: ask again
                else:
                    return self._body(answer, begin, end, deadline)
        raise RemoteError(f"{self.name} redirects more than {REDIRECTS} times; try again later.")

    def _sent(self, begin: int, end: int) -> dict[str, str]:
        same = _origin(self._final) == _origin(self.url)
        own = self._headers if same else {}
        return {**own, "Range": f"bytes={begin}-{end - 1}", "Accept-Encoding": "identity"}

    def _follow(self, location: str) -> None:
        """Follow a redirect within the hub's hosts; a local hub may redirect to this machine."""
        try:
            target = urljoin(self._final, location)
            seen = urlsplit(target)
        except ValueError:  # unclosed brackets, or no address in them
            raise RemoteError(
                f"{self.name} redirects to an invalid address; try again later."
            ) from None
        if not allowed(target, self.url):
            raise RemoteError(
                f"{self.name} redirects to {seen.scheme}://{seen.hostname or ''}, which is not a "
                "hub host; nothing was read there, try again later."
            )
        self._final = target

    def _body(self, answer: Any, begin: int, end: int, deadline: float) -> bytes:
        self._check_status(answer.status_code)
        told = RANGE.match(answer.headers.get("content-range", ""))
        if not told:
            raise self._no_ranges()
        self._check_size(int(told[3]))
        if answer.status_code == 416:
            return b""
        wanted = min(end, self.size) - begin
        if told[1] is None or (int(told[1]), int(told[2])) != (begin, begin + wanted - 1):
            raise self._no_ranges()
        parts: list[bytes] = []
        there = 0
        for part in answer.iter_raw():
            parts.append(part)
            there += len(part)
            self.received += len(part)
            if there > wanted:
                break
            if perf_counter() > deadline:
                raise self._slow()
        if there != wanted:
            raise RemoteError(
                f"{self.name} returned {there} bytes from position {begin}, but {wanted} were "
                "requested; try again."
            )
        return b"".join(parts)

    def _check_status(self, status: int) -> None:
        told = {
            401: "requires an account: run `hf auth login` or set HF_TOKEN",
            403: "is not open to this account: accept its terms on its page on the hub",
            404: "was not found: a newer spout-bridge may know its new location",
            429: "was requested too often: wait a few minutes",
        }
        if status in told:
            raise RemoteError(f"{self.name} {told[status]} ({status}).")
        if status == 200:
            raise self._no_ranges()
        if status not in (206, 416):
            raise RemoteError(f"{self.name} failed with HTTP status {status}; try again later.")

    def _check_size(self, size: int) -> None:
        if self.size < 0:
            self.size = int(self._linked) if self._linked.isdecimal() else size
        if self.size != size:
            raise RemoteError(
                f"{self.name} has {size} bytes, but {self.size} are expected: it may have changed "
                "in the meantime; try again."
            )

    def _no_ranges(self) -> RemoteError:
        return RemoteError(
            f"{self.name} cannot be read in part, because {urlsplit(self._final).hostname} does "
            "not support ranges; download the whole file."
        )

    def _slow(self) -> RemoteError:
        return RemoteError(
            f"{self.name} timed out after {self._timeout:g} s at "
            f"{urlsplit(self._final).hostname}; try again later."
        )


def _origin(url: str) -> tuple[str, str]:
    seen = urlsplit(url)
    return seen.scheme, seen.netloc
