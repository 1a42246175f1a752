"""Sources and sinks that hang, are lost or are switched: what both ends of the frame path share.

An end has several carriers, one of them in use. A carrier is a thread that opens, uses and closes
one source or sink, including its GL context. A driver or a disk may block it forever, so nothing
waits for it. A requested transport is opened beside the current one, then put to use, then the old
one is closed; whatever an abandoned carrier opens later, it closes itself. A transport that is
lost, such as an unplugged camera, reopens by itself.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Generic, Self, TypeVar

from bridge.system.loops import explained, repeat
from bridge.transports import Transport, TransportError, clash

log = logging.getLogger(__name__)

WAIT = 0.1  # seconds that an end blocks before it checks whether to continue
LOOK = 0.1  # seconds between time-based checks
RETRY = 1.0  # seconds until a failed step or opening is retried
PATIENCE = 1.0  # seconds that an opening may take before a newer choice, or the end, overtakes it
TELL = 2.0  # seconds without an answer until that is reported
CLOSING = 3.0  # seconds that a transport which cannot be open twice may take to close
MOST = 8  # carriers that may be left behind at an end
TOLD = 60.0  # seconds for which a failed choice is reported while another is in use

T = TypeVar("T", bound=Transport)


@dataclass(frozen=True, slots=True)
class Word:
    """A transport's last report about itself, read by its own thread: even that may hang."""

    status: str = ""
    problem: str = ""
    stands_in: bool = False
    there: bool = True
    keeps_last: bool = False
    needs_beat: bool = True

    @classmethod
    def of(cls, transport: Transport) -> Self:
        """Read it; a plug-in may predate some of this, and source and sink report different
        things.
        """
        return cls(
            str(transport.status),
            str(getattr(transport, "problem", "")),
            bool(getattr(transport, "stands_in", False)),
            bool(getattr(transport, "there", True)),
            bool(getattr(transport, "keeps_last", False)),
            bool(getattr(transport, "needs_beat", True)),
        )


class Carrier(Generic[T]):
    """One transport with its thread. Attributes may be read from any thread."""

    def __init__(
        self, name: str, uri: str, open_: Callable[[str], T],
        step: Callable[["Carrier[T]", T], None],
        failed: Callable[["Carrier[T]", Exception], None],
        news: Callable[[], None],
    ) -> None:  # fmt: skip
        """`news` is called when it has opened, and when it has ended."""
        self.uri = uri
        self.transport: T | None = None
        self.word = Word()
        self.error: BaseException | None = None  # why it could not be opened
        self.left_at = 0.0  # when it was asked to leave
        self.leave = threading.Event()
        self.ended = threading.Event()
        self._open, self._step, self._failed, self._news = open_, step, failed, news
        self._verdict = threading.Event()
        self._since = perf_counter()  # start of the current call; 0 for none
        threading.Thread(target=self._run, name=name, daemon=True).start()

    @property
    def busy(self) -> float:
        """Seconds spent in the current call."""
        since = self._since
        return perf_counter() - since if since else 0.0

    @property
    def hangs(self) -> bool:
        """Whether the current call has taken so long that it is reported."""
        return self.busy > TELL

    def take_up(self) -> None:
        """Use it from now on."""
        self._verdict.set()

    def let_go(self) -> None:
        """Close it as soon as possible."""
        self.left_at = self.left_at or perf_counter()
        self.leave.set()
        self._verdict.set()

    def _run(self) -> None:
        try:
            self._carry()
        except BaseException as error:  # from a driver or a plug-in, even SystemExit
            self.error = error
            if self.transport is not None:
                log.warning("%s could not be closed", self.uri, exc_info=error)
        finally:
            if self.left_at and self.hangs:
                log.warning("%s returned after %.0f s; closing it", self.uri, self.busy)
            self._since = 0.0
            self.ended.set()
            self._news()

    def _carry(self) -> None:
        transport = self._open(self.uri)
        took = self.busy
        with transport:
            self.word = Word.of(transport)
            self._since = 0.0
            self.transport = transport
            if took > TELL:
                log.warning("%s took %.0f s to open", self.uri, took)
            self._news()
            self._verdict.wait()
            repeat(lambda: self._use(transport), self.leave, self._stumbled, RETRY)
            self._since = perf_counter()

    def _use(self, transport: T) -> None:
        self._since = perf_counter()
        try:
            self._step(self, transport)
        finally:
            self.word = Word.of(transport)
        self._since = 0.0

    def _stumbled(self, error: Exception) -> None:
        self._since = 0.0
        self._failed(self, error)


