"""What can be shown beside generated frames: the input, the fallback, the test card."""

from collections.abc import Mapping
from time import perf_counter
from typing import cast

from bridge.downloads.weights import Weights
from bridge.frames.canvas import Canvas
from bridge.frames.frame import Frame, Image
from bridge.playout.delay import DelayedInput
from bridge.playout.fallback import CARD, FILE, HOLD, Clip, Fallback, Numbered, Spare, nothing
from bridge.playout.output import Scene
from bridge.playout.receive import Receiving
from bridge.settings import Settings
from bridge.state.awaited import Awaited
from bridge.state.loads import checked_load
from bridge.state.status import OutputSource
from bridge.state.store import ParameterStore
from bridge.transports import Options
from bridge.transports.pattern import card
from bridge.workers.client import WorkerClient
from bridge.workers.host import EngineHost
from engine.catalog.rows import Catalog
from engine.parameters import Value
from engine.system.texts import did_you_mean


class Input:
    """The received input. Any thread may ask, and none waits."""

    def __init__(self, receiving: Receiving, store: ParameterStore) -> None:
        self._receiving = receiving
        self._store = store
        self._delayed = DelayedInput()

    def newest(self) -> Frame | None:
        """The newest frame; None before the first."""
        return self._receiving.newest

    def took(self, frame: Frame) -> None:
        """A frame was received. Called in the receiving thread."""
        self._delayed.put(frame, self._delay)

    def shown(self) -> Frame | None:
        """The newest frame that is due after the delay; None before the first. The output clock's
        thread.
        """
        return self._delayed.shown(perf_counter(), self._delay)

    def due(self) -> float | None:
        """When another one will be due (perf_counter, seconds); None if none waits."""
        return self._delayed.due(self._delay)

    @property
    def _delay(self) -> float:
        """Seconds."""
        return cast(float, self._store.snapshot.values["delay"]) / 1e3  # its kind

    def there(self) -> bool:
        """Whether it is a real source; the demo counts if video mode is chosen explicitly."""
        return self._receiving.alive or self._store.snapshot.values.get("input_mode") == "video"


class Show(Scene):
    """The output clock's scene of a session. `check`, `note` and `stop` are the session's."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        store: ParameterStore,
        host: EngineHost,
        input_: Input,
        awaited: Awaited,
    ) -> None:
        """LookupError if `--fallback` names an unknown pipeline."""
        self._settings = settings
        self._catalog = catalog
        self._store = store
        self._host = host
        self._input = input_
        self._awaited = awaited
        self._canvas = Canvas(settings.output, settings.fit, alpha=settings.alpha == "input")
        self._fallback = self._chosen()
        self._card: tuple[object, Image] | None = None

    @property
    def link(self) -> WorkerClient | None:
        return self._host.current

    @property
    def values(self) -> Mapping[str, Value]:
        return self._store.snapshot.values

    @property
    def newest_input(self) -> Frame | None:
        return self._input.shown()

    @property
    def input_due(self) -> float | None:
        return self._input.due()

    @property
    def stuck(self) -> bool:
        return self._host.breaker_open or bool(self._awaited.row and not self._host.aim)

    @property
    def invents(self) -> bool:
        link, aim = self._host.current, self._host.aim
        if link and link.invents:
            return True
        asked = self.values.get("input_mode")
        return bool(aim and aim.row.text) and (asked == "text" or not self._input.there())

    def card(self, width: int, height: int) -> Image:
        lines = ["spout-bridge", self._host.error or self._host.reason or "starting"]
        if self._card is None or self._card[0] != lines:
            self._card = lines, card(width, height, lines)
        return self._card[1]

    def fallback(self, needed: bool, now: float) -> Numbered | None:
        return self._fallback(needed, now)

    def check(self, weights: Weights) -> None:
        """Raise TransportError or MissingWeights if the fallback is not available."""
        if isinstance(self._fallback, Clip):
            self._fallback.check()
        elif isinstance(self._fallback, Spare):
            row = self._catalog[self._settings.fallback]
            weights.require(row, checked_load(row, self.values, {}))

    def note(self, shown: OutputSource) -> str:
        """Why the fallback is `shown`, or why it is not although needed; in sentences."""
        if self._settings.fallback == HOLD:
            return ""
        if shown is OutputSource.FALLBACK:
            chosen = self._settings.fallback
            return f"The engine delivers no frames; the fallback {chosen} is shown."
        clip = self._fallback if isinstance(self._fallback, Clip) else None
        trouble = clip.problem if clip else self._host.spare_trouble
        return f"The engine delivers no frames; the fallback is not ready yet. {trouble}".rstrip()

    def stop(self) -> None:
        """Stop the clip."""
        if isinstance(self._fallback, Clip):
            self._fallback.stop()

    def _chosen(self) -> Fallback:
        """What `--fallback` names."""
        chosen = self._settings.fallback
        if chosen == HOLD:
            return nothing
        if chosen == CARD:
            return self._card_instead
        if chosen.startswith(FILE):
            width, height = self._settings.output
            return Clip(chosen, Options(width=width, height=height), self._canvas.fit)
        if chosen not in self._catalog.rows:
            known = (HOLD, CARD, *self._catalog.rows)
            raise LookupError(
                f"--fallback: unknown {chosen!r:.80}; choose {', '.join(known)} or file:CLIP."
                f"{did_you_mean(chosen, known)}"
            )
        row = self._catalog[chosen]

        def want(wanted: bool) -> None:
            load = checked_load(row, self.values, {}) if wanted else None
            self._host.want_spare(self._host.orders(row, load) if load else None)

        return Spare(want, lambda: self._host.spare, self._canvas)

    def _card_instead(self, needed: bool, now: float) -> Numbered | None:
        image = self.card(*self._settings.output)
        return id(image), image
