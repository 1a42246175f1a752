"""A cache of values that are slow to make, filled in the background: no stream waits."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, Generic, TypeAlias, TypeVar

from engine.system.errands import Errands

T = TypeVar("T")  # not str: a text says why a value is missing

Known: TypeAlias = Mapping[Hashable, T | str]


class BackgroundCache(Generic[T]):
    """Values by key, made one after the other in a separate thread, and cached.

    All methods are called from one thread, that of the frames; only `get` waits, at most its
    `patience`. For a value that cannot be made, the cache holds a sentence with the reason.
    """

    def __init__(
        self,
        name: str,
        waiting: int,
        full: Callable[[Known[T]], bool],
        *,
        failures: tuple[type[Exception], ...] = (ValueError,),
        finish: Callable[[Any], T] | None = None,
    ) -> None:
        """`name` is the thread's name; beyond `waiting` pending calls, the oldest are dropped.
        While `full` says that the cache is too large, the least recently used value is dropped.

        `failures` are the errors whose text is such a sentence; any other is raised where the value
        is read, and the call is repeated when asked for again. `finish` turns the thread's result
        into the value, in the reading thread.
        """
        self._full, self._failures, self._finish = full, failures, finish
        self._calls = Errands[Any](name, waiting)
        self._known: OrderedDict[Hashable, T | str] = OrderedDict()

    def ask(self, key: Hashable, call: Callable[[], Any]) -> None:
        """Have `call` make the value, unless it is cached or being made."""
        if key not in self._known:
            self._calls.ask(key, call)

    def get(self, key: Hashable, patience: float | None = 0.0) -> T | str | None:
        """The value, or the reason there is none; None if neither is known within `patience`
        seconds (None: wait without limit).
        """
        if key not in self._known and key in self._calls:
            self._take(key, self._calls.taken(key, patience))
        return self.known(key)

    def known(self, key: Hashable) -> T | str | None:
        """The same, without looking for new results."""
        if key in self._known:
            self._known.move_to_end(key)
        return self._known.get(key)

    def collect(self) -> None:
        """Collect all new results."""
        for key in self._calls.done:
            self._take(key, self._calls.taken(key))

    def leave(self) -> None:
        """Drop all pending calls except the one in progress."""
        self._calls.leave()

    def forget_failures(self, but: Collection[Hashable]) -> None:
        """Forget failures, so that they are tried again when asked for; `but` keeps these."""
        failed = [key for key, known in self._known.items() if isinstance(known, str)]
        for key in failed:
            if key not in but:
                del self._known[key]

    def values(self) -> Iterator[tuple[Hashable, T]]:
        """The cached values without failures, the most recent first."""
        for key, value in reversed(self._known.items()):
            if not isinstance(value, str):
                yield key, value

    def is_coming(self, key: Hashable) -> bool:
        """Whether it has been asked for and not collected yet."""
        return key in self._calls

    @property
    def waiting(self) -> int:
        """Number of values still to be made."""
        return self._calls.waiting

    @property
    def longest(self) -> float:
        """Seconds since the oldest of those was asked for; 0 if there are none."""
        return self._calls.longest

    def close(self) -> None:
        """End the thread after its current value; nothing may be asked for afterwards."""
        self._calls.close()

    def _take(self, key: Hashable, made: Future[Any] | None) -> None:
        if made is None:
            return
        error = made.exception()  # not raised: frees what it refers to
        if error is None:
            self._known[key] = self._finished(made.result())
        elif isinstance(error, self._failures):
            self._known[key] = _sentence(error)
        else:
            raise error
        while self._full(self._known):
            self._known.popitem(last=False)

    def _finished(self, made: Any) -> T | str:
        try:
            return self._finish(made) if self._finish else made
        except self._failures as error:
            return _sentence(error)


def _sentence(error: BaseException) -> str:
    return str(error) or type(error).__name__
