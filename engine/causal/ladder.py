"""The ladder: ways to run passes, from the fastest to the plainest, and those that failed before.

A rung is a way (compiled layers, CUDA graphs, plain passes) with an attention kernel. A stream is
warmed up on the highest rung that is not known to fail here; if that fails with an error, the next
lower one is tried in the same process. A rung that crashes the process cannot report that, so it is
noted as `trying` first; the next worker reads the note and starts one rung lower. Once frames are
shown the rung never changes: the worker ends, and the next one starts lower.
"""

import hashlib
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import psutil
import torch

from engine.catalog.controls import CausalLoad
from engine.causal.cuda_graphs import How, way
from engine.causal.network.attention import kernel_for
from engine.pipeline import RungFailed
from engine.system.commit import short_of_memory
from engine.system.gpu_errors import is_cuda_error
from engine.system.json_values import is_object

WAYS: dict[How, str] = {
    "compiled": "compiled layers",
    "graphs": "CUDA graphs",
    "plain": "plain passes",
}
PACKAGES = ("torch", "triton", "triton-windows", "flash-attn-3", "sageattention", "spout-bridge")
DEFAULT = "sdpa"  # torch's own kernel, which is always there
WHY = 300  # characters of an error that are kept


@dataclass(frozen=True, slots=True)
class Rung:
    """A way to run passes, with an attention kernel."""

    way: How
    kernel: str

    def __str__(self) -> str:
        return f"{WAYS[self.way]} with {self.kernel}"


def rungs(load: CausalLoad, device: torch.device) -> tuple[Rung, ...]:
    """The rungs of a device, from what `load` requests down to plain passes with torch's kernel.

    What was requested by name is given up last. Raises as `way` and `kernel_for`.
    """
    first, kernel = way(load.passes, device.type), kernel_for(load.attention, device)
    ways = list(WAYS)[list(WAYS).index(first) :]
    kernels = list(dict.fromkeys((kernel, DEFAULT)))
    if load.attention != "auto":
        return tuple(Rung(each, name) for name in kernels for each in ways)
    return tuple(Rung(each, name) for each in ways for name in kernels)


class Record:
    """What is known about the rungs on this card with these versions, kept in a file.

    Each rung is `trying`, with the process that tries it, `works`, or `failed`, with the reason.
    """

    def __init__(
        self, folder: Path | None, about: Mapping[str, str], dismissed: Collection[int] = ()
    ) -> None:
        """`folder` is created when needed; without one the record lasts as long as this process.
        No rung is blamed for the end of the processes `dismissed`.
        """
        self._said = False
        named = json.dumps(about, sort_keys=True)
        digest = hashlib.sha256(named.encode()).hexdigest()[:16]
        self.file = folder / f"{digest}.json" if folder else None
        self._about, self._dismissed = dict(about), dismissed
        self._writing = threading.Lock()
        self._known = self._read()

    def failure(self, rung: Rung) -> str:
        """Why a rung is not used; empty if it may be."""
        entry = self._known.get(str(rung), {})
        if entry.get("state") == "failed":
            return entry["why"] or "it failed"
        tried = entry.get("state") == "trying" and entry.get("pid") not in self._dismissed
        if tried and not _runs(entry):
            return "the engine died on it"
        return ""

    def works(self, rung: Rung) -> bool:
        """Whether it is known to work."""
        return self._known.get(str(rung), {}).get("state") == "works"

    def note(self, rung: Rung, state: Literal["trying", "works", "failed"], why: str = "") -> bool:
        """Write down the state of a rung; False if it could not be written."""
        entry: dict[str, Any] = {"state": state}
        if state == "trying":
            entry |= {"pid": os.getpid(), "born": _born(os.getpid())}
        elif state == "failed":
            entry["why"] = why[:WHY]
        with self._writing:
            self._known = self._read() | {str(rung): entry}
            return self._write(self._known)

    def forget(self, rung: Rung) -> None:
        """Remove the note that this process tries a rung. Any thread."""
        with self._writing:
            known = self._read()
            entry = known.get(str(rung), {})
            if entry.get("state") == "trying" and entry.get("pid") == os.getpid():
                del known[str(rung)]
                self._write(known)

    def _write(self, known: Mapping[str, Mapping[str, Any]]) -> bool:
        if self.file is None:
            return False
        part = self.file.with_suffix(f".{os.getpid()}")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(self._about | {"rungs": known}, indent=1))
            part.replace(self.file)
        except OSError as error:
            sys.stderr.write(f"{self.file} could not be written: {error}\n")
            return False
        return True

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            return _rungs(self.file.read_bytes()) if self.file else {}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, LookupError, RecursionError) as why:
            if not self._said:
                self._said = True
                told = f"{type(why).__name__}: {why}"[:WHY]
                sys.stderr.write(f"{self.file} cannot be read and is not used ({told}).\n")
            return {}


