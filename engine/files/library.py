"""The weights on this machine: where each declared file is, and whether it is the right one.

Our own models folder comes first; files of other programs are used in place. Free of torch: bridge
and worker both use it.
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
from engine.files import loras, shards, soundness
from engine.files.errors import FileError
from engine.files.kinds import LOOK, SUFFIXES, foreign
from engine.files.loras import ListedLora, LoraFile, LoraFolder
from engine.system import drives, held
from engine.system.data_folder import data_folder
from engine.system.json_values import is_object
from engine.system.texts import counted, quoted

RECORD = "hashes.json"
BLOCK = 1 << 22
PICKLES = {".pt", ".pth"}
PLACES = ("lora_1", "lora_2", "lora_3")  # parameters holding a LoRA's name
COMFY = ("diffusion_models", "unet", "vae", "vae_approx", "text_encoders", "clip")

Progress = Callable[[float, float], None]  # bytes done, bytes in total


class WeightsError(FileError):
    """A weights file that does not match its declaration; one sentence, with the cure."""


def size_text(size: float) -> str:
    """Bytes in readable form: 11.4 GB, 508 MB, 12 kB."""
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def sha256(path: Path, progress: Progress | None = None) -> str:
    """The SHA-256 of a file in hex; for an index, of the index and its shards concatenated."""
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
    """A folder with weights, and the program that owns it."""

    folder: Path
    origin: str


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A declared file on this machine."""

    path: Path
    origin: str

    @property
    def in_shards(self) -> bool:
        """Whether it is the index of a sharded checkpoint."""
        return shards.is_index(self.path)


def other_places(environment: Mapping[str, str] = os.environ) -> list[ModelFolder]:
    """Weight folders of other programs that exist now."""
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
    """Possible documents folders: OneDrive moves them, under a name in the user's language."""
    names = ("OneDrive", "OneDriveConsumer", "OneDriveCommercial")
    clouds = [Path(at) / "Documents" for name in names if (at := environment.get(name))]
    found = [*_windows_documents(), home / "Documents", *clouds]
    return list(dict.fromkeys(found))


def _windows_documents() -> list[Path]:
    """The documents folder that Windows reports, if any."""
    if sys.platform != "win32":
        return []
    try:
        return [user_documents_path()]
    except (OSError, ValueError):  # a profile that is broken or still being created
        return []


