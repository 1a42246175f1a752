"""Troubles: what is told to be wrong with the engine, and for how long.

It decides alone: it has no clock and no thread. Times are seconds of any one clock.
"""

TOLD = 60.0  # seconds for which it is told what could not be loaded while another runs well


class Troubles:
    """One thread calls it; the texts may be read by any. Each is a sentence, or empty.

    `refused` is what was asked for and could not be; it stands until the next success, or for a
    while where what there is runs well: it must not hide for ever what goes wrong later. `trouble`
    is what went wrong by itself; it stands until the engine runs well again.
    """

    def __init__(self, settle: float) -> None:
        """An engine that runs well for `settle` seconds has no `trouble` any more."""
        self.refused = self.trouble = ""
        self._settle = settle
        self._troubled = 0.0
        self._refused_since: float | None = None  # while another runs well

    def note(self, text: str, now: float) -> None:
        """Something went wrong by itself."""
        self.trouble, self._troubled = text, now

    def refuse(self, text: str) -> None:
        """What was asked for cannot be had."""
        if text != self.refused:
            self._refused_since = None
        self.refused = text

    def succeeded(self) -> None:
        """What was asked for is there."""
        self.refuse("")

    def runs_well(self, now: float, *, loading: bool) -> None:
        """The engine runs well, again and again; `loading` says that something else is to come."""
        if now - self._troubled > self._settle:
            self.trouble = ""
        if self._refused_since is None or loading:
            self._refused_since = now
        if now - self._refused_since > TOLD:
            self.refused = ""
