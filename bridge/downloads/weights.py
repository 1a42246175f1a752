"""What each pipeline is missing (files, packages), its download, and which LoRAs fit: `Weights`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from importlib import invalidate_caches
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from bridge.downloads.downloads import Download, Downloads
from bridge.system.aside import Disk, SlowError
from engine.catalog.controls import CausalLoad
from engine.catalog.rows import Catalog, PipelineRow
from engine.catalog.specs import DEMO
from engine.files.library import Library, MissingFiles, lack
from engine.parameters import Load
from engine.system import devices, drives
from engine.system.builds import command, incomplete
from engine.system.installation import with_extra

PATIENCE = 3.0  # seconds for finding a pipeline's files
LISTING = 10.0  # the same for all pipelines


@dataclass(frozen=True, slots=True)
class Silence:
    """In place of a `MissingFiles` if the disk, or the GPU, does not answer."""

    pipeline: str
    why: str
    of: str = "its files"

    def __str__(self) -> str:
        return f"{self.pipeline} is waiting for {self.of}. {self.why}"


@dataclass(frozen=True, slots=True)
class MissingPackages:
    """In place of a `MissingFiles` if packages are not installed."""

    pipeline: str
    packages: Sequence[str]
    extra: str

    def __str__(self) -> str:
        if not self.extra:
            names = ", ".join(self.packages)
            again = command(None, self.packages[0])
            return f"{self.pipeline} needs {names}, which is not installed: run `{again}`."
        return (
            f"{self.pipeline} needs {', '.join(self.packages)} (extra `{self.extra}`): "
            f"{with_extra(self.extra)}."
        )


@dataclass(frozen=True, slots=True)
class UnusableCard:
    """In place of a `MissingFiles` if torch cannot use the GPU; `why` names it, the reason and the
    cure. `files` are missing too.
    """

    pipeline: str
    why: str
    files: MissingFiles | None = None

    def __str__(self) -> str:
        also = f" {self.files}" if self.files else ""
        return f"{self.pipeline} cannot run on {self.why}.{also}"


@dataclass(frozen=True, slots=True)
class BrokenPackage:
    """In place of a `MissingFiles` if an installed `package` cannot be imported; without its name
    `why` is a sentence with the cure.
    """

    pipeline: str
    package: str
    why: str

    def __str__(self) -> str:
        if not self.package:
            return f"{self.pipeline} could not be loaded: {self.why}"
        gpu = devices.first_shown(devices.gpus()) if self.package == "torch" else None
        again = command(gpu.capability if gpu else None, self.package)
        why = self.why.rstrip(".")
        return (
            f"{self.pipeline} needs {self.package}, which is installed but cannot be imported "
            f"({why}): run `{again}`."
        )


@dataclass(frozen=True, slots=True)
class LacksElsewhere:
    """In place of a `MissingFiles`: what a pipeline lacks on another machine, in a sentence."""

    pipeline: str
    why: str

    def __str__(self) -> str:
        return self.why


Lack: TypeAlias = (
    MissingFiles | MissingPackages | BrokenPackage | UnusableCard | Silence | LacksElsewhere
)


def incomplete_install(rows: Iterable[PipelineRow]) -> list[str]:
    """Which of these pipelines lack a package that the first install brings: sentences with the
    cure.
    """
    return [
        str(MissingPackages(row.id, gone, ""))
        for row in rows
        if not row.extra and (gone := _not_installed(row.packages))
    ]


class MissingWeights(ValueError):
    """A pipeline cannot be loaded because files or packages are missing, or because torch cannot
    use the GPU; `lack` says which.
    """

    def __init__(self, lack: Lack) -> None:
        super().__init__(str(lack))
        self.lack = lack


class Weights:
    """The weights of all pipelines; any thread may call any method.

    `chosen(row)` gives the current load parameters of a pipeline, such as its VAE and text encoder.
    `came(pipeline)` is called when a download is complete. `unusable()` says why torch cannot use
    the GPU, as `CardCheck.trouble` does.
    """

    def __init__(
        self,
        catalog: Catalog,
        library: Library,
        chosen: Callable[[PipelineRow], Load],
        came: Callable[[str], None] = lambda _: None,
        unusable: Callable[[], str] = str,
    ) -> None:
        self.library = library
        self._catalog = catalog
        self._chosen = chosen
        self._came = came
        self._unusable = unusable
        self._downloads = Downloads(library.models, self._ended)
        self._disk = Disk(f"The models folder {library.models}")
        self._lora_disk = Disk("The folders of LoRAs")
        self._broken: dict[str, tuple[object, BrokenPackage]] = {}  # by pipeline, with a stamp

    @property
    def now(self) -> Download:
        """Status of the last download."""
        return self._downloads.now

    def lack(self, row: PipelineRow, load: Load) -> Lack | None:
        """What a pipeline with this load is missing: packages, a torch that can use the GPU, or
        files; None if nothing. Waits briefly for the GPU and the disk.
        """
        if gone := _not_installed(row.packages):
            return MissingPackages(row.id, gone, row.extra)
        if broken := self._known_broken(row):
            return broken
        if "torch" in row.packages:
            try:
                why = self._unusable()
            except SlowError as error:
                return Silence(row.id, str(error), "the GPU")
            if why:
                files = self._lack_of_files(row, load)
                return UnusableCard(row.id, why, files if isinstance(files, MissingFiles) else None)
        return self._lack_of_files(row, load)

    def installed(self, row: PipelineRow) -> bool:
        """Whether the packages of a pipeline are installed."""
        return not _not_installed(row.packages) and self._known_broken(row) is None

    def _lack_of_files(self, row: PipelineRow, load: Load) -> MissingFiles | Silence | None:
        wanted = tuple(row.needs(load).values())
        if not wanted:
            return None
        demo = "weights" in row.load.model_fields
        look = partial(lack, self.library, row.id, wanted, demo=demo)
        try:
            return self._disk.ask((row.id, wanted), look, PATIENCE)
        except SlowError as error:
            return Silence(row.id, str(error))

    def found_broken(self, row: PipelineRow, broken: Mapping[str, str]) -> BrokenPackage:
        """Remember why a package could not be imported, by its name: its pipeline lacks it until
        the package is installed again, or `try_again`. `broken` is not empty.
        """
        package, why = next(iter(broken.items()))
        found = BrokenPackage(row.id, package, why)
        self._broken[row.id] = _installed_at(row.packages), found
        return found

    def try_again(self) -> None:
        """Forget which packages could not be imported."""
        self._broken.clear()

    def _known_broken(self, row: PipelineRow) -> BrokenPackage | None:
        if "torch" in row.packages and (why := incomplete()):
            return BrokenPackage(row.id, "torch", why)
        stamp, broken = self._broken.get(row.id, (None, None))
        return broken if broken and stamp == _installed_at(row.packages) else None

    def stamps(self, row: PipelineRow, load: Load) -> Mapping[str, Sequence[int]] | None:
        """What changes with the files of a pipeline with this load, by path; None if the disk does
        not answer.
        """
        wanted = tuple(row.needs(load).values())
        look = partial(self.library.stamps, wanted)
        try:
            return self._disk.ask(("stamps", row.id, wanted), look, PATIENCE)
        except SlowError:
            return None

    def require(self, row: PipelineRow, load: Load) -> None:
        """MissingWeights if a pipeline with this load lacks anything."""
        if found := self.lack(row, load):
            raise MissingWeights(found)

    def download(self, pipeline: str) -> None:
        """Start downloading the missing files of a pipeline.

        Raises LookupError for an unknown pipeline, ValueError if nothing is missing, another
        download is running, a required package is not installed, or the drive is unavailable.
        """
        row = self._catalog[pipeline]
        gone = self.lack(row, _real(self._chosen(row)))
        if gone is None:
            raise ValueError(f"All files of {pipeline} are already downloaded.")
        if not isinstance(gone, MissingFiles):
            raise ValueError(str(gone))
        if gone.away:
            raise ValueError(gone.away)
        self._downloads.start(pipeline, gone.files)

    def cancel(self) -> None:
        """Cancel the current download; the partial files are kept for the next one."""
        self._downloads.cancel()

    def listing(self) -> dict[str, Any]:
        """Everything for a client: the folder, free space, each pipeline's files. Reads the disk;
        SlowError if that takes too long.
        """
        return self._disk.ask("listing", self._listing, LISTING)

    def loras(self) -> list[dict[str, Any]]:
        """The LoRAs on this machine for a client, each with its name and the pipelines that accept
        it with their current load. Reads the disk; SlowError if that takes too long.
        """
        widths = {
            row.id: width
            for row in self._catalog.rows.values()
            if (width := _width(row, self._chosen(row)))
        }
        look = partial(self.library.loras, widths)
        found = self._lora_disk.ask(("LoRAs", *widths.items()), look, LISTING)
        return [asdict(lora) for lora in found]

    def misfits(self, row: PipelineRow, load: Load) -> Mapping[str, str]:
        """Why LoRAs of a pipeline's `load` do not fit its network, by parameter; if the disk does
        not answer, the worker checks.
        """
        width = _width(row, load)
        if not width or not isinstance(load, CausalLoad):
            return {}
        look = partial(self.library.misfits, load, row.id, width)
        try:
            return self._lora_disk.ask((load, row.id, width), look, PATIENCE)
        except SlowError:
            return {}

    def _listing(self) -> dict[str, Any]:
        now = self.now
        return {
            "folder": str(self.library.models),
            "free": drives.free(self.library.models),
            "away": self.library.away,
            "download": {
                "pipeline": now.pipeline if now.running else "", "text": str(now),
                "progress": now.part, "error": now.error,
            },
            "pipelines": [
                entry for row in self._catalog.rows.values() if (entry := self._entry(row))["files"]
            ],
        }  # fmt: skip

    def _entry(self, row: PipelineRow) -> dict[str, Any]:
        files: list[Mapping[str, Any]] = []
        for role, artifact in row.needs(_real(self._chosen(row))).items():
            found = self.library.find(artifact)
            files.append({
                "role": role, "file": artifact.file, "repository": artifact.repository,
                "size": artifact.size, "sha256": artifact.sha256, "licence": artifact.terms,
                "path": str(found.path) if found else "", "whose": found.origin if found else "",
            })  # fmt: skip
        return {
            "id": row.id,
            "size": sum(file["size"] for file in files),
            "missing": sum(file["size"] for file in files if not file["path"]),
            "lacks": [file["file"] for file in files if not file["path"]],
            "command": self.library.command(row.id),
            "files": files,
        }

    def _ended(self, download: Download) -> None:
        if not download.error:
            self._came(download.pipeline)


def _width(row: PipelineRow, load: Load) -> int:
    """The width of the network that a pipeline would run; 0 if it takes no LoRA."""
    if row.spec is None:
        return 0
    demo = isinstance(load, CausalLoad) and load.weights == "demo"
    return DEMO.dim if demo else row.spec.network.dim


def _not_installed(packages: Sequence[str]) -> list[str]:
    """The modules that are missing now; they may be installed meanwhile."""
    if packages:
        invalidate_caches()
    return [name for name in packages if find_spec(name) is None]


def _installed_at(packages: Sequence[str]) -> object:
    """A value that changes when one of these modules is installed again."""
    invalidate_caches()
    found = [spec for name in packages if (spec := find_spec(name))]
    paths = [spec.origin for spec in found if spec.origin]
    paths += [folder for spec in found for folder in spec.submodule_search_locations or ()]
    stamps: list[object] = []
    for path in paths:
        with suppress(OSError):
            stat = Path(path).stat()
            stamps.append((path, stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return stamps


def _real(load: Load) -> Load:
    """The same load with the authors' weights, whichever are chosen."""
    return load.model_copy(update={"weights": "real"}) if hasattr(load, "weights") else load
