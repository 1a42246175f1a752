"""The wheels of this program and of all that it needs, for this machine or another one, by pip.

pip reads the conditions of requirements, such as `sys_platform == "win32"`, as of the machine that
it runs on, whatever platform it downloads for. So the requirements are followed here, and pip gets
each package by itself.
"""

import json
import re
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from bridge.errors import CommandError, UsageError
from engine.system import builds
from engine.system.installation import NAME, pip

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"  # the Python of this machine
ROOT = Path(__file__).parents[2]  # of the checkout, if this runs from one
DEVELOPERS = "dev"  # the extra that no show needs
NONE = "none"  # no extra
TORCHS = "https://download.pytorch.org/whl"  # below it, an index for each build of torch
PLATFORM = re.compile(
    r"(?:(win)|(macosx)\w*?|(?:many|musl)?linux\w*?)_(amd64|x86_64|arm64|aarch64)"
)
GLIBC = re.compile(r"manylinux_2_(\d+)_(\w+)")
FIRST_GLIBC = 5  # 2.5, of the oldest wheels
WINDOWS, MAC = ("nt", "win32", "Windows"), ("posix", "darwin", "Darwin")
LINUX = ("posix", "linux", "Linux")


@dataclass(frozen=True, slots=True)
class Machine:
    """What wheels are for: a Python, such as 3.13, and a platform in pip's words, such as
    win_amd64; without one, the platform of this machine. UsageError for one that is none.
    """

    python: str = HERE
    platform: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"3\.\d{1,2}", self.python):
            raise UsageError(f"--python takes a version such as {HERE}, not {self.python!r:.130}.")
        if self.platform and not PLATFORM.fullmatch(self.platform):
            raise UsageError(
                "--platform takes a platform as pip names it, such as win_amd64, "
                f"manylinux_2_28_x86_64 or macosx_14_0_arm64, not {self.platform!r:.130}."
            )

    @property
    def here(self) -> bool:
        """Whether it is like this one."""
        return self.python == HERE and not self.platform

    @property
    def environment(self) -> dict[str, str]:
        """The values of the conditions in requirements."""
        found = {name: str(value) for name, value in default_environment().items()}
        if self.python != HERE:
            found |= {"python_version": self.python, "python_full_version": f"{self.python}.0"}
        if kind := PLATFORM.fullmatch(self.platform):
            system = WINDOWS if kind[1] else MAC if kind[2] else LINUX
            found |= zip(("os_name", "sys_platform", "platform_system"), system, strict=True)
            found["platform_machine"] = kind[3].upper() if kind[1] else kind[3]
        return found

    @property
    def windows(self) -> bool:
        """Whether it has Windows."""
        return self.environment["sys_platform"] == "win32"

    @property
    def words(self) -> list[str]:
        """pip's options for it. A Linux takes wheels for an older glibc too."""
        names = [self.platform] if self.platform else []
        if found := GLIBC.fullmatch(self.platform):
            older = range(int(found[1]), FIRST_GLIBC - 1, -1)
            names = [f"manylinux_2_{minor}_{found[2]}" for minor in older]
        return ["--python-version", self.python, *(f"--platform={name}" for name in names)]


