"""The GPUs of this machine, as reported by NVIDIA's driver. Free of torch.

Read through NVML, which needs no CUDA context and so no GPU memory. Without an NVIDIA driver there
is no GPU; that is not an error. A driver that is installed but fails or hangs is one (`trouble`):
nobody waits for it longer than `PATIENCE`, and the last answer counts until it answers again.

Programs share a GPU in time slices: CUDA's default priority is the lowest, and priorities apply
only to the streams of one program. So an engine cannot yield to the program beside it. What helps
is asking less of the GPU: `max_fps`, a smaller size, or another GPU (`--gpu`).
"""

import os
import re
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar, cast

import pynvml

T = TypeVar("T")

PATIENCE = 2.0  # seconds that a caller waits for the driver
LONG = 10.0  # the same where nothing is shown meanwhile: some drivers load only when asked
# NVML's errors that mean there is no driver, and so no GPU
NO_DRIVER = (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
LONGEST = 160  # characters of an error's text

VISIBLE = "CUDA_VISIBLE_DEVICES"
LOST = "a GPU that does not answer"  # in place of its name: it needs a restart of the machine
HIDDEN = "-1"  # in VISIBLE: none; Windows takes an empty value for no value
# Reasons for throttling a GPU, by NVML's bits. Those that the user or an idle GPU sets are left
# out.
SLOWING = {
    pynvml.nvmlClocksThrottleReasonSwThermalSlowdown: "heat",
    pynvml.nvmlClocksThrottleReasonHwThermalSlowdown: "heat",
    pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown: "power supply",
    pynvml.nvmlClocksThrottleReasonSwPowerCap: "power limit",
    pynvml.nvmlClocksThrottleReasonHwSlowdown: "heat or power supply",
}


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU by its number, as `nvidia-smi` counts. None where the driver does not report it:
    `free` and `total` memory in bytes, for a GPU without memory of its own; `capability`, CUDA's
    version of the chip, as (8, 9).
    """

    number: int
    name: str
    free: int | None
    total: int | None = None
    capability: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Driver:
    """NVIDIA's driver: its version as text, and the newest CUDA that it runs, as (12, 8). Empty
    and (0, 0) where unknown.
    """

    version: str = ""
    cuda: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Load:
    """The load of a GPU: its temperature in °C and used memory in bytes, both None if unknown, and
    the reason it is throttled, in words; empty if it is not.
    """

    temperature: int | None = None
    used: int | None = None
    slowed_by: str = ""


class Questions:
    """Asks the driver, each question in a thread of its own and one at a time, so that a driver
    that hangs costs one thread each, and delays a caller once. Any thread may ask.
    """

    def __init__(self) -> None:
        self._running: dict[str, tuple[float, threading.Event]] = {}
        self._answers: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._slowest = 0.0  # seconds that an answer took
        self.trouble = ""  # see `trouble`

    def ask(self, name: str, call: Callable[[], T], otherwise: T, patience: float) -> T:
        """The result of `call`. If it fails, or takes longer than `patience` seconds: its last
        result, or else `otherwise`.
        """
        with self._lock:
            began, done = self._running.get(name, (0.0, None))
            if done is None or done.is_set():
                began, done = perf_counter(), threading.Event()
                self._running[name] = began, done
                threading.Thread(
                    target=self._call, args=(name, call, done), name=name, daemon=True
                ).start()
        done.wait(max(0.0, began + patience - perf_counter()))
        with self._lock:
            hangs = max(PATIENCE, 2 * self._slowest)
            if not done.is_set() and perf_counter() - began >= hangs:
                self.trouble = "its driver does not answer"
            return cast(T, self._answers.get(name, otherwise))  # one name is one call

    def _call(self, name: str, call: Callable[[], object], done: threading.Event) -> None:
        answers, trouble, began = dict[str, object](), "", perf_counter()
        try:
            answers[name] = call()
        except Exception as error:  # noqa: BLE001 - a broken driver raises anything
            text = " ".join(str(error).split())[:LONGEST].rstrip(".") or type(error).__name__
            trouble = f"its driver fails ({text})"
        with self._lock:
            self._answers |= answers
            self._slowest = max(self._slowest, min(perf_counter() - began, LONG))
            self.trouble = trouble
            done.set()


_questions = Questions()


def gpus(patience: float | None = None) -> list[Gpu]:
    """Every NVIDIA GPU; none without a driver. With a `trouble`, or if the driver takes longer
    than `patience` seconds, those of its last answer. None: `PATIENCE`.
    """
    return _questions.ask("GPUs", _gpus, [], PATIENCE if patience is None else patience)


def driver() -> Driver:
    """The driver of this machine; an empty one without, or with a `trouble`."""
    return _questions.ask("GPU driver", _driver, Driver(), PATIENCE)


def trouble() -> str:
    """Why the installed driver gave no answer to the last question, to follow "the NVIDIA GPU: ";
    empty if it did, or if there is none.
    """
    return _questions.trouble


def load_of(number: int) -> Load:
    """The load of the GPU of that number; an empty `Load` if the driver fails. May hang with it."""
    try:
        return _load(number)
    except Exception:  # noqa: BLE001 - a broken driver raises anything; `gpus` tells it
        return Load()


def _gpus() -> list[Gpu]:
    with _nvml() as there:
        return [_gpu(number) for number in range(pynvml.nvmlDeviceGetCount() if there else 0)]


def _driver() -> Driver:
    with _nvml() as there:
        if not there:
            return Driver()
        version = _asked(pynvml.nvmlSystemGetDriverVersion)
        cuda = _asked(pynvml.nvmlSystemGetCudaDriverVersion_v2) or 0
    return Driver(str(version or ""), (cuda // 1000, cuda % 1000 // 10))


def _load(number: int) -> Load:
    with _nvml() as there:
        handle = _asked(lambda: pynvml.nvmlDeviceGetHandleByIndex(number)) if there else None
        if handle is None:
            return Load()
        sensor = pynvml.NVML_TEMPERATURE_GPU
        temperature = _asked(lambda: pynvml.nvmlDeviceGetTemperature(handle, sensor))
        memory = _asked(lambda: pynvml.nvmlDeviceGetMemoryInfo(handle))
        bits = _asked(lambda: pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)) or 0
    words = dict.fromkeys(word for bit, word in SLOWING.items() if bits & bit)
    if len(words) > 1:  # the last only means one of the others
        words.pop(SLOWING[pynvml.nvmlClocksThrottleReasonHwSlowdown], None)
    return Load(temperature, int(memory.used) if memory else None, " and ".join(words))


def chosen(number: int | None, found: Sequence[Gpu], *, cpu: bool = False) -> Gpu | None:
    """The GPU among those `found` that engines run on; None without a GPU, or with several and no
    choice.

    ValueError if there is no GPU of that number, or the CPU is chosen beside it.
    """
    if cpu and number is not None:
        raise ValueError("--device cpu uses no GPU; leave it or --gpu out.")
    if number is None:
        return found[0] if len(found) == 1 else None
    if number < len(found):
        return found[number]
    there = ", ".join(f"{gpu.number} ({gpu.name})" for gpu in found)
    cure = f"choose {there}" if there else "no NVIDIA driver answers; leave --gpu out"
    raise ValueError(f"There is no GPU {number} on this machine: {cure}.")


def environment(number: int | None, *, cpu: bool = False) -> dict[str, str]:
    """Environment of a worker that shows it only that GPU, or with `cpu` none; empty without a
    choice, so that the user's own setting holds.
    """
    if cpu:
        return {VISIBLE: HIDDEN}
    if number is None:
        return {}
    # CUDA counts the fastest first unless set to the driver's order
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", VISIBLE: str(number)}


def first_shown(found: Sequence[Gpu], environment: Mapping[str, str] = os.environ) -> Gpu | None:
    """The GPU among those `found` that CUDA would use, as far as known: with several, the fastest
    counts, which need not be the first. None without one, or if the user hides all.
    """
    if not found or hidden(environment):
        return None
    number = re.match(r"\s*(\d+)", environment.get(VISIBLE, "0"))
    place = int(number[1]) if number else 0
    return found[place] if place < len(found) else None


def hidden(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment hides every GPU from CUDA, which is the user's choice."""
    value = environment.get(VISIBLE)
    return value is not None and re.match(r"\s*(-\d|$)", value) is not None


@contextmanager
def _nvml() -> Generator[bool]:
    """Whether there is a driver; open while inside. Any error of one that fails."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        if getattr(error, "value", None) not in NO_DRIVER:
            raise
        yield False
        return
    try:
        yield True
    finally:
        pynvml.nvmlShutdown()


def _gpu(number: int) -> Gpu:
    handle = _asked(lambda: pynvml.nvmlDeviceGetHandleByIndex(number))
    if handle is None:
        return Gpu(number, LOST, None)
    name = _asked(lambda: pynvml.nvmlDeviceGetName(handle))
    memory = _asked(lambda: pynvml.nvmlDeviceGetMemoryInfo(handle))
    capability = _asked(lambda: pynvml.nvmlDeviceGetCudaComputeCapability(handle))
    return Gpu(
        number,
        LOST if name is None else str(name),
        int(memory.free) if memory else None,
        int(memory.total) if memory else None,
        (int(capability[0]), int(capability[1])) if capability else None,
    )


def _asked(call: Callable[[], T]) -> T | None:
    """The driver's answer; None if it has none for this GPU or version."""
    try:
        return call()
    except pynvml.NVMLError:
        return None
