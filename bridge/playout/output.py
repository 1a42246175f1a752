"""The output clock: a steady frame rate that never stops and never goes black by itself.

At every tick it uses the first available of: a new generated frame, the last one, the input or the
fallback (if asked for), the test card. Bypass, mix, freeze and black act here, so they work while
the engine loads or is dead; mix lays the newest input under a frame, not the one it was made of.
The rate comes from `Ticker` (`bridge/system/timing.py`): after a stall
it restarts, and nothing is caught up.
"""

import threading
from collections.abc import Mapping
from time import perf_counter
from typing import Protocol

from bridge.frames.frame import Frame, Image
from bridge.frames.mailbox import Mailbox
from bridge.frames.pixels import Fit, blank, blend, darken, fit, is_black, opaque
from bridge.playout.fallback import Numbered
from bridge.playout.pickup import Pickup
from bridge.settings import Settings
from bridge.state.controls import OutputParameters
from bridge.state.status import Counters, OutputSource
from bridge.system.loops import explained, repeat
from bridge.system.timing import Ticker
from bridge.workers.client import WorkerClient
from engine.ipc.ring import Slot
from engine.parameters import Value
from engine.system.overdue import LATE

CROSSFADE = 0.3  # seconds from held frame to the input, and back


class Scene(Protocol):
    """What can be shown, polled at every tick by the output clock's thread: nothing may wait."""

    @property
    def link(self) -> WorkerClient | None:
        """The worker being shown."""
        ...

    @property
    def values(self) -> Mapping[str, Value]:
        """The parameter values, including the output's own."""
        ...

    @property
    def newest_input(self) -> Frame | None:
        """The newest received frame; None before the first."""
        ...

    @property
    def stuck(self) -> bool:
        """Whether the engine will deliver nothing by itself."""
        ...

    @property
    def invents(self) -> bool:
        """Whether the engine should deliver frames even without input."""
        ...

    def card(self, width: int, height: int) -> Image:
        """The test card."""
        ...

    def fallback(self, needed: bool, now: float) -> Numbered | None:
        """The fallback's newest image; see `bridge.playout.fallback`."""
        ...


