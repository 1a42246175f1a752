"""The output clock: it composes a frame when one arrives, and never goes black by itself.

At every tick it uses the first available of: a new generated frame, the last one, the input or the
fallback (if asked for), the test card. Bypass, mix, freeze and black act here, so they work while
the engine loads or is dead; mix lays the newest input under a frame, not the one it was made of.

A sink that needs a beat gets a frame at every tick of `Ticker` (`bridge/system/timing.py`): after a
stall it restarts, and nothing is caught up. For any other sink a tick comes when something arrives:
a frame of the engine, a control, the input if it is shown; or when something is due: a frame of a
block, a step of a fade, the end of someone's patience. `Tokens` limit what is new to `output_fps`,
and the newest wins. If no message came, a look every `HELD` seconds finds what it was about.
"""

import threading
from collections.abc import Callable, Mapping
from time import perf_counter, sleep
from typing import Protocol, cast

from bridge.frames.canvas import Canvas
from bridge.frames.frame import Frame, Image
from bridge.frames.pixels import blank, is_black
from bridge.playout.endpoint import Word
from bridge.playout.fallback import Numbered
from bridge.playout.outbox import HELD, Outbox
from bridge.playout.pickup import Pickup
from bridge.settings import Settings
from bridge.state.controls import OutputParameters
from bridge.state.status import Counters, OutputSource
from bridge.system.loops import explained, repeat
from bridge.system.timing import Ticker, Tokens
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
        """The newest received frame that is due after the delay; None before the first."""
        ...

    @property
    def input_due(self) -> float | None:
        """When another one will be due (perf_counter, seconds); None if none waits."""
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
    """Composes one frame per tick and puts it into `outbox`; runs a thread of its own. Any thread
    may call `stir`, `input_came` and `send_again`, and they return at once.
    """

    def __init__(
        self,
        settings: Settings,
        counters: Counters,
        scene: Scene,
        sink: Callable[[], Word] = Word,
        beside: Callable[[Frame], None] = lambda frame: None,
    ) -> None:
        """`sink` tells what the sink in use needs; `beside` gets what it is sent, and returns at
        once.
        """
        self.outbox = Outbox()
        self.newest: Frame | None = None
        self.needy = False  # the fallback is wanted
        self.trouble = ""  # why the last tick repeated the frame before it
        self._settings = settings
        self._counters = counters
        self._scene = scene
        self._sink, self._beside = sink, beside
        self._news = threading.Event()
        self._tokens = Tokens(settings.output_fps)
        self._period = 1 / settings.output_fps
        self._put_at = float("-inf")  # when the sink was last given a frame
        self._put_anyway = False  # the sink needs one, new or not
        self._expires = float("inf")  # when what is shown must be decided again
        self._shows_input = False
        self._width, self._height = settings.output
        self._canvas = Canvas(settings.output, settings.fit, alpha=settings.alpha == "input")
        self._pickup = Pickup()
        self._other: Numbered | None = None  # the fallback's image
        self._aside = 0.0  # from the held frame to that one, 0 to 1
        self._owes_since: float | None = None
        self._ticked = perf_counter()
        self._picture: Image | None = None
        self._received = self._new_at = perf_counter()
        self._card: Image | None = None
        self._cards = 0  # how many different ones there were
        self._composed = blank(self._width, self._height)
        self._content: object = None  # the key of that
        self._key: object = None  # of what was sent
        self._input: tuple[int, Image] | None = None
        self._input_time = self._time = 0.0  # when that was received, and the frame shown
        self._index = 0
        self._level = 0.0  # of black, 0 to 1
        self._away = 0.0  # from the held frame to its replacement, 0 to 1
        self._number = 0  # of the held generated frame
        self._bypassed: int | None = None  # that number when the input was last shown by a bypass
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="output clock", daemon=True)

    @property
    def generated(self) -> Image | None:
        """The newest generated image as it is held, before black, mix and freeze; None before the
        first.
        """
        return self._picture

    @property
    def dropped(self) -> int:
        """Generated frames that were never shown."""
        return self._pickup.dropped

    @property
    def least_delay(self) -> float:
        """The least constant delay possible now, in seconds; 0 before the first frame."""
        longest = self._pickup.latencies.most(perf_counter())
        return longest + self._period if longest else 0.0

    def start(self) -> None:
        """Start ticking."""
        self._thread.start()

    def stop(self) -> None:
        """Stop ticking."""
        self._stopped.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join(1)

    def _run(self) -> None:
        ticker = Ticker(self._settings.output_fps)
        repeat(lambda: self._turn(ticker), self._stopped, self._stumbled, ticker.period)

    def stir(self) -> None:
        """Something that changes the output has arrived."""
        self._news.set()

    def input_came(self) -> None:
        """A frame was received."""
        if self._shows_input:
            self._news.set()

    def send_again(self) -> None:
        """Another sink is in use, which has no frame yet."""
        self._put_anyway = True
        self._news.set()

    def _turn(self, ticker: Ticker) -> None:
        sink = self._sink()
        if sink.needs_beat:
            now = ticker.wait()
            frame = self.tick(now, ticker.period)
        else:
            self._news.wait(max(0.0, self.due(perf_counter()) - perf_counter()))
            sleep(self._tokens.ahead(perf_counter()))
            self._news.clear()
            frame = self.arrive(perf_counter(), keeps_last=sink.keeps_last)
        if frame:
            self.newest = frame
            self.outbox.put(frame)
            self._beside(frame)
        self.trouble = ""

    def due(self, now: float) -> float:
        """When the next tick is due if nothing arrives."""
        times = [self._ticked + HELD, self._expires]
        delay = cast(float, self._scene.values["delay"]) / 1e3  # its kind
        if (frame := self._pickup.next_due(self._scene.link, now, delay=delay)) is not None:
            times.append(frame)
        if delay and self._shows_input and (due := self._scene.input_due) is not None:
            times.append(due)
        replaced = self._other is not None and (self.needy or self._aside > 0)
        if replaced or any(0 < level < 1 for level in (self._level, self._away, self._aside)):
            times.append(self._ticked + self._period)
        return min(times)

    def arrive(self, now: float, *, keeps_last: bool) -> Frame | None:
        """Compose what has arrived; None if the sink has it already. Needs a token."""
        before = self._index
        fades = any(0 < level < 1 for level in (self._level, self._away, self._aside))
        most = 2 * self._period if fades else self._period  # a fade begins with one step
        frame = self.tick(now, min(now - self._ticked, most), newest=True)
        if frame.index != before:
            self._tokens.use(now)
        elif not self._put_anyway and not (keeps_last and now - self._put_at >= HELD):
            return None
        self._put_anyway, self._put_at = False, now
        return frame

    def _stumbled(self, error: Exception) -> None:
        """This tick's frame could not be composed: the one before it is sent again."""
        if not self.trouble:  # may happen at every tick: logged once
            self.trouble = explained(error)
        if self.newest:
            self.outbox.put(self.newest)

    def tick(self, now: float, period: float, *, newest: bool = False) -> Frame:
        """Compose one output frame. Fades move by `period` seconds. With `newest`, a frame that
        waits behind another replaces it, unless they are of one block.
        """
        if now - self._ticked > LATE:  # we were suspended, and so was the source of frames
            self._new_at, self._owes_since = now, None
        self._ticked, self._expires = now, float("inf")
        controls = OutputParameters.model_construct(None, **_own(self._scene.values))
        delay = controls.delay / 1e3
        slot = self._pickup.take(self._scene.link, now, newest=newest, delay=delay)
        fresh = slot is not None and self._keep(slot, now)
        shown = self._what(now, controls, fresh)
        self._move_levels(controls, shown, period)
        self._time = self._received if self._picture is not None else now
        image, content = self._compose(controls, shown)
        self._content = content
        if self._level > 0:
            image, content = self._canvas.darken(image, self._level), (content, self._level)
        if content != self._key:
            self._key = content
            self._index += 1
        self._note(shown, image, controls)
        return Frame(image, self._time, self._index, fresh and not controls.freeze)

    def _keep(self, slot: Slot, now: float) -> bool:
        """Use this frame from now on; False if its worker has written over it."""
        picture = self._canvas.fit(slot.image, borrowed=slot.borrowed)
        if not slot.is_whole:
            self._pickup.dropped += 1
            return False
        self._picture = picture
        self._received, self._new_at, self._number = slot.time, now, self._number + 1
        counters = self._counters
        counters.shown_rate.tick()
        counters.snapshot = slot.tag
        return True

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
        if controls.on_loss == "hold" or self._lasts(self._new_at, now, controls):
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
        if fresh or controls.on_loss != "hold" or controls.bypass:
            return False
        since = now if self._owes_since is None else self._owes_since
        return self._scene.stuck or not self._lasts(since, now, controls)

    def _lasts(self, since: float, now: float, controls: OutputParameters) -> bool:
        """Whether there is still patience with what has lasted since then; notes when it ends."""
        ends = since + self._patience(controls)
        if now < ends:
            self._expires = min(self._expires, ends)
        return now < ends

    def _patience(self, controls: OutputParameters) -> float:
        """Seconds that a frame is held, at least; never shorter than the engine's normal pace."""
        link = self._scene.link
        if link is None:
            return controls.hold_s
        capped = link.block.frames / controls.max_fps if controls.max_fps > 0 else 0.0
        return max(controls.hold_s, 2 * link.block.seconds, 2 * capped)

    def _move_levels(self, controls: OutputParameters, shown: OutputSource, period: float) -> None:
        fade = controls.black_fade
        self._level = _towards(self._level, controls.black, period / fade if fade else 1.0)
        if controls.bypass:
            self._away, self._bypassed = 1.0, self._number
        elif not self._awaits_new(shown):
            self._bypassed = None
            self._away = _towards(self._away, shown is OutputSource.PASS, period / CROSSFADE)
        self._aside = _towards(self._aside, shown is OutputSource.FALLBACK, period / CROSSFADE)

    def _awaits_new(self, shown: OutputSource) -> bool:
        """Whether the input stays after a bypass: until the engine's next frame, or what is shown
        in its place.
        """
        instead = shown is OutputSource.FALLBACK or (
            shown is OutputSource.CARD and self._picture is not None
        )
        return self._bypassed == self._number and not instead

    def _compose(self, controls: OutputParameters, shown: OutputSource) -> tuple[Image, object]:
        """The image before black, and a key that changes whenever the image does."""
        amount = 0.0 if controls.bypass else controls.mix * (1 - self._away)
        self._shows_input = amount < 1 and not controls.freeze
        if controls.freeze and self._index:
            return self._composed, self._content
        under = self._scaled_input() if amount < 1 else None
        if under is not None and amount <= 0:
            self._composed, self._time = under[1], self._input_time
            return self._composed, ("input", under[0])
        picture, number = self._picture, self._number
        if picture is None or shown is OutputSource.CARD:
            picture, number = self._newest_card(), -self._cards
        other = self._other if self._aside > 0 else None
        if other is not None:
            picture = self._canvas.blend(picture, other[1], self._aside)
        self._composed = picture
        if under is not None:
            self._composed = self._canvas.blend(under[1], picture, amount)
        beside = other and (other[0], self._aside)
        return self._composed, (number, beside, under and under[0], amount)

    def _newest_card(self) -> Image:
        card = self._scene.card(self._width, self._height)
        if card is not self._card:  # it says something else
            self._card, self._cards = card, self._cards + 1
        return card

    def _scaled_input(self) -> tuple[int, Image] | None:
        frame = self._scene.newest_input
        if frame is None:
            return None
        if self._input is None or self._input[0] != frame.index:
            self._input_time = frame.time
            self._input = frame.index, self._canvas.fit(frame.image)
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
