"""`spout-bridge doctor --show`: what may spoil a long show on this machine, asked before it.

Each question is asked aside and given up after a while: the programs that answer some may hang.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import psutil
from rich.console import Console

from bridge.doctor.checks import bridge_at
from bridge.errors import ExitStatus
from bridge.settings import Settings
from bridge.system import logon
from bridge.system.aside import Aside, SlowError
from bridge.system.paths import FILE
from engine.system import devices

OK, NOTE, PROBLEM = "OK", "note", "problem"
PATIENCE = 10.0  # seconds for all answers
PROGRAM = 8.0  # seconds for one program
MEASURED = 2.0  # seconds over which a recording's growth is measured
BITS = 0.12  # for one pixel of a frame in H.264 at our quality: an estimate
LONG, SHORT = 10.0, 1.0  # hours of recording: a night, and too little
ENOUGH, LITTLE = 4e9, 1.5e9  # bytes of free memory
OLD = 730  # days after which a driver is worth a look
MACHINE, USER = "HKLM", "HKCU"
UPDATES = r"SOFTWARE\Microsoft\Windows\CurrentVersion"
WAITING = (  # keys that exist while Windows waits for a restart
    rf"{UPDATES}\WindowsUpdate\Auto Update\RebootRequired",
    rf"{UPDATES}\Component Based Servicing\RebootPending",
)
DISPLAYS = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
PLANS = {"8c5e7fda": "high performance", "e9a42b02": "ultimate performance",
         "381b4222": "balanced", "a1841308": "power saver"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One answer: OK, a note or a problem, and then the cure in one sentence."""

    name: str
    level: str
    value: str
    cure: str = ""


