"""Count what one pass does in torch: kernels, dispatches, readbacks to the host, memory.

These show on any machine, without a GPU, whether a change made a pass heavier.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import finalize

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

READ_BACK = {"_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "item"}
LAUNCH_NOTHING = {
    "_reshape_alias",
    "_unsafe_view",
    "alias",
    "as_strided",
    "detach",
    "empty",
    "empty_like",
    "empty_strided",
    "expand",
    "lift_fresh",
    "new_empty",
    "new_empty_strided",
    "permute",
    "select",
    "slice",
    "split",
    "split_with_sizes",
    "squeeze",
    "t",
    "transpose",
    "unbind",
    "unfold",
    "unsqueeze",
    "view",
    "view_as_complex",
    "view_as_real",
}


class Counted(TorchDispatchMode):
    """While entered: how often each operation ran, and peak memory.

    Memory counts storage created inside, in bytes, on any device including `meta`.
    """

    def __init__(self) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]  # torch has no type for it
        self.operations: Counter[str] = Counter()
        self.alive = 0
        self.peak = 0
        self._seen: dict[int, int] = {}

    @property
    def dispatched(self) -> int:
        """All operations, including views."""
        return self.operations.total()

    @property
    def kernels(self) -> int:
        """Operations that compute or copy: each is at least one launch on a GPU."""
        return sum(n for name, n in self.operations.items() if name not in LAUNCH_NOTHING)

    @property
    def reads_back(self) -> int:
        """Operations in which the host waits for the GPU."""
        return sum(n for name, n in self.operations.items() if name in READ_BACK)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        self.operations[func.overloadpacket.__name__] += 1
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self._note(leaf.untyped_storage())
        return result

    def _note(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata  # pyright: ignore[reportPrivateUsage]  # `data_ptr` is 0 on `meta`
        if key in self._seen:
            return
        self._seen[key] = storage.nbytes()
        self.alive += storage.nbytes()
        self.peak = max(self.peak, self.alive)
        finalize(storage, self._freed, key)

    def _freed(self, key: int) -> None:
        self.alive -= self._seen.pop(key, 0)