class OutputClock:
    """Composes one frame per tick and puts it into `outbox`; runs a thread of its own."""

    def __init__(self, settings: Settings, counters: Counters, scene: Scene) -> None:
        self.outbox: Mailbox[Frame] = Mailbox(1)
        self.newest: Frame | None = None
        self.needy = False  # the fallback is wanted
        self.trouble = ""  # why the last tick repeated the frame before it
        self._settings = settings
        self._counters = counters
        self._scene = scene
        self._width, self._height = settings.output
        self._how: Fit = settings.fit
        self._pickup = Pickup()
        self._other: Numbered | None = None  # the fallback's image
        self._aside = 0.0  # from the held frame to that one, 0 to 1
        self._owes_since: float | None = None
        self._ticked = perf_counter()
        self._picture: Image | None = None
        self._received = self._new_at = perf_counter()
        self._composed = blank(self._width, self._height)
        self._key: object = None
        self._input: tuple[int, Image] | None = None
        self._index = 0
        self._level = 0.0  # of black, 0 to 1
        self._away = 0.0  # from the held frame to its replacement, 0 to 1
        self._number = 0  # of the held generated frame
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="output clock", daemon=True)

    @property
    def dropped(self) -> int:
        """Generated frames that were never shown."""
        return self._pickup.dropped

    def start(self) -> None:
        """Start ticking."""
        self._thread.start()

    def stop(self) -> None:
        """Stop ticking."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(1)

    def _run(self) -> None:
        ticker = Ticker(self._settings.output_fps)
        repeat(lambda: self._beat(ticker), self._stopped, self._stumbled, 0)

    def _beat(self, ticker: Ticker) -> None:
        now = ticker.wait()
        self.newest = self.tick(now, ticker.period)
        self.outbox.put(self.newest)
        self.trouble = ""

    def _stumbled(self, error: Exception) -> None:
        """This tick's frame could not be composed: the one before it is sent again."""
        if not self.trouble:  # may happen at every tick: logged once
            self.trouble = explained(error)
        if self.newest:
            self.outbox.put(self.newest)

    def tick(self, now: float, period: float) -> Frame:
        """Compose one output frame."""
        controls = OutputParameters.model_construct(None, **_own(self._scene.values))
        if now - self._ticked > LATE:  # we were suspended, and so was the source of frames
            self._new_at, self._owes_since = now, None
        self._ticked = now
        slot = self._pickup.take(self._scene.link, now)
        if slot is not None:
            self._keep(slot, now)
        fresh = slot is not None
        shown = self._what(now, controls, fresh)
        self._move_levels(controls, shown, period)
        image, content = self._compose(controls, shown)
        if self._level > 0:
            image, content = darken(image, self._level), (content, self._level)
        if content != self._key:
            self._key = content
            self._index += 1
        self._note(shown, image, controls)
        return Frame(image, self._received if self._picture is not None else now, self._index)

    def _keep(self, slot: Slot, now: float) -> None:
        picture = fit(slot.image, self._width, self._height, self._how)
        self._picture = picture if self._settings.alpha == "input" else opaque(picture)
        self._received, self._new_at, self._number = slot.time, now, self._number + 1
        counters = self._counters
        counters.shown_rate.tick()
        counters.latency.add(perf_counter() - slot.time)
        counters.snapshot = slot.tag

    def _what(self, now: float, controls: OutputParameters, fresh: bool) -> OutputSource:
        self.needy = self._needs(now, controls, fresh)
        other = self._scene.fallback(self.needy, now)
        if self.needy or self._aside == 0:  # else the image fading out stays unchanged
            self._other = other
        if fresh:
            return OutputSource.NEW
        if self.needy and other:
            return OutputSource.FALLBACK
        if self._picture is None:
            return OutputSource.CARD
        if controls.on_loss == "hold" or now - self._new_at <= self._patience(controls):
            return OutputSource.HOLD
        if controls.on_loss == "passthrough" and self._scene.newest_input:
            return OutputSource.PASS
        return OutputSource.CARD if controls.on_loss == "card" else OutputSource.HOLD

    def _needs(self, now: float, controls: OutputParameters, fresh: bool) -> bool:
        """Whether to show the fallback: the engine is stuck, or its frame is long overdue. With a
        still or lost input none is due.
        """
        newest = self._scene.newest_input
        owes = self._scene.invents or (newest is not None and newest.time > self._received)
        if fresh or not owes:
            self._owes_since = None
        if owes and self._owes_since is None:
            self._owes_since = now
        owed = now - self._owes_since if self._owes_since is not None else 0.0
        if fresh or controls.on_loss != "hold" or controls.bypass:
            return False
        return self._scene.stuck or owed > self._patience(controls)

    def _patience(self, controls: OutputParameters) -> float:
        """Seconds that a frame is held, at least; never shorter than the engine's normal pace."""
        link = self._scene.link
        if link is None:
            return controls.hold_s
        capped = link.block.frames / controls.max_fps if controls.max_fps > 0 else 0.0
        return max(controls.hold_s, 2 * link.block.seconds, 2 * capped)

    def _move_levels(self, controls: OutputParameters, shown: OutputSource, period: float) -> None:
        fade = max(controls.black_fade, period)
        self._level = _towards(self._level, controls.black, period / fade)
        self._away = _towards(self._away, shown is OutputSource.PASS, period / CROSSFADE)
        self._aside = _towards(self._aside, shown is OutputSource.FALLBACK, period / CROSSFADE)

    def _compose(self, controls: OutputParameters, shown: OutputSource) -> tuple[Image, object]:
        """The image before black, and a key that changes whenever the image does."""
        if controls.freeze and self._index:
            return self._composed, self._key if self._level == 0 else "frozen"
        picture, number = self._picture, self._number
        if picture is None or shown is OutputSource.CARD:
            picture, number = self._scene.card(self._width, self._height), 0
        other = self._other if self._aside > 0 else None
        if other is not None:
            picture = blend(picture, other[1], self._aside)
        amount = 0.0 if controls.bypass else controls.mix * (1 - self._away)
        under = self._scaled_input() if amount < 1 else None
        self._composed = picture if under is None else blend(under[1], picture, amount)
        beside = other and (other[0], self._aside)
        return self._composed, (number, beside, under and under[0], amount)

    def _scaled_input(self) -> tuple[int, Image] | None:
        frame = self._scene.newest_input
        if frame is None:
            return None
        if self._input is None or self._input[0] != frame.index:
            image = fit(frame.image, self._width, self._height, self._how)
            self._input = frame.index, image if self._settings.alpha == "input" else opaque(image)
        return self._input

    def _note(self, shown: OutputSource, image: Image, controls: OutputParameters) -> None:
        counters = self._counters
        counters.shown[shown] += 1
        counters.last_shown = shown
        asked = controls.black or self._level > 0 or controls.freeze
        if not asked and is_black(image) and not self._input_is_black():
            counters.black_frames += 1

    def _input_is_black(self) -> bool:
        frame = self._scene.newest_input
        return frame is not None and is_black(frame.image)


def _towards(level: float, up: bool, step: float) -> float:
    return min(1.0, level + step) if up else max(0.0, level - step)


def _own(values: Mapping[str, Value]) -> dict[str, Value]:
    return {name: values[name] for name in OutputParameters.model_fields}
