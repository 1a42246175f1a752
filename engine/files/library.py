"""The weights on this machine: where each declared file lies, and whether it is that file.

Our own models folder comes first; a file that another program has brought is used where it lies.
Free of torch: bridge and worker read it alike.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from platformdirs import user_documents_path

from engine.catalog.artifacts import LORAS, Artifact
from engine.catalog.controls import CausalLoad
from engine.files import loras, shards
from engine.files.errors import FileError
from engine.files.kinds import LOOK, SUFFIXES, foreign
from engine.files.loras import ListedLora, LoraFile, LoraFolder
from engine.system import drives, held

RECORD = "hashes.json"
BLOCK = 1 << 22
PICKLES = {".pt", ".pth"}
PLACES = ("lora_1", "lora_2", "lora_3")  # parameters that name a LoRA
COMFY = ("diffusion_models", "unet", "vae", "vae_approx", "text_encoders", "clip")

Progress = Callable[[float, float], None]  # bytes done, bytes in all


class WeightsError(FileError):
    """A file of weights that is not what was declared; one sentence, with the cure."""


def size_text(size: float) -> str:
    """Bytes as a person reads them: 11.4 GB, 508 MB, 12 kB."""
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def sha256(path: Path, progress: Progress | None = None) -> str:
    """The SHA-256 of a file as hexadecimal digits; of an index and its shards, that of all of them
    one behind the other.
    """
    parts = shards.files(path)
    digest, done, whole = hashlib.sha256(), 0, sum(part.stat().st_size for part in parts)
    for part in parts:
        with held.patiently(lambda part=part: part.open("rb")) as file:
            while block := file.read(BLOCK):
                digest.update(block)
                done += len(block)
                if progress:
                    progress(done, whole)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder with weights, and whose it is."""

    folder: Path
    origin: str


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A declared file on this machine."""

    path: Path
    origin: str

    @property
    def in_shards(self) -> bool:
        """Whether it is the index of a checkpoint in shards."""
        return shards.is_index(self.path)


def other_places(environment: Mapping[str, str] = os.environ) -> list[ModelFolder]:
    """The folders that other programs keep weights in, as far as they are there now."""
    home = Path.home()
    cache = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    hub_home = Path(environment.get("HF_HOME") or cache / "huggingface")
    scope = Path(environment.get("DAYDREAM_SCOPE_MODELS_DIR") or home / ".daydream-scope/models")
    hub = Path(environment.get("HF_HUB_CACHE") or hub_home / "hub")
    comfy = [home / "ComfyUI", *(folder / "ComfyUI" for folder in _documents(environment, home))]
    if chosen := environment.get("COMFYUI_PATH"):
        comfy.insert(0, Path(chosen))
    places = [ModelFolder(scope, "Scope"), ModelFolder(hub, "the hub's cache")]
    places += [ModelFolder(folder / "models", "ComfyUI") for folder in comfy]
    return [place for place in places if drives.is_folder(place.folder)]


def _documents(environment: Mapping[str, str], home: Path) -> list[Path]:
    """Where documents may be: OneDrive takes them along, under a name in the user's language."""
    names = ("OneDrive", "OneDriveConsumer", "OneDriveCommercial")
    clouds = [Path(at) / "Documents" for name in names if (at := environment.get(name))]
    found = [*_windows_documents(), home / "Documents", *clouds]
    return list(dict.fromkeys(found))


def _windows_documents() -> list[Path]:
    """Where Windows itself says that documents are; none where it does not say."""
    if sys.platform != "win32":
        return []
    try:
        return [user_documents_path()]
    except (OSError, ValueError):  # a profile that is broken or still being made
        return []