def show(settings: Settings, *, as_json: bool = False) -> ExitStatus:
    """Print what was found; the exit status."""
    rows = answers(questions(settings))
    if as_json:
        sys.stdout.write(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    else:
        console = Console(markup=False, highlight=False, soft_wrap=True)
        for row in rows:
            style = {PROBLEM: "red", NOTE: "yellow"}.get(row.level)
            told = f"{row.value}. {row.cure}" if row.cure else row.value
            console.print(f"{row.name:<12} {row.level:<8} {told}", style=style)
    bad = any(row.level == PROBLEM for row in rows)
    return ExitStatus.FAILED if bad else ExitStatus.DONE


Question = Callable[[], Row]


def questions(settings: Settings) -> Mapping[str, Question]:
    """What is asked, by the name of its row."""
    here = WINDOWS if sys.platform == "win32" else LINUX
    return {
        **here,
        "sleep": partial(here["sleep"], settings.allow_sleep),
        "power": power,
        "disk": partial(disk, settings),
        "memory": memory,
        "autostart": autostart,
    }


def answers(asked: Mapping[str, Question], patience: float = PATIENCE) -> list[Row]:
    """The answers, in the order of the questions, all asked at once."""
    aside, until = Aside(), perf_counter() + patience
    calls = {name: partial(_row, name, question) for name, question in asked.items()}
    found: dict[str, Row] = {}
    for wait in (False, True):
        for name, call in calls.items():
            if name not in found:
                with contextlib.suppress(SlowError):
                    left = max(0.0, until - perf_counter()) if wait else 0.0
                    found[name] = aside.ask(name, call, left)
    late = f"no answer for {patience:.0f} s"
    cure = "Look yourself: the program that knows it hangs."
    return [found.get(name, Row(name, NOTE, late, cure)) for name in asked]


def _row(name: str, question: Question) -> Row:
    try:
        return question()
    except subprocess.SubprocessError as error:
        program = str(getattr(error, "cmd", [""])[0])
        return Row(name, NOTE, f"unknown, {program} does not say", "Look yourself.")
    except Exception as error:  # noqa: BLE001 - of any program and registry; the others go on
        return Row(name, NOTE, f"unknown ({error})"[:200], "Look yourself.")


# What every system has.


def power() -> Row:
    """Battery or mains."""
    battery = psutil.sensors_battery()
    if battery is None:
        return Row("power", OK, "mains, no battery")
    told = f"battery at {battery.percent:.0f} %"
    if battery.power_plugged:
        return Row("power", OK, f"mains, {told}")
    return Row("power", PROBLEM, told, "Connect the power supply: on battery all is slower.")


def memory() -> Row:
    """Free memory."""
    free = psutil.virtual_memory().available
    level = PROBLEM if free < LITTLE else NOTE if free < ENOUGH else OK
    cure = "Close other programs." if level != OK else ""
    return Row("memory", level, f"{free / 1e9:.1f} GB free", cure)


def autostart() -> Row:
    """What starts at logon."""
    names = [entry.name for entry in logon.entries()]
    if names:
        return Row("autostart", OK, f"{', '.join(names)} at every logon")
    on = "`spout-bridge autostart on -- FLAGS` brings the bridge back after a restart."
    cure = logon.lack() or on
    return Row("autostart", NOTE, "nothing starts at logon", cure)


def disk(settings: Settings) -> Row:
    """For how many hours of recording the disk has room."""
    file = _recorded(bridge_at(settings.port))
    if file:
        began, before = perf_counter(), file.stat().st_size
        sleep(MEASURED)
        rate = (file.stat().st_size - before) / (perf_counter() - began)
        if rate > 0:
            return hours(shutil.disk_usage(file.parent).free, rate, f"as {file.name} grows now")
    width, height = settings.output
    rate = width * height * settings.output_fps * BITS / 8
    how = f"estimated for H.264 at {width}x{height}"
    return hours(shutil.disk_usage(settings.folder.anchor or "/").free, rate, how)


def hours(free: float, rate: float, how: str) -> Row:
    """`free` bytes at `rate` bytes per second."""
    lasts = free / rate / 3600
    level = PROBLEM if lasts < SHORT else NOTE if lasts < LONG else OK
    cure = "Make room, or record to another disk." if level != OK else ""
    return Row("disk", level, f"room for {lasts:.1f} h of recording, {how}", cure)


def _recorded(state: Mapping[str, Any]) -> Path | None:
    """The film that a running bridge records."""
    uri, _, status = str(state.get("sink", "")).partition(" · ")
    if not uri.startswith(FILE):
        return None
    wanted = Path(uri[len(FILE) :].partition("?")[0])
    file = wanted.with_name(status.partition(",")[0]) if "," in status else wanted
    return file if file.is_file() else None


# Linux.


def linux_updates() -> Row:
    for flag in (Path("/run/reboot-required"), Path("/var/run/reboot-required")):
        if flag.exists():
            return Row("updates", PROBLEM, "an update waits for a restart", "Restart now.")
    return Row("updates", OK, "none waits for a restart")


def linux_sleep(allowed: bool = False) -> Row:
    """By logind's settings and GNOME's, where there are any."""
    texts = [Path("/etc/systemd/logind.conf"), *Path("/etc/systemd/logind.conf.d").glob("*.conf")]
    found = [
        action
        for path in texts
        if path.is_file()
        for action in re.findall(r"^IdleAction=(\S+)", path.read_text("utf-8", "replace"), re.M)
    ]
    if found and found[-1] not in ("ignore", "lock"):
        cure = "Set IdleAction=ignore in /etc/systemd/logind.conf."
        return Row("sleep", PROBLEM, f"the machine will {found[-1]} when idle", cure)
    kind = _setting("org.gnome.settings-daemon.plugins.power", "sleep-inactive-ac-type")
    if kind and "nothing" not in kind:
        cure = (
            "Type `gsettings set org.gnome.settings-daemon.plugins.power sleep-inactive-ac-type "
            "nothing`."
        )
        return Row("sleep", PROBLEM, f"the desktop will {kind} when idle", cure)
    return Row("sleep", OK, "the machine stays awake when idle")


def linux_saver() -> Row:
    idle = _setting("org.gnome.desktop.session", "idle-delay")
    seconds = int(found[1]) if (found := re.search(r"(\d+)$", idle)) else 0
    if seconds:
        cure = "Type `gsettings set org.gnome.desktop.session idle-delay 0`."
        return Row("screen", PROBLEM, f"goes blank after {seconds // 60} min", cure)
    return Row("screen", OK, "stays on" if idle else "no desktop that would blank it is known")


def linux_plan() -> Row:
    path = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    governor = path.read_text().strip() if path.is_file() else ""
    if governor == "powersave" and not Path("/sys/devices/system/cpu/intel_pstate").exists():
        return Row("power plan", NOTE, governor, "Choose the plan for performance.")
    return Row("power plan", OK, governor or "none")


def linux_clock() -> Row:
    told = _asked("timedatectl", "show", "--property=NTPSynchronized", "--value")
    return clock(told.strip() == "yes", "Type `timedatectl set-ntp true`.")


def clock(synchronised: bool, cure: str) -> Row:
    """Whether the time of day is right; shows with several machines need it."""
    if synchronised:
        return Row("clock", OK, "synchronised")
    return Row("clock", NOTE, "not synchronised", cure)


def linux_driver() -> Row:
    path = Path("/proc/driver/nvidia/version")
    text = path.read_text("utf-8", "replace") if path.is_file() else ""
    made = re.search(r"(\w{3}) +(\d{1,2}) [\d:]+ \w+ (\d{4})", text)
    date = None
    if made:
        date = datetime.strptime(" ".join(made.groups()), "%b %d %Y").replace(tzinfo=UTC)
    return driver(date)


def driver(made: datetime | None) -> Row:
    """The age of the GPU's driver."""
    version = devices.driver().version
    if made is None:
        return Row("GPU driver", OK, f"{version}, of unknown age" if version else "none of NVIDIA")
    days = (datetime.now(UTC) - made).days
    if days > OLD:
        cure = "Update it well before the show, never on the day."
        return Row("GPU driver", NOTE, f"{version}, {days // 365} years old", cure)
    return Row("GPU driver", OK, f"{version} of {made:%Y-%m-%d}")


def _setting(schema: str, key: str) -> str:
    """A setting of the desktop; empty if there is none."""
    if not os.environ.get("XDG_CURRENT_DESKTOP") or not shutil.which("gsettings"):
        return ""
    try:
        return _asked("gsettings", "get", schema, key).strip().strip("'")
    except (OSError, subprocess.SubprocessError):  # no such schema
        return ""


# Windows.


def windows_updates() -> Row:
    if any(_registry(MACHINE, key) is not None for key in WAITING):
        return Row("updates", PROBLEM, "Windows waits for a restart", "Restart Windows now.")
    paused = _registry(MACHINE, r"SOFTWARE\Microsoft\WindowsUpdate\UX\Settings") or {}
    until = str(paused.get("PauseUpdatesExpiryTime", ""))
    if until[:10] < f"{datetime.now(UTC):%Y-%m-%d}":
        cure = "Pause them in Settings, Windows Update, until after the show."
        return Row("updates", NOTE, "may be installed during the show", cure)
    return Row("updates", OK, f"paused until {until[:10]}")


def windows_sleep(allowed: bool = False) -> Row:
    told = _asked("powercfg", "/query", "SCHEME_CURRENT", "SUB_SLEEP", "STANDBYIDLE")
    return asleep(told, allowed)


def asleep(told: str, allowed: bool) -> Row:
    """What `powercfg` prints, in any language: its last two numbers are seconds, on mains and on
    battery. A bridge that runs keeps Windows awake, unless that was switched off.
    """
    numbers = re.findall(r"0x([0-9a-fA-F]{8})\b", told)
    mains = int(numbers[-2], 16) if len(numbers) > 1 else 0
    if not mains:
        return Row("sleep", OK, "never on mains" if numbers else "no setting for it")
    after = f"after {mains // 60} min"
    if allowed:
        return Row("sleep", PROBLEM, after, "Leave --allow-sleep out, or choose never.")
    return Row("sleep", OK, f"{after}, but not while the bridge runs")


def windows_plan() -> Row:
    told = _asked("powercfg", "/getactivescheme")
    found = re.search(r"([0-9a-f]{8})-[0-9a-f]{4}-", told.lower())
    plan = PLANS.get(found[1], "one of its own") if found else "unknown"
    if plan == "power saver":
        return Row("power plan", PROBLEM, plan, "Choose high performance in Windows' settings.")
    cure = "Choose high performance for a show." if plan == "balanced" else ""
    return Row("power plan", NOTE if cure else OK, plan, cure)


def windows_saver() -> Row:
    desktop = _registry(USER, r"Control Panel\Desktop") or {}
    if desktop.get("SCRNSAVE.EXE") and str(desktop.get("ScreenSaveActive")) == "1":
        cure = "Choose none under Change screen saver; it covers every output of this machine."
        return Row("screen", NOTE, "a screen saver is chosen", cure)
    return Row("screen", OK, "no screen saver")


def windows_clock() -> Row:
    try:
        told = _asked("w32tm", "/query", "/status")
    except subprocess.SubprocessError:  # its service does not run
        told = ""
    # a stratum of 0 is no source at all, in every language
    right = bool(re.search(r":\s*[1-9]\d?\s*\(", told))
    return clock(right, "Switch on Set time automatically in Windows' settings.")


def windows_logon() -> Row:
    key = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon"
    if str((_registry(MACHINE, key) or {}).get("AutoAdminLogon")) == "1":
        return Row("logon", OK, "automatic")
    cure = "Set up automatic logon if the machine must come back alone after a power cut."
    return Row("logon", NOTE, "needs a password after a restart", cure)


def windows_driver() -> Row:
    for number in range(8):
        card = _registry(MACHINE, rf"{DISPLAYS}\{number:04d}") or {}
        found = re.fullmatch(r"(\d{1,2})-(\d{1,2})-(\d{4})", str(card.get("DriverDate", "")))
        if found and "nvidia" in str(card.get("ProviderName", "")).lower():
            month, day, year = map(int, found.groups())
            return driver(datetime(year, month, day, tzinfo=UTC))
    return driver(None)


def _registry(root: str, path: str) -> dict[str, object] | None:
    """The values of a key; None if there is none."""
    if sys.platform != "win32":
        return None
    import winreg

    of = {MACHINE: winreg.HKEY_LOCAL_MACHINE, USER: winreg.HKEY_CURRENT_USER}[root]
    try:
        with winreg.OpenKey(of, path, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY) as key:
            number = winreg.QueryInfoKey(key)[1]
            values = [winreg.EnumValue(key, place) for place in range(number)]
    except OSError:
        return None
    return {name: value for name, value, _ in values}


def _asked(*command: str) -> str:
    """What a program prints. OSError or SubprocessError if it fails or hangs."""
    done = subprocess.run(
        command, capture_output=True, check=True, timeout=PROGRAM, stdin=subprocess.DEVNULL
    )
    return done.stdout.decode(errors="replace")


LINUX: Mapping[str, Callable[..., Row]] = {
    "updates": linux_updates, "sleep": linux_sleep, "screen": linux_saver,
    "power plan": linux_plan, "clock": linux_clock, "GPU driver": linux_driver,
}  # fmt: skip
WINDOWS: Mapping[str, Callable[..., Row]] = {
    "updates": windows_updates, "sleep": windows_sleep, "screen": windows_saver,
    "power plan": windows_plan, "clock": windows_clock, "logon": windows_logon,
    "GPU driver": windows_driver,
}  # fmt: skip
