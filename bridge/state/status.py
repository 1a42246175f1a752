"""The state of the bridge; the one place that OSC, HTTP, page and metrics read.

`Status` declares every value once, with its unit and meaning. `Counters` is written by the threads
of the frame path while they run; each field has one writer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from bridge.system.timing import Quantiles, Rate


class EngineState(StrEnum):
    """State of the engine."""

    IDLE = "IDLE"
    DOWNLOADING = "DOWNLOADING"
    LOADING = "LOADING"
    WARMUP = "WARMUP"
    RUNNING = "RUNNING"
    DEGRADED = "DEGRADED"
    RESTARTING = "RESTARTING"
    RECONNECTING = "RECONNECTING"
    FAILED = "FAILED"


class Readiness(StrEnum):
    """Whether the next cue could be shown at once."""

    NONE = ""
    LOADING = "LOADING"
    READY = "READY"
    NOT_READY = "NOT READY"


@dataclass(frozen=True, slots=True)
class StandbyTold:
    """How what the next cue needs is doing; `progress` is of loading, 0 to 1. `in_place`: there is
    no room to load it beside what is shown, only in its place.
    """

    state: Readiness = Readiness.NONE
    reason: str = ""
    progress: float = 1.0
    in_place: bool = False


class OutputSource(StrEnum):
    """What the output shows at a tick."""

    NEW = "new"
    HOLD = "hold"
    PASS = "pass"
    FALLBACK = "fallback"
    CARD = "card"


def status_field(
    default: Any, help: str, unit: str = "", metric: str = "", *, kept: bool = False
) -> Any:
    """Declare one value of `Status`: `metric` is gauge, counter, or empty if not a number. Who may
    only view does not get what is `kept`.
    """
    meaning = {"help": help, "unit": unit, "metric": metric, "kept": kept}
    if isinstance(default, type):
        return field(default_factory=default, metadata=meaning)
    return field(default=default, metadata=meaning)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Everything the surfaces report, at one moment."""

    state: str = status_field("IDLE", "State of the engine.")
    reason: str = status_field("", "Why, in one sentence.")
    pipeline: str = status_field("", "Pipeline whose frames are shown.")
    pipeline_asked: str = status_field("", "Pipeline requested at start that cannot run yet.")
    loading: str = status_field("", "Pipeline being loaded, if any.")
    progress: float = status_field(1.0, "Loading progress, 0 to 1.", "", "gauge")
    phase: str = status_field("", "Current step of loading.")
    error: str = status_field(
        "", "What is wrong, a sentence each for up to three problems; empty if nothing."
    )
    cue: str = status_field("", "Number of the cue shown last: the place in the list.")
    cue_next: str = status_field("", "Number of the cue that GO shows.")
    cue_waits: str = status_field("", "Number of the cue that goes once it is ready.")
    cue_follow: float = status_field(
        0.0, "Time until the next cue goes by itself; 0 if it does not.", "s", "gauge"
    )
    blind: bool = status_field(False, "Whether the next look is edited blind.")
    blind_values: Mapping[str, Any] = status_field(
        dict, "The values that were set blind; none for who may only view.", kept=True
    )
    standby: str = status_field(
        "", "What the next cue needs is LOADING, READY or NOT READY; empty without a next cue."
    )
    standby_reason: str = status_field("", "Why, and which later cues can never be shown.")
    standby_progress: float = status_field(1.0, "Its loading progress, 0 to 1.", "", "gauge")
    take_time: float = status_field(
        0.0, "Time from the last GO on READY to the first frame of another pipeline.", "ms", "gauge"
    )
    fps: float = status_field(0.0, "Generated frames shown per second.", "fps", "gauge")
    input_fps: float = status_field(0.0, "Frames received per second.", "fps", "gauge")
    engine_fps: float = status_field(0.0, "Frames generated per second.", "fps", "gauge")
    output_fps: float = status_field(
        0.0, "Frames sent per second, including held ones.", "fps", "gauge"
    )
    latency: float = status_field(
        0.0,
        "Time from a frame seen at the source to its result written to the sink, median.",
        "ms",
        "gauge",
    )
    latency_p95: float = status_field(0.0, "The same, 95th percentile.", "ms", "gauge")
    delay_least: float = status_field(
        0.0, "Least `delay` possible: the longest latency of the last seconds.", "ms", "gauge"
    )
    delay_most: float = status_field(
        0.0, "Longest `delay` for which the frames fit into memory.", "ms", "gauge"
    )
    block_time: float = status_field(0.0, "Time the engine takes for one block.", "ms", "gauge")
    input_age: float = status_field(0.0, "Time since the last frame was received.", "s", "gauge")
    input: str = status_field(
        "live",
        "State of the input: opening, waiting (for its sender), live, still, failed, or unneeded "
        "when frames are generated from text alone.",
    )
    input_problem: str = status_field("", "Why no input frames arrive, in one sentence.")
    control: str = status_field("", "URI and status of the live control video.")
    control_input: str = status_field("none", "State of the control video: none, or as `input`.")
    mask: str = status_field("", "URI and status of the live mask.")
    mask_input: str = status_field("none", "State of the mask: none, or as `input`.")
    picture_age: float = status_field(0.0, "Time since the last frame was generated.", "s", "gauge")
    shown: str = status_field("card", "What is shown now: new, hold, pass, fallback or card.")
    longest_gap: float = status_field(
        0.0,
        "Longest time since the start for which the sink lacked what was composed, or was missing; "
        "for one with a fixed rate, between two frames.",
        "ms",
        "gauge",
    )
    black_frames: int = status_field(0, "Unintended black frames sent.", "", "counter")
    frames_new: int = status_field(0, "Ticks that showed a new frame.", "", "counter")
    frames_hold: int = status_field(0, "Ticks that held the last frame.", "", "counter")
    frames_pass: int = status_field(0, "Ticks that showed the input instead.", "", "counter")
    frames_fallback: int = status_field(0, "Ticks that showed the fallback.", "", "counter")
    frames_card: int = status_field(0, "Ticks that showed the test card.", "", "counter")
    dropped_input: int = status_field(0, "Received frames that no block used.", "", "counter")
    dropped_output: int = status_field(0, "Generated frames that were never shown.", "", "counter")
    dropped_send: int = status_field(
        0, "Frames dropped by a sink too slow for them.", "", "counter"
    )
    dropped_record: int = status_field(
        0, "Frames dropped by recordings too slow for them.", "", "counter"
    )
    bad_blocks: int = status_field(0, "Blocks discarded as NaN, infinite or flat.", "", "counter")
    sharpness: float = status_field(
        0.0, "Sharpness of generated frames relative to their first minute; 0 before.", "", "gauge"
    )
    brightness: float = status_field(0.0, "Their brightness, likewise.", "", "gauge")
    saturation: float = status_field(0.0, "Their saturation, likewise.", "", "gauge")
    drift: float = status_field(
        0.0,
        "Largest deviation of these from the first minute, in standard deviations of the first ten "
        "minutes; 0 before.",
        "",
        "gauge",
    )
    reanchors: int = status_field(0, "How often drift made the stream re-anchor.", "", "counter")
    reanchored: str = status_field("", "When and why that was last, in one sentence.")
    restarts: int = status_field(0, "Engine workers that died and were replaced.", "", "counter")
    osc_messages: int = status_field(0, "OSC messages received.", "", "counter")
    osc_coalesced: int = status_field(
        0, "OSC messages replaced by a newer one before use.", "", "counter"
    )
    osc_refused: int = status_field(0, "Rejected OSC messages.", "", "counter")
    midi: str = status_field("", "Open MIDI ports, the page's too.")
    midi_learn: str = status_field("", "What `learn` waits for or has found, in one sentence.")
    midi_messages: int = status_field(0, "MIDI messages received.", "", "counter")
    midi_coalesced: int = status_field(
        0, "MIDI messages replaced by a newer one before use, or too many.", "", "counter"
    )
    bpm: float = status_field(120.0, "Beats per minute now.", "bpm", "gauge")
    beat: float = status_field(1.0, "Place in the bar of four beats, from 1.", "", "gauge")
    beat_waits: str = status_field("", "What waits for its beat, such as `look 3`.")
    clock: str = status_field("", "MIDI port whose clock sets the tempo; empty for none.")
    prompts_refused: int = status_field(
        0, "Prompts refused for a word of `--blocked-words`.", "", "counter"
    )
    source: str = status_field("", "URI and status of the source.")
    sink: str = status_field("", "Where frames are sent, under the name to pick.")
    recording: str = status_field("", "Name of the file that `record` writes; empty for none.")
    recorded: float = status_field(0.0, "Length of it, or of the last one.", "s", "gauge")
    stuck: int = status_field(
        0, "Sources and sinks given up because a driver or disk does not respond.", "", "gauge"
    )
    alarm_problem: str = status_field("", "Why the last alarm was not delivered; empty if it was.")
    engine_size: str = status_field("", "Size the engine works at.", "px")
    device: str = status_field(
        "", "What the engine computes on: a GPU's name, or CPU; none where no engine runs."
    )
    gpu_temperature: int = status_field(0, "Temperature of the GPU; 0 if unknown.", "°C", "gauge")
    gpu_memory: float = status_field(0.0, "Memory in use on the GPU.", "MB", "gauge")
    gpu_slowed_by: str = status_field(
        "", "What slows the GPU: heat, power limit, power supply; empty if nothing does."
    )
    output_size: str = status_field("", "Size of the frames sent.", "px")
    worker: int = status_field(0, "Process id of the engine worker; 0 for none.")
    uptime: float = status_field(0.0, "Time since start.", "s", "gauge")
    memory: float = status_field(0.0, "Memory of the bridge process.", "MB", "gauge")
    worker_memory: float = status_field(0.0, "Memory of the engine worker.", "MB", "gauge")
    look: int = status_field(0, "Number of the look recalled or saved last; 0 for none.")
    look_name: str = status_field("", "Its name.")
    look_changed: bool = status_field(
        False, "Whether something that it holds has been changed since."
    )
    show_edits: int = status_field(0, "Grows with every edit of looks and cues.")
    snapshot: int = status_field(0, "Number of the parameter snapshot of the frame shown.")
    download: str = status_field("", "Current download, or why the last one failed.")
    download_progress: float = status_field(0.0, "Download progress, 0 to 1.", "", "gauge")
    undo: str = status_field("", "What the next `undo` takes back; empty for nothing.")
    undo_steps: int = status_field(0, "Steps that can be taken back.", "", "gauge")
    redo: str = status_field("", "What the next `redo` makes again; empty for nothing.")
    redo_steps: int = status_field(0, "Steps that can be made again.", "", "gauge")
    undo_note: str = status_field(
        "", "What the last `undo` or `redo` left as it was, and why, in one sentence."
    )
    notes: Mapping[str, Any] = status_field(dict, "What the pipeline reports about its last block.")

    @property
    def source_uri(self) -> str:
        """The URI in `source`, without its status."""
        return self.uri_of("source")

    def uri_of(self, role: str) -> str:
        """The URI of an input, without its status; empty for none."""
        return str(getattr(self, role)).partition(" · ")[0]