@dataclass
class Library:
    """Our models folder, and the other weights on this machine.

    `more` are additional folders named by the user, in any known layout.
    """

    models: Path
    more: Sequence[Path] = ()

    @property
    def places(self) -> list[ModelFolder]:
        """All folders that exist now; drives come and go."""
        named = [
            ModelFolder(self.models, "here"),
            *(ModelFolder(folder, "named by you") for folder in self.more),
        ]
        return [place for place in named if drives.is_folder(place.folder)] + other_places()

    def home(self, artifact: Artifact) -> Path:
        """Where a download stores it."""
        return self.models / artifact.name

    def find(self, artifact: Artifact) -> FoundFile | None:
        """The file with the declared name and, if known for certain, the declared size; else with
        a header that can be read.
        """
        for place in self.places:
            with suppress(OSError):  # the drive may disappear meanwhile
                for path in _candidates(place.folder, artifact):
                    if _may_be(path, artifact):
                        return FoundFile(path, place.origin)
        return None

    def unfit(self, artifact: Artifact) -> str:
        """Why a file with the declared name is not the declared one, in one sentence; empty if
        there is none. Call it for what `find` did not find. In other programs' folders the name
        alone says little, so a file of another size there is no fault.
        """
        others = [] if artifact.sha256 else [place.folder for place in other_places()]
        for folder in (self.models, *self.more, *others):
            with suppress(OSError):
                for path in _candidates(folder, artifact):
                    if path.is_file() and (why := _fault(path, artifact)):
                        return why
        return ""

    @property
    def away(self) -> str:
        """A sentence if the drive of the models folder is missing; else empty."""
        what = drives.away(self.models)
        return (
            what and f"{what}: {drives.cure(self.models)}, or choose another folder with --models."
        )

    def command(self, pipeline: str) -> str:
        """The command that downloads a pipeline's files into the models folder."""
        usual = None
        with suppress(RuntimeError):  # of an account without a home folder
            usual = data_folder() / "models"
        flag = "" if self.models == usual else f" --models {quoted(self.models)}"
        return f"spout-bridge models download {pipeline}{flag}"

    def lora(self, name: str) -> LoraFile:
        """The LoRA with this name or full path, in our folders or another program's. ValueError,
        as one sentence, if not found.
        """
        return loras.find(self._lora_folders, name, self.models / LORAS)

    def loras(self, widths: Mapping[str, int] = loras.WIDTHS) -> list[ListedLora]:
        """All LoRAs on this machine; reads each header once. `widths` are the network widths of the
        pipelines, by id.
        """
        return loras.listed(self._lora_folders, widths)

    def misfits(self, load: CausalLoad, pipeline: str, width: int) -> dict[str, str]:
        """Why a pipeline with a network of this width cannot use the LoRAs in `load`: one sentence
        each, by parameter name.
        """
        names = {place: str(getattr(load, place)) for place in PLACES}
        told = {
            place: loras.misfit(self._lora_folders, name, pipeline, width)
            for place, name in names.items()
            if name
        }
        return {place: f"{place}: {why}" for place, why in told.items() if why}

    def lora_bytes(self, load: CausalLoad) -> int:
        """Memory of live LoRAs in bytes: about the size of their files."""
        names = [str(getattr(load, place)) for place in PLACES if load.lora_mode == "live"]
        size = 0
        for name in filter(None, names):
            with suppress(OSError):  # a deleted one needs nothing
                found = loras.exact(self._lora_folders, name)
                size += found.path.stat().st_size if found else 0
        return size

    def lora_stamp(self, name: str) -> list[int] | None:
        """Size and time of the LoRA with this name, to detect changes; None if it is missing."""
        with suppress(OSError):
            found = loras.exact(self._lora_folders, name)
            return shards.stamp(found.path) if found else None
        return None

    def stamps(self, artifacts: Iterable[Artifact]) -> dict[str, list[int]]:
        """The same for the files of artifacts that can be read, by path."""
        found: dict[str, list[int]] = {}
        for artifact in artifacts:
            if there := self.find(artifact):
                with suppress(OSError, FileError):  # it disappears, or is an invalid index
                    found[str(there.path)] = shards.stamp(there.path)
        return found

    @property
    def _lora_folders(self) -> list[LoraFolder]:
        return loras.lora_folders((place.folder, place.origin) for place in self.places)

    def missing(self, artifacts: Iterable[Artifact]) -> list[Artifact]:
        """The artifacts not found on this machine."""
        return [artifact for artifact in artifacts if self.find(artifact) is None]

    def parts(self, artifact: Artifact) -> dict[str, Path]:
        """The files of an artifact, a sharded one's index and shards too, by their paths in a
        models folder; empty if it is missing. FileError for an invalid index.
        """
        found = self.find(artifact)
        if found is None or not found.in_shards:
            return {artifact.name: found.path} if found else {}
        files = (
            f for f in shards.indexes(artifact.file) if PurePosixPath(f).name == found.path.name
        )
        home = PurePosixPath(replace(artifact, file=next(files)).name).parent
        return {f"{home}/{path.name}": path for path in shards.files(found.path)}

    def check(
        self,
        artifact: Artifact,
        path: Path,
        progress: Progress | None = None,
        *,
        anew: bool = False,
    ) -> str:
        """Verify that `path` is the declared file, and return its SHA-256.

        A file checked before with the same size and time is not read again, unless `anew`.
        WeightsError if the hash differs from the declared one; or, if none is declared, from the
        hash at download, or at the last check with this size and time. A file replaced by hand is
        accepted as it is.
        """
        known: Mapping[str, object] = {}
        with suppress(OSError):  # then the file is read again
            known = self._record().get(str(path), {})
        kept = known.get("stamp") == shards.stamp(path)
        declared = "" if shards.is_index(path) else artifact.sha256  # it covers a single file
        if kept and not anew and declared in ("", known["sha256"]):
            return str(known["sha256"])
        found = sha256(path, progress)
        expected = declared or (known["sha256"] if kept or known.get("came") else found)
        if found != expected:
            raise WeightsError(
                f"{path} has changed: its SHA-256 is {found}, but {expected} is expected; "
                "remove it and download it again."
            )
        self.record(path, found, came=bool(known.get("came")))
        return found

    def record(self, path: Path, found: str, *, came: bool = False) -> None:
        """Record the current SHA-256 of a file; `came` means that we downloaded it."""
        entry = {"stamp": shards.stamp(path), "sha256": found, "came": came}
        # Without a record the next start only reads the files again. A record that cannot be read
        # now, because another program holds it, is not overwritten.
        with suppress(OSError):
            self._write({**self._record(), str(path): entry})

    def check_before_load(self, artifact: Artifact, path: Path, progress: Progress) -> None:
        """`check` files that are trusted only by hash: pickles, and files with a declared hash."""
        if (artifact.sha256 and not shards.is_index(path)) or path.suffix in PICKLES:
            self.check(artifact, path, progress)

    def _record(self) -> dict[str, dict[str, object]]:
        with suppress(FileNotFoundError, ValueError):
            content = json.loads(held.patiently((self.models / RECORD).read_bytes))
            if is_object(content):
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
    """Whether the file exists and may be the declared one."""
    with suppress(OSError):
        return path.is_file() and not _fault(path, artifact)
    return False