@dataclass
class Library:
    """A models folder of our own, and what else there is on this machine.

    `more` are folders that the user names beside it, in any of the layouts that we know.
    """

    models: Path
    more: Sequence[Path] = ()

    @property
    def places(self) -> list[ModelFolder]:
        """All folders that are there now; drives come and go."""
        named = [
            ModelFolder(self.models, "here"),
            *(ModelFolder(folder, "named by you") for folder in self.more),
        ]
        return [place for place in named if drives.is_folder(place.folder)] + other_places()

    def home(self, artifact: Artifact) -> Path:
        """Where a download puts it."""
        return self.models / artifact.name

    def find(self, artifact: Artifact) -> FoundFile | None:
        """The file, where there is one of the declared name and, where that is sure, size."""
        for place in self.places:
            with suppress(OSError):  # of a drive that goes just now
                for path in _candidates(place.folder, artifact):
                    if _may_be(path, artifact):
                        return FoundFile(path, place.origin)
        return None

    @property
    def away(self) -> str:
        """That the drive of the models folder is away, in a sentence; empty where it is there."""
        what = drives.away(self.models)
        return (
            what and f"{what}: {drives.cure(self.models)}, or choose another folder with --models."
        )

    def lora(self, name: str) -> LoraFile:
        """The LoRA that is meant by a name or a whole path, here or where another program keeps
        its own. ValueError, as one sentence, where there is none.
        """
        return loras.find(self._lora_folders, name, self.models / LORAS)

    def loras(self, widths: Mapping[str, int] = loras.WIDTHS) -> list[ListedLora]:
        """All LoRAs on this machine; it reads their headers, once each. `widths` are those of the
        networks that the pipelines would run, by the pipelines' ids.
        """
        return loras.listed(self._lora_folders, widths)

    def misfits(self, load: CausalLoad, pipeline: str, width: int) -> dict[str, str]:
        """Why a pipeline whose network is of that width cannot take LoRAs that it is to be loaded
        with: a sentence for each, by the parameter's name.
        """
        names = {place: str(getattr(load, place)) for place in PLACES}
        told = {
            place: loras.misfit(self._lora_folders, name, pipeline, width)
            for place, name in names.items()
            if name
        }
        return {place: f"{place}: {why}" for place, why in told.items() if why}

    def lora_bytes(self, load: CausalLoad) -> int:
        """What LoRAs take that stay live: about as much as their files."""
        names = [str(getattr(load, place)) for place in PLACES if load.lora_mode == "live"]
        size = 0
        for name in filter(None, names):
            with suppress(OSError):  # one that is gone takes nothing
                found = loras.exact(self._lora_folders, name)
                size += found.path.stat().st_size if found else 0
        return size

    @property
    def _lora_folders(self) -> list[LoraFolder]:
        return loras.lora_folders((place.folder, place.origin) for place in self.places)

    def missing(self, artifacts: Iterable[Artifact]) -> list[Artifact]:
        """Those that are nowhere."""
        return [artifact for artifact in artifacts if self.find(artifact) is None]

    def check(
        self,
        artifact: Artifact,
        path: Path,
        progress: Progress | None = None,
        *,
        anew: bool = False,
    ) -> str:
        """Make sure that `path` is the declared file, and give its SHA-256.

        A file that was checked before and has kept size and time is taken as it was, unless
        `anew`. WeightsError where the hash is another than the declared one; or, where none is
        declared, than it was when the file was downloaded, or when it had the same size and time.
        One that somebody replaced by hand is what it is.
        """
        known: Mapping[str, object] = {}
        with suppress(OSError):  # then the file is read once more
            known = self._record().get(str(path), {})
        kept = known.get("stamp") == shards.stamp(path)
        declared = "" if shards.is_index(path) else artifact.sha256  # of the one file
        if kept and not anew and declared in ("", known["sha256"]):
            return str(known["sha256"])
        found = sha256(path, progress)
        expected = declared or (known["sha256"] if kept or known.get("came") else found)
        if found != expected:
            raise WeightsError(
                f"{path} is not the file that it was: its SHA-256 is {found} where {expected} is "
                "expected; remove it and download it again."
            )
        self.record(path, found, came=bool(known.get("came")))
        return found

    def record(self, path: Path, found: str, *, came: bool = False) -> None:
        """Remember the SHA-256 of a file as it is now; `came` says that we downloaded it."""
        entry = {"stamp": shards.stamp(path), "sha256": found, "came": came}
        # Without a record the next start reads the files once more, which is all that is lost. One
        # that cannot be read now, for another program holds it, is not written over.
        with suppress(OSError):
            self._write({**self._record(), str(path): entry})

    def check_before_load(self, artifact: Artifact, path: Path, progress: Progress) -> None:
        """`check` what is only trusted by its hash: pickles, and files with a declared one."""
        if (artifact.sha256 and not shards.is_index(path)) or path.suffix in PICKLES:
            self.check(artifact, path, progress)

    def _record(self) -> dict[str, dict[str, object]]:
        with suppress(FileNotFoundError, ValueError):
            content = json.loads(held.patiently((self.models / RECORD).read_bytes))
            if isinstance(content, dict):
                return content
        return {}

    def _write(self, record: Mapping[str, object]) -> None:
        self.models.mkdir(parents=True, exist_ok=True)
        beside = self.models / f"{RECORD}.{os.getpid()}"
        try:
            beside.write_text(json.dumps(record, indent=1), "utf-8")
            held.replace(beside, self.models / RECORD)
        except OSError:
            with suppress(OSError):  # a full disk leaves it empty
                held.remove(beside, 0)
            raise