@dataclass(frozen=True, slots=True)
class StatusSpec:
    """One value of `Status` as the surfaces see it."""

    name: str
    help: str
    unit: str
    metric: str
    kept: bool


STATUS = tuple(StatusSpec(f.name, **f.metadata) for f in fields(Status))


class Counters:
    """Counts of the frame path; plain attributes, each written by one thread: what was shown, and
    how often, by the output clock (`OutputClock._note`).
    """

    def __init__(self) -> None:
        self.input_rate = Rate()
        self.engine_rate = Rate()
        self.shown_rate = Rate()
        self.output_rate = Rate()
        self.latency = Quantiles()
        self.block_time = Quantiles()
        self.shown = dict.fromkeys(OutputSource, 0)
        self.last_shown = OutputSource.CARD
        self.longest_gap = 0.0
        self.black_frames = 0
        self.bad_blocks = 0
        self.last_input = 0.0
        self.osc_messages = 0
        self.osc_coalesced = 0
        self.osc_refused = 0
        self.midi_messages = 0
        self.midi_coalesced = 0
        self.snapshot = 0

    def told(self, now: float, lacking: float) -> dict[str, Any]:
        """Their part of `Status`, of a sink that has lacked what was composed for `lacking`
        seconds. Any thread.
        """
        p50, p95 = self.latency.at(0.5, 0.95)
        return {
            "fps": round(self.shown_rate.value, 2),
            "input_fps": round(self.input_rate.value, 2),
            "engine_fps": round(self.engine_rate.value, 2),
            "output_fps": round(self.output_rate.value, 2),
            "latency": round(p50 * 1e3, 1),
            "latency_p95": round(p95 * 1e3, 1),
            "block_time": round(self.block_time.at(0.5)[0] * 1e3, 1),
            "input_age": round(now - self.last_input, 2) if self.last_input else 0.0,
            "picture_age": round(self.engine_rate.age, 2),
            "shown": self.last_shown,
            "longest_gap": round(max(self.longest_gap, lacking) * 1e3, 1),
            "black_frames": self.black_frames,
            **{f"frames_{source}": self.shown[source] for source in OutputSource},
            "bad_blocks": self.bad_blocks,
            "osc_messages": self.osc_messages,
            "osc_coalesced": self.osc_coalesced,
            "osc_refused": self.osc_refused,
            "snapshot": self.snapshot,
        }
