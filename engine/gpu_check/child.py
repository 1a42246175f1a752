"""`python -m engine.gpu_check.child`: one step, in the process that the runner starts for it.

Results are lines of JSON, each flushed, so that a process that crashes or hangs leaves what it
found, and what it was at.
"""

import faulthandler
import json
import sys
import traceback
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from engine.gpu_check.report import Figure, NotRun, as_json
from engine.system import by_hand, loading
from engine.system.commit import short_of_memory
from engine.system.parent import die_with_parent


def main() -> None:
    """Run the step that standard input names."""
    by_hand.refuse("a step of a command", "spout-bridge gpu-check")
    die_with_parent()
    faulthandler.enable()
    order: dict[str, Any] = json.load(sys.stdin)
    with Path(order["results"]).open("w", encoding="utf-8") as file:

        def write(name: str, value: object) -> None:
            file.write(json.dumps({name: value}, ensure_ascii=False) + "\n")
            file.flush()

        def at(what: str) -> None:
            write("at", what)

        try:
            import torch  # here, so that a build that cannot be loaded is a result too

            from engine.gpu_check.ground import Ground

            ground = Ground.of(order["device"], order["seconds"], at, quick=order["quick"])
            write("device", str(ground))
            module, _, name = order["target"].partition(":")
            step: Callable[[Ground], Iterator[Figure]]
            step = getattr(import_module(module), name)
            with torch.no_grad():
                for figure in step(ground):
                    write("figure", as_json(figure))
        except NotRun as why:
            write("not run", str(why))
        except Exception as error:  # noqa: BLE001 - whatever a card or driver raises is a result
            traceback.print_exc()
            if short_of_memory(error):
                write("no memory", _sentence(error))
            else:
                write("error", _sentence(error))
        else:
            write("end", True)


def _sentence(error: Exception) -> str:
    if loading.is_refused(error):
        return loading.sentence(error)
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first:.200}"


if __name__ == "__main__":
    main()
