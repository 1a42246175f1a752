"""Does torch run on the GPU? One tiny kernel, in a separate process: a driver may hang or crash.

Started as `python -m engine.worker.probe`, with the environment of a worker. It prints one line of
JSON on standard output, the fields of a `Found`.
"""

import json
import sys
import warnings
from dataclasses import asdict, replace
from importlib import import_module
from typing import Any

from engine.system import by_hand, loading
from engine.system.builds import Found
from engine.system.parent import die_with_parent

LONGEST = 300  # characters of an error


def look() -> Found:
    """What torch reports about itself and the GPU, with the kernel's error, if any."""
    try:
        torch: Any = import_module("torch")
    except (ImportError, OSError) as error:
        told = loading.sentence(error) if loading.is_refused(error) else str(error)
        return Found(error=told)
    found = Found(
        version=str(torch.__version__),
        cuda=str(torch.version.cuda or ""),
        codes=tuple(torch.cuda.get_arch_list()),
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # their text becomes part of the sentence
            name = torch.cuda.get_device_name(0)
            chip = torch.cuda.get_device_capability(0)
            made = int(torch.arange(8, device="cuda").sum().item())
    except Exception as error:  # noqa: BLE001 - whatever torch or the driver raises is the finding
        return replace(
            found, error=(f"{error}".splitlines() or [type(error).__name__])[0][:LONGEST]
        )
    wrong = "" if made == sum(range(8)) else f"0 to 7 add up to {made}"
    return replace(found, name=str(name), capability=(int(chip[0]), int(chip[1])), error=wrong)


def main() -> None:
    """Test it, and print the result."""
    die_with_parent()
    sys.stdout.write(json.dumps(asdict(look())) + "\n")


if __name__ == "__main__":
    by_hand.refuse("the test of the GPU", "spout-bridge doctor")
    main()