class Wheels:
    """The wheels in a folder, which may take hundreds of MB for torch. CommandError if one cannot
    be had.
    """

    def __init__(self, folder: Path, machine: Machine, *, quiet: bool) -> None:
        self._folder, self._machine, self._quiet = folder, machine, quiet

    def gather(self, plug_ins: Collection[str], extras: Sequence[str] | None) -> list[str]:
        """Get the wheels of this program with `extras`, by default those installed here, of the
        distributions of `plug_ins`, and of all that they need, in the versions that are installed
        here. What installs it, as requirements. UsageError for an unknown extra.
        """
        own = [_origin(NAME), *map(_origin, plug_ins)]
        self._pip("wheel", *own)
        about = self._about(NAME)
        if about is None:
            raise CommandError(f"pip has built no wheel of {NAME} from {own[0]}.")
        chosen = self._extras(about, extras)
        supported = SpecifierSet(about.metadata["Requires-Python"] or "")
        if not supported.contains(f"{self._machine.python}.0"):
            raise UsageError(f"--python takes a version {supported}, not {self._machine.python}.")
        with_extras = f"{NAME}[{','.join(chosen)}]" if chosen else NAME
        roots = [f"{with_extras}=={about.version}", *plug_ins]
        while lacking := self._lacking(roots):
            self._fetch(lacking)
        return roots

    def _extras(self, about: metadata.Distribution, wanted: Sequence[str] | None) -> list[str]:
        """The wanted extras; by default those that are installed here as a whole."""
        known = [extra for extra in about.metadata.get_all("Provides-Extra") or ()
                 if extra != DEVELOPERS]  # fmt: skip
        if wanted is None:
            return [extra for extra in known if all(map(_installed, _of_extra(about, extra)))]
        chosen = [extra for extra in wanted if extra != NONE]
        if odd := [extra for extra in chosen if extra not in known]:
            raise UsageError(f"--extras takes {', '.join(known)} or {NONE}, not {odd[0]!r:.130}.")
        return chosen

    def _lacking(self, roots: Sequence[str]) -> dict[str, SpecifierSet]:
        """The packages that are needed and not here, and which versions may be had."""
        lacking: dict[str, SpecifierSet] = {}
        environment, there = self._machine.environment, dict(self._there())
        todo, seen = [Requirement(root) for root in roots], set[str]()
        for one in todo:  # which grows
            if str(one) in seen:
                continue
            seen.add(str(one))
            name = canonicalize_name(one.name)
            if name not in there:
                lacking[name] = lacking.get(name, SpecifierSet()) & one.specifier
            elif not one.specifier.contains(there[name], prereleases=True):
                raise CommandError(
                    f"{name} {there[name]} does not suit {one}; install a version here that suits "
                    "both machines."
                )
            about = self._about(name)
            for text in (about.requires if about else None) or ():
                need = Requirement(text)
                cases = [{**environment, "extra": extra} for extra in ("", *one.extras)]
                if need.marker is None or any(map(need.marker.evaluate, cases)):
                    todo.append(need)
        return lacking

    def _fetch(self, lacking: dict[str, SpecifierSet]) -> None:
        torch = [] if "torch" not in lacking else self._torch()
        if torch:
            self._get(*torch)
        rest = {name: wanted for name, wanted in lacking.items() if not torch or name != "torch"}
        if rest:
            self._get(*(_origin(name, wanted) for name, wanted in rest.items()))

    def _torch(self) -> list[str]:
        """torch for the same chips as here, with the index of its build if it is not PyPI's."""
        build = builds.installed()
        public, _, label = (build.version if build else "").partition("+")
        if build and build.cuda and self._machine.windows:  # PyPI's has no CUDA on Windows
            label = label or "cu{}{}".format(*build.cuda)
        if not label or self._machine.environment["sys_platform"] == "darwin":
            return [f"torch=={public}"] if public else []
        return [f"torch=={public}+{label}", "--extra-index-url", f"{TORCHS}/{label}"]

    def _get(self, *words: str) -> None:
        if self._machine.here:
            self._pip("wheel", *words)
        else:
            self._pip("download", "--only-binary=:all:", *self._machine.words, *words)

    def _pip(self, what: str, *words: str) -> None:
        if find_spec("pip") is None:
            raise CommandError(f"This needs pip: run `{pip().removesuffix('pip')}ensurepip`.")
        command = [sys.executable, "-m", "pip", what, "--no-deps", "--no-input",
                   f"--{'wheel-dir' if what == 'wheel' else 'dest'}={self._folder}",
                   *(["--quiet"] if self._quiet else []), *words]  # fmt: skip
        if subprocess.run(command, stdout=2, check=False).returncode:
            raise CommandError(
                "pip cannot get the wheels; see above. It finds those that are on no index with "
                "PIP_FIND_LINKS=FOLDER, and needs the network for the others."
            )

    def _there(self) -> Iterator[tuple[str, Version]]:
        for path in self._folder.glob("*.whl"):
            name, version, *_ = parse_wheel_filename(path.name)
            yield name, version

    def _about(self, name: str) -> metadata.Distribution | None:
        """What the wheel of a package says; without one, what is installed here says."""
        for path in self._folder.glob("*.whl"):
            if parse_wheel_filename(path.name)[0] == canonicalize_name(name):
                return next(iter(metadata.distributions(path=[str(path)])), None)
        return _installed(name)


def _origin(name: str, wanted: SpecifierSet | None = None) -> str:
    """A package as pip gets it once more: from where it was installed, in the same version; if it
    is not installed here, in a `wanted` version.
    """
    if name == NAME and (ROOT / "pyproject.toml").is_file():
        return f"{NAME} @ {ROOT.as_uri()}"
    about = _installed(name)
    if about is None:
        return f"{name}{wanted or ''}"
    told: dict[str, Any] = json.loads(about.read_text("direct_url.json") or "{}")
    url, source = str(told.get("url", "")), told.get("vcs_info")
    if source:
        return f"{name} @ {source['vcs']}+{url}@{source['commit_id']}"
    return f"{name} @ {url}" if url else f"{name}=={about.version}"


def _of_extra(about: metadata.Distribution, extra: str) -> Iterator[str]:
    """The packages that an extra brings."""
    for text in about.requires or ():
        need = Requirement(text)
        if (
            need.marker
            and need.marker.evaluate({"extra": extra})
            and not need.marker.evaluate({"extra": ""})
        ):
            yield need.name


def _installed(name: str) -> metadata.Distribution | None:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