def _may_be(path: Path, artifact: Artifact) -> bool:
    """Whether there is a file, of the right size where that is sure."""
    with suppress(OSError):
        any_size = not artifact.sha256 or shards.is_index(path)
        return path.is_file() and (any_size or path.stat().st_size == artifact.size)
    return False


def _candidates(folder: Path, artifact: Artifact) -> Iterator[Path]:
    """Where a folder may have a file, or the index of its shards: as ours and Scope's, as the hub's
    cache, as ComfyUI's.
    """
    cached = folder / f"models--{artifact.repository.replace('/', '--')}" / "snapshots"
    above = PurePosixPath(artifact.file).parent
    weights = PurePosixPath(artifact.file).suffix in SUFFIXES
    for file in (artifact.file, *(shards.indexes(artifact.file) if weights else ())):
        yield folder / replace(artifact, file=file).name
        yield from sorted(cached.glob(f"*/{file}"), reverse=True)
        name = PurePosixPath(file).relative_to(above)
        for kind in COMFY:
            yield folder / kind / name
            yield from sorted((folder / kind).glob(f"*/{name}"))


@dataclass(frozen=True, slots=True)
class MissingFiles:
    """What a pipeline lacks on this machine, and the room there is for it. Sizes in bytes."""

    pipeline: str
    files: tuple[Artifact, ...]
    size: int
    free: int
    partly: tuple[str, ...]
    away: str = ""

    def __str__(self) -> str:
        names = ", ".join(f"{file.file} of {file.repository}" for file in self.files)
        beside = "".join(f" {text}" for text in self.partly)
        lacks = (
            f"{self.pipeline} lacks {_count(len(self.files), 'file')}"
            f"{f' of about {size_text(self.size)}' if self.size else ''}"
        )
        if self.away:
            return f"{lacks}: {names}. {self.away} Or load with weights=demo."
        return (
            f"{lacks} ({size_text(self.free)} free): {names}.{beside} Get "
            f"{'it' if len(self.files) == 1 else 'them'} with `spout-bridge models download "
            f"{self.pipeline}`, the button on the page or /bridge/download {self.pipeline}; or "
            "load with weights=demo."
        )


def lack(library: Library, pipeline: str, artifacts: Iterable[Artifact]) -> MissingFiles | None:
    """What is missing of a pipeline's files; None where all is here. `away` says that the drive
    of the models folder is.
    """
    gone = tuple(library.missing(artifacts))
    if not gone:
        return None
    partly = [what for artifact in gone if (what := _cut_short(library.home(artifact), artifact))]
    partly += [
        f"{what} (--more-models)." for folder in library.more if (what := drives.away(folder))
    ]
    free, size = drives.free(library.models), sum(artifact.size for artifact in gone)
    return MissingFiles(pipeline, gone, size, free, tuple(partly), library.away)


def _cut_short(home: Path, artifact: Artifact) -> str:
    with suppress(OSError):
        if home.is_file():
            with home.open("rb") as file:
                if told := foreign(file.read(LOOK)):
                    return f"{home} is {told}."
            return f"{home} is cut short: {home.stat().st_size} of {artifact.size} bytes."
    return ""


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