class Endpoint(Generic[T]):
    """One end: `open_` makes its transport and is called in the transport's own thread.

    One thread makes all decisions and never calls anything that could block it.
    """

    verb = "answered"
    nothing = ""  # the URI in use for no transport

    def __init__(self, name: str, uri: str, open_: Callable[[str], T]) -> None:
        self.uri = uri  # in use, or coming
        self.error = ""  # of the last step
        # The last request that failed; kept until the next request, or see `_forget`.
        self.refused = ""
        self._name = name
        self._open = open_
        self._using: Carrier[T] | None = None
        self._coming: Carrier[T] | None = None
        self._left: list[Carrier[T]] = []  # asked to leave
        self._wish = ""  # what to open instead
        self._refused = ""  # the URI that `refused` is about
        self._refused_at = 0.0
        self._failed_at = self._well_at = 0.0  # last failure and last success of the current one
        self._again_at = 0.0
        self._patient = False
        self._attached: Callable[[], None] = lambda: None
        self._stopped = threading.Event()
        self._news = threading.Event()
        self._begun = threading.Event()
        self._cause: BaseException | None = None  # why it could not start
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self, first: str = "", attached: Callable[[], None] = lambda: None) -> None:
        """Start opening this end's URI, or in its place `first`, which was in use before and so is
        retried if it fails; call `attached` when another is put to use.
        """
        self._attached = attached
        self._patient = bool(first)
        self.uri = first or self.uri
        self._coming = self._carrier(self.uri)
        self._thread.start()

    def check(self, until: float, given_up: Callable[[], bool]) -> None:
        """Wait for the transport, at most until `until` or until `given_up`; a slower one is waited
        for in the background. Raises TransportError, or any other error, if it cannot be opened.
        """
        while not self._begun.wait(max(0.0, min(LOOK, until - perf_counter()))):
            if perf_counter() >= until or given_up():
                break
        if self._cause is not None:
            raise self._cause

    def stop(self) -> None:
        """Start to end."""
        self._stopped.set()
        self._news.set()

    def join(self, until: float) -> None:
        """Wait for the end, at most until that time (perf_counter, seconds), shortly for carriers
        that are still opening, and not for those that are stuck.
        """
        if self._thread.is_alive():
            self._thread.join(max(0.0, until - perf_counter()))
        for carrier in [*self._left]:
            if not carrier.hangs:
                left = until - perf_counter()
                left = left if carrier.transport else min(left, PATIENCE)
                carrier.ended.wait(max(0.0, left))

    @property
    def transport(self) -> T | None:
        """The transport in use, if any."""
        using = self._using
        return using.transport if using else None

    @property
    def wanted(self) -> str:
        """The URI in use, or if none yet, the coming one."""
        coming = self._coming
        return coming.uri if coming and not self._using else self.uri

    @property
    def aim(self) -> str:
        """The URI requested last, unless it could not be opened."""
        coming = self._coming
        return self._wish or (coming.uri if coming else self.uri)

    @property
    def status(self) -> str:
        """The URI and the transport's status."""
        if using := self._using:
            return f"{self.uri} · {using.word.status}"
        coming = self._coming
        return f"{coming.uri if coming else self.uri} · opening" if self._thread.is_alive() else ""

    @property
    def problem(self) -> str:
        """What is wrong at this end, in a sentence."""
        told = self.refused or self.late or self.error
        return told or (self._using.word.problem if self._using else "")

    @property
    def late(self) -> str:
        """What has kept this end waiting for a while, in a sentence; empty for nothing."""
        coming, using = self._coming, self._using
        if coming and (seconds := coming.busy) > TELL:
            then = "still waiting."
            if using and using.uri != self.nothing:
                then = f"{using.uri} stays in use."
            return f"{coming.uri} has not opened for {seconds:.0f} s; {then}"
        if using and (seconds := using.busy) > TELL:
            return f"{using.uri} has not {self.verb} for {seconds:.0f} s; still waiting."
        return ""

    @property
    def stuck(self) -> int:
        """Number of transports left behind in calls that have not returned."""
        now = perf_counter()
        return sum(not c.ended.is_set() and now - c.left_at > TELL for c in [*self._left])

    def _wish_for(self, uri: str, attached: Callable[[], None]) -> None:
        if self.stuck >= MOST:
            raise TransportError(
                f"{MOST} transports are stuck in drivers or disks that do not answer; "
                "restart the bridge before you choose another."
            )
        self._attached, self._wish = attached, uri
        self._news.set()

    # The thread that decides.

    def _run(self) -> None:
        repeat(self._turn, self._stopped, self._stumbled, LOOK)
        for carrier in (self._coming, self._using):
            self._leave(carrier)

    def _turn(self) -> None:
        self._news.wait(LOOK)
        self._news.clear()
        self._left = [carrier for carrier in self._left if not carrier.ended.is_set()]
        coming, using = self._coming, self._using
        if coming and coming.transport is not None:
            self._swap(coming)
        elif coming and coming.ended.is_set():
            self._refuse(coming)
        if using and using.ended.is_set() and using is self._using:  # by a plug-in's SystemExit
            self._using = None
        if self.refused and self._using:
            self._forget(self._using)
        if self._wish:
            self._grant()
        elif not self._using and not self._coming and perf_counter() >= self._again_at:
            self._coming = self._carrier(self.uri)

    def _stumbled(self, error: Exception) -> None:
        explained(error)  # a bug of ours, but no reason to end

    def _swap(self, coming: Carrier[T]) -> None:
        """Use the transport that has opened."""
        if coming.uri == self._refused:
            self.refused = ""
        self.uri, self.error = coming.uri, ""
        old, self._using, self._coming = self._using, coming, None
        self._leave(old)
        coming.take_up()
        self._begun.set()
        self._attached()

    def _refuse(self, coming: Carrier[T]) -> None:
        """The requested transport could not be opened; the current one stays in use."""
        error = coming.error or TransportError(f"{coming.uri} ended while it was opened.")
        why, using = explained(error, TransportError), self._using
        if using and using.uri != coming.uri:
            log.warning("%s refused: %s", coming.uri, why)
            why = f"{why} {using.uri} stays in use." if using.uri != self.nothing else why
        self.refused, self._refused, self._refused_at = why, coming.uri, perf_counter()
        self._coming = None
        if coming.uri == self.uri:
            self._again_at = perf_counter() + RETRY
            self._cause = None if self._begun.is_set() or self._patient else error
            self._begun.set()

    def _forget(self, using: Carrier[T]) -> None:
        """Drop an outdated refusal: either it was about the current transport, which failed too
        and works again, or it was shown long enough and the current transport is fine.
        """
        mended = using.uri == self._refused and self._refused_at < self._failed_at < self._well_at
        old = perf_counter() - self._refused_at > TOLD
        if mended or (old and not (self.error or using.word.problem or using.hangs)):
            self.refused = ""

    def _grant(self) -> None:
        """Start opening the newest request as soon as possible."""
        wish, coming, using = self._wish, self._coming, self._using
        if coming and coming.uri == wish:
            self._wish = ""
            return
        if coming and coming.busy < PATIENCE:
            return
        self._leave(coming)
        self._coming = None
        if using and clash(wish, using.uri):  # the one case where the old one closes first
            if not using.leave.is_set():
                self._leave(using)
            if not using.ended.is_set() and perf_counter() - using.left_at < CLOSING:
                return
            self._using = None
        self.refused, self._coming = "", self._carrier(wish)
        if self._wish == wish:  # else there is a newer one
            self._wish = ""

    def _leave(self, carrier: Carrier[T] | None) -> None:
        if carrier:
            if carrier.hangs:
                log.warning("%s is left behind after %.0f s", carrier.uri, carrier.busy)
            carrier.let_go()
            self._left = [*self._left, carrier]

    def _carrier(self, uri: str) -> Carrier[T]:
        return Carrier(self._name, uri, self._open, self._step_of, self._failed, self._news.set)

    # The carriers' threads.

    def _step_of(self, carrier: Carrier[T], transport: T) -> None:
        self._step(transport, lambda: carrier is self._using)

    def _failed(self, carrier: Carrier[T], error: Exception) -> None:
        text = explained(error, TransportError)
        if carrier is self._using:
            self.error, self._failed_at = text, perf_counter()

    def _step(self, transport: T, in_use: Callable[[], bool]) -> None:
        """Use it once, for at most `WAIT`; `in_use` tells whether it was overtaken meanwhile."""
        raise NotImplementedError