class Ladder:
    """The rung that a pipeline runs on. Used by the worker's main thread."""

    def __init__(
        self, rungs: tuple[Rung, ...], record: Record, trying: Callable[[str], None]
    ) -> None:
        """`trying` is called with the rung being tried, if that was noted, and "" once it works."""
        self._rungs, self._record, self._trying = list(rungs), record, trying
        self.remarks: list[str] = []
        self._shown = False
        while self.has_lower and (why := record.failure(self.rung)):
            self._lower(why, "failed before")

    @property
    def rung(self) -> Rung:
        """The rung in use."""
        return self._rungs[0]

    @property
    def has_lower(self) -> bool:
        """Whether another rung is left below."""
        return len(self._rungs) > 1

    def begin(self) -> None:
        """Note that the rung is about to be tried, unless it is known to work."""
        if self.has_lower and not self._record.works(self.rung):
            written = self._record.note(self.rung, "trying")
            self._trying(str(self.rung) if written else "")

    def stop(self) -> None:
        """The process ends for another reason: its end says nothing about the rung. Any thread."""
        self._record.forget(self.rung)
        self._trying("")

    def held(self) -> None:
        """A block was made on this rung."""
        if not self._shown:
            self._shown = True
            if self.has_lower and not self._record.works(self.rung):
                self._record.note(self.rung, "works")
            self._trying("")

    def failed(self, error: Exception) -> None:
        """Take the next lower rung after an error; RungFailed if frames are already shown. Raises
        the error itself if no rung is left or the rung is not to blame: memory ran out, or the CUDA
        context is lost, and then the next process finds this rung noted as `trying`.
        """
        words = str(error).strip() or "no reason given"
        why = f"{type(error).__name__}: {words.splitlines()[0]}"
        if short_of_memory(error):
            self.stop()
        if not self.has_lower or short_of_memory(error) or is_cuda_error(error):
            raise error
        traceback.print_exception(error)  # into the bridge's log
        self._record.note(self.rung, "failed", why)
        if self._shown:
            lower = self._rungs[1]
            raise RungFailed(
                f"{self.rung} failed ({why[:WHY]}); restarting with {lower}."
            ) from error
        self._lower(why[:WHY], "failed")

    @contextmanager
    def watched(self) -> Generator[None]:
        """An error inside, while frames are made, is blamed on the rung; raises as `failed`."""
        try:
            yield
        except Exception as error:
            self.failed(error)
            raise RungFailed(self.remarks[-1]) from error

    def _lower(self, why: str, how: str) -> None:
        left = self._rungs.pop(0)
        name = str(left)
        told = f"{name[0].upper()}{name[1:]} {how} ({why})"
        self.remarks.append(f"{told}; running {self.rung}.")


def about(device: torch.device, row: str) -> dict[str, str]:
    """What decides whether a row's rungs work: card, CUDA and package versions."""
    found = {"row": row, "device": device.type}
    if device.type == "cuda":
        found["card"] = torch.cuda.get_device_name(device)
        major, minor = torch.cuda.get_device_capability(device)
        found |= {"capability": f"{major}.{minor}", "cuda": str(torch.version.cuda)}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _rungs(data: bytes) -> dict[str, dict[str, Any]]:
    """The rungs of a record; ValueError, LookupError or RecursionError if it is none."""
    found: object = json.loads(data)
    known: object = found["rungs"] if is_object(found) else None
    if not is_object(known):
        raise ValueError("it has no rungs")
    return {name: _entry(entry) for name, entry in known.items()}


def _entry(found: object) -> dict[str, Any]:
    """What is known about a rung, from a file with anything in it; ValueError or LookupError."""
    if not is_object(found):
        raise ValueError("an entry is no object")
    state = found["state"]
    if state == "trying" and type(found["pid"]) is int:
        return {"state": state, "pid": found["pid"], "born": str(found["born"])[:WHY]}
    if state == "failed":
        why = str(found["why"])[:WHY].encode("utf-8", "replace").decode()
        return {"state": state, "why": " ".join(why.split())}
    if state == "works":
        return {"state": state}
    raise ValueError("an entry has an unknown state")


def _runs(entry: Mapping[str, Any]) -> bool:
    """Whether the process that wrote an entry still runs."""
    try:
        return _born(entry["pid"]) == entry["born"]
    except (psutil.Error, OSError, ValueError, OverflowError):
        return False


def _born(pid: int) -> str:
    """When a process started, where no change of the clock moves it: on Linux psutil adds the
    clock's time of the boot. OSError, psutil.Error, ValueError or OverflowError if none has the id.
    """
    if sys.platform != "linux":
        return repr(psutil.Process(pid).create_time())
    boot = ""
    with suppress(OSError):  # some sandboxes have none
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    about = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    return f"{boot} {about.rpartition(')')[2].split()[19]}"
