"""NVIDIA's management library with GPUs of a test's own: this machine need not have any."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import pynvml
import pytest

from engine.system import devices

GB = 10**9


@dataclass
class Card:
    """One GPU, as its driver reports it; what is None it does not report."""

    name: str = "NVIDIA GeForce RTX 4090"
    capability: tuple[int, int] | None = (8, 9)
    free: int | None = 20 * GB
    temperature: int | None = 60
    slowed: int | None = 0  # NVML's bits


class Nvml:
    """The library; its attributes may be changed at any time."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        cards: Sequence[Card],
        driver: str = "580.65",
        cuda: int = 13000,
    ) -> None:
        self.cards, self.open = cards, 0
        calls = {
            "nvmlInit": lambda: self.count(1),
            "nvmlShutdown": lambda: self.count(-1),
            "nvmlSystemGetDriverVersion": lambda: driver,
            "nvmlSystemGetCudaDriverVersion_v2": lambda: cuda,
            "nvmlDeviceGetCount": lambda: len(self.cards),
            "nvmlDeviceGetHandleByIndex": lambda number: self.cards[number],
            "nvmlDeviceGetName": lambda card: card.name,
            "nvmlDeviceGetCudaComputeCapability": lambda card: told(card.capability),
            "nvmlDeviceGetTemperature": lambda card, sensor: told(card.temperature),
            "nvmlDeviceGetCurrentClocksThrottleReasons": lambda card: told(card.slowed),
            "nvmlDeviceGetMemoryInfo": memory,
        }
        for name, call in calls.items():
            monkeypatch.setattr(pynvml, name, call)
        monkeypatch.setattr(devices, "_questions", devices.Questions())  # nothing was answered yet
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def count(self, by: int) -> None:
        self.open += by


def told(value):
    if value is None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
    return value


def memory(card: Card) -> SimpleNamespace:
    free = told(card.free)
    return SimpleNamespace(total=24 * GB, free=free, used=24 * GB - free)
