"""Troubles: which engine errors are reported, and for how long.

Pure logic: no clock, no thread. Times are in seconds of any one clock.
"""

TOLD = 60.0  # seconds for which a failed load is reported while another pipeline runs well


class Troubles:
    """Called by one thread; the texts may be read from any. Each is a sentence, or empty.

    `refused` is a request that failed; it stays until the next success, until a worker dies of
    something else, or for a while if the current pipeline runs well, so as not to hide later
    errors. `trouble` is a failure without a
    request; it stays until the engine runs well again. `lost` is what workers died of trying, for
    the same while.
    """

    def __init__(self, settle: float) -> None:
        """An engine that runs well for `settle` seconds clears `trouble`."""
        self.refused = self.trouble = ""
        self.lost: tuple[str, ...] = ()
        self._settle = settle
        self._troubled = 0.0
        self._refused_since: float | None = None  # while another pipeline runs well

    def note(self, text: str, now: float) -> None:
        """Something failed without a request."""
        self.trouble, self._troubled = text, now

    def died(self, text: str, now: float) -> None:
        """A worker died without a request."""
        self.refuse("")
        self.note(text, now)

    def refuse(self, text: str) -> None:
        """A request failed."""
        if text != self.refused:
            self._refused_since = None
        self.refused = text

    def lose(self, what: str) -> None:
        """A worker died while trying this; the next one uses a slower way."""
        self.lost = *self.lost, what
        self._refused_since = None

    def forget_lost(self) -> None:
        """Something else was requested, or is kept."""
        self.lost = ()

    def succeeded(self) -> None:
        """A request succeeded."""
        self.refuse("")

    def runs_well(self, now: float, *, loading: bool) -> None:
        """The engine runs well, called repeatedly; `loading` if something else is coming."""
        if now - self._troubled > self._settle:
            self.trouble = ""
        if self._refused_since is None or loading:
            self._refused_since = now
        if now - self._refused_since > TOLD:
            self.refused, self.lost = "", ()
