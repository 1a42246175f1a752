"""Twelve planted machines: GPU, driver, torch build, and what the program must say of each."""

from dataclasses import dataclass

import pytest

from engine.system import builds
from engine.system.builds import Build, Found
from tests.support.nvml import Card, Nvml

GTX_1080 = Card("NVIDIA GeForce GTX 1080", (6, 1))
T4 = Card("Tesla T4", (7, 5))
RTX_3090 = Card("NVIDIA GeForce RTX 3090", (8, 6))
RTX_4090 = Card("NVIDIA GeForce RTX 4090", (8, 9))
H100 = Card("NVIDIA H100 80GB HBM3", (9, 0))
RTX_5090 = Card("NVIDIA GeForce RTX 5090", (12, 0))

CPU = Build("2.13.0+cpu", None)
CU118 = Build(
    "2.7.1+cu118", (11, 8), ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90")
)
CU126 = Build(
    "2.13.0+cu126", (12, 6), ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90")
)
CU128 = Build("2.10.0+cu128", (12, 8), ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"))
CU130 = Build(
    "2.13.0", (13, 0), ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120")
)

AUTO, CU126_ONLY = "--torch-backend=auto", "--torch-backend=cu126"
NO_CUDA = "torch 2.13.0+cpu has no CUDA"
NO_CODE = "has no code for its compute capability "


@dataclass(frozen=True)
class Planted:
    """A machine. `says` are words of the sentence that refuses it; none where it runs."""

    cards: tuple[Card, ...]
    driver: tuple[str, int]
    build: Build
    says: tuple[str, ...] = ()
    number: int | None = None  # --gpu

    @property
    def card(self) -> Card:
        """The one that engines would run on."""
        return self.cards[self.number or 0]

    def plant(self, monkeypatch: pytest.MonkeyPatch) -> Nvml:
        """Put it in place of this machine."""
        for_files = Build(self.build.version, self.build.cuda)  # they do not name the chips
        monkeypatch.setattr(builds, "installed", lambda: for_files)
        return Nvml(monkeypatch, self.cards, *self.driver)

    def tried(self) -> Found:
        """What torch itself says there."""
        version, cuda = self.build.version, self.build.cuda
        told = "" if cuda is None else f"{cuda[0]}.{cuda[1]}"
        if cuda is None:
            return Found(version, told, error="Torch not compiled with CUDA enabled")
        if self.driver[1] // 1000 < cuda[0]:
            return Found(version, told, self.build.codes, error="The NVIDIA driver is too old")
        runs = builds.runs(self.build.codes, self.card.capability or (0, 0))
        error = "" if runs else "CUDA error: no kernel image is available for execution"
        name, chip = self.card.name, self.card.capability
        return Found(version, told, self.build.codes, name, chip, error)


MACHINES = {
    "4090, PyPI's torch on Windows": Planted((RTX_4090,), ("560.94", 12060), CPU, (NO_CUDA, AUTO)),
    "5090, PyPI's torch on Windows": Planted((RTX_5090,), ("580.65", 13000), CPU, (NO_CUDA, AUTO)),
    "1080, PyPI's torch on Windows": Planted(
        (GTX_1080,), ("560.94", 12060), CPU, (NO_CUDA, CU126_ONLY)
    ),
    "5090, a build of before": Planted(
        (RTX_5090,), ("576.02", 12090), CU126, (f"+cu126 {NO_CODE}12.0", AUTO)
    ),
    "1080, a build of today": Planted(
        (GTX_1080,), ("576.02", 12090), CU128, (f"+cu128 {NO_CODE}6.1", CU126_ONLY)
    ),
    "3090, an old driver": Planted(
        (RTX_3090,), ("560.94", 12060), CU130,
        ("driver 560.94 is too old for torch 2.13.0 for CUDA 13.0", "driver 580 or newer", AUTO),
    ),
    "T4, a very old driver": Planted(
        (T4,), ("470.82", 11040), CU126,
        ("driver 470.82 is too old for torch 2.13.0+cu126;", "install driver 528 or newer"),
    ),
    "T4": Planted((T4,), ("560.94", 12060), CU126),
    "4090, code of 8.6": Planted((RTX_4090,), ("580.65", 13000), CU118),
    "H100": Planted((H100,), ("560.94", 12060), CU128),
    "two cards, the new one chosen": Planted(
        (RTX_3090, RTX_5090), ("580.65", 13000), CU126, (RTX_5090.name, f"{NO_CODE}12.0"), 1
    ),
    "two cards, the old one chosen": Planted(
        (RTX_3090, RTX_5090), ("580.65", 13000), CU126, (), 0
    ),
}  # fmt: skip
