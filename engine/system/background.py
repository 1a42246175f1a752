"""Values made in a background thread and kept, beside a stream that must not wait."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, Generic, TypeAlias, TypeVar

from engine.system.errands import Errands

T = TypeVar("T")  # no str: that is why there is no value

Known: TypeAlias = Mapping[Hashable, T | str]


class BackgroundCache(Generic[T]):
    """Values by their keys, made one after the other in a thread of their own, and kept.

    All methods are called from one thread, that of the frames; only `get` waits, and no longer
    than it is told to. A value that cannot be made is known as a sentence, which says why.
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
        """`name` is that of the thread; of more than `waiting` calls, those asked for first go.
        What was used the longest ago goes while what is known is too much, as `full` says.

        `failures` are the errors whose text is such a sentence; any other surfaces where the value
        is taken, and the call is made anew when it is asked for again. `finish` makes the value of
        what the thread has made, in the thread that takes it.
        """
        self._full, self._failures, self._finish = full, failures, finish
        self._calls = Errands[Any](name, waiting)
        self._known: OrderedDict[Hashable, T | str] = OrderedDict()

    def ask(self, key: Hashable, call: Callable[[], Any]) -> None:
        """Have the value made by `call`, unless it is known or being made."""
        if key not in self._known:
            self._calls.ask(key, call)

    def get(self, key: Hashable, patience: float | None = 0.0) -> T | str | None:
        """The value, taken in if it has come, or why there is none; None where that is not known
        within `patience` seconds, None of which is for ever.
        """
        if key not in self._known and key in self._calls:
            self._take(key, self._calls.taken(key, patience))
        return self.known(key)

    def known(self, key: Hashable) -> T | str | None:
        """The same, of what was taken in before."""
        if key in self._known:
            self._known.move_to_end(key)
        return self._known.get(key)

    def collect(self) -> None:
        """Take in all that has come."""
        for key in self._calls.done:
            self._take(key, self._calls.taken(key))

    def leave(self) -> None:
        """Make no more of what is asked for, but for what is begun."""
        self._calls.leave()

    def forget_failures(self, but: Collection[Hashable]) -> None:
        """Try again, where it is asked for, what could not be made; `but` for these."""
        failed = [key for key, known in self._known.items() if isinstance(known, str)]
        for key in failed:
            if key not in but:
                del self._known[key]

    def values(self) -> Iterator[tuple[Hashable, T]]:
        """What is known, without what could not be made, the newest first."""
        for key, value in reversed(self._known.items()):
            if not isinstance(value, str):
                yield key, value

    def is_coming(self, key: Hashable) -> bool:
        """Whether it is asked for and not taken in yet."""
        return key in self._calls

    @property
    def waiting(self) -> int:
        """How many values are not made yet."""
        return self._calls.waiting

    @property
    def longest(self) -> float:
        """Seconds since the first of those was asked for; 0 where there is none."""
        return self._calls.longest

    def close(self) -> None:
        """End the thread after the value that it makes; nothing may be asked for after."""
        self._calls.close()

    def _take(self, key: Hashable, made: Future[Any] | None) -> None:
        if made is None:
            return
        error = made.exception()  # not raised: what it holds goes with it
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