def _fault(path: Path, artifact: Artifact) -> str:
    """Why a file is not the declared one, by its size if that is known for certain, else by its
    header; one sentence, empty if it may be. An OSError passes through.
    """
    if shards.is_index(path):
        return ""
    if not artifact.sha256:
        return soundness.fault(path)
    size = path.stat().st_size
    if size == artifact.size:
        return ""
    with held.patiently(lambda: path.open("rb")) as file:
        if told := foreign(file.read(LOOK)):
            return f"{path} is {told}."
    if size < artifact.size:
        return f"{path} is incomplete: {size} of {artifact.size} bytes."
    return f"{path} is another file: it has {size} bytes, not {artifact.size}."


def _candidates(folder: Path, artifact: Artifact) -> Iterator[Path]:
    """Possible paths of a file, or of its shard index, in a folder: in our and Scope's layout, in
    the hub cache's, in ComfyUI's.
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
    """The files that a pipeline is missing, and the free space for them in bytes. `unfit`
    says why those that exist cannot be used. `command` downloads them. `demo` says whether it can
    be loaded without them, with weights=demo.
    """

    pipeline: str
    files: tuple[Artifact, ...]
    free: int
    unfit: Mapping[Artifact, str]
    command: str
    partly: tuple[str, ...] = ()
    away: str = ""
    demo: bool = True

    def __str__(self) -> str:
        gone = [file for file in self.files if self.away or file not in self.unfit]
        names = ", ".join(f"{file.file} of {file.repository}" for file in gone)
        beside = "".join(f" {text}" for text in (*self.unfit.values(), *self.partly))
        room = f" ({size_text(self.free)} free)"
        size = sum(file.size for file in gone)
        lacks = (
            f"{self.pipeline} is missing {counted(len(gone), 'file')}"
            f"{f' of about {size_text(size)}' if size else ''}"
        )
        if self.away:
            told = f"{lacks}: {names}. {self.away}"
            return f"{told} Or use weights=demo." if self.demo else told
        if gone:
            lacks = f"{lacks}{room}: {names}."
        else:
            lacks = f"{self.pipeline} has {counted(len(self.files), 'file')} it cannot use{room}."
        return (
            f"{lacks}{beside} Get {'it' if len(self.files) == 1 else 'them'} with "
            f"`{self.command}`, the button on the page or /bridge/download {self.pipeline}"
            f"{'; or use weights=demo' if self.demo else ''}."
        )


def lack(
    library: Library, pipeline: str, artifacts: Iterable[Artifact], *, demo: bool = True
) -> MissingFiles | None:
    """The missing files of a pipeline, or None. `away` is set if the drive of the models folder is
    missing; `demo` as in `MissingFiles`.
    """
    gone = tuple(library.missing(artifacts))
    if not gone:
        return None
    unfit = {artifact: why for artifact in gone if (why := library.unfit(artifact))}
    partly = [
        f"{what} (--more-models)." for folder in library.more if (what := drives.away(folder))
    ]
    free = drives.free(library.models)
    return MissingFiles(
        pipeline, gone, free, unfit, library.command(pipeline), tuple(partly), library.away, demo
    )
