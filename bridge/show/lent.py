"""What the session lends to the room of the show; tests lend doubles."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from bridge.frames.frame import Image
from bridge.state.change import Setter
from bridge.state.status import StandbyTold
from engine.parameters import Value

LOOK_MARK, CUE_MARK = "look", "cue"  # marks of a step of undo: the current look, the cue shown last


class Recalled(Protocol):
    """See `Undo.recalled`."""

    def __call__(
        self,
        setter: Setter,
        told: str,
        old: Mapping[str, Value],
        new: Mapping[str, Value],
        fades: Iterable[str] | None = None,
    ) -> None: ...


Take: TypeAlias = Callable[[str, Mapping[str, Value], Setter], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lent:
    """Any thread may call any of these; none waits for the engine.

    `pipeline` is the id of the pipeline that runs or is coming. `names` are the
    parameters of a pipeline by its id; LookupError for an unknown one. `take` sets values at once,
    as one change, and switches to a pipeline if another runs or if the values reload it; it raises
    as `BridgeApi.switch`, and nothing has changed then. It may wait for a disk. `newest` is the
    newest generated image. `arrived` is whether a frame made with the snapshot of a number has
    been shown, and no prompt or reference of it is still being prepared. `stand_by` loads a
    pipeline aside with some values, so that `take` of the same shows it at once, or nothing with an
    empty id; it may wait for a disk, LookupError for an unknown one, ValueError for values that it
    cannot be loaded with. `standby` tells how that is doing. `ahead` is the time in seconds from a
    change to the frames that show it. `proposals` are settings and inputs of this machine, as
    texts, for the show file. `recalls` and `recalled` are of `Undo`. `keep` has the journal
    save the current look.
    """

    pipeline: Callable[[], str]
    names: Callable[[str], frozenset[str]]
    take: Take
    newest: Callable[[], Image | None]
    arrived: Callable[[int], bool]
    stand_by: Callable[[str, Mapping[str, Value]], None] = lambda pipeline, values: None
    standby: Callable[[], StandbyTold] = StandbyTold
    ahead: Callable[[], float] = lambda: 0.0
    proposals: Callable[[], Mapping[str, str]] = dict[str, str]
    keep: Callable[[], None] = lambda: None
    recalls: Callable[[Setter], None] = lambda setter: None
    recalled: Recalled = lambda setter, told, old, new, fades=None: None
