"""Why a package cannot be imported: it is missing, or the system's loader refuses a part of it.

The two have different cures. Windows' loader reports `DLL load failed` for an installed package if
a library that it needs is missing: the Visual C++ run-time, or on N editions Media Foundation. Free
of torch.
"""

import sys
import traceback
from pathlib import PurePath

LIBRARIES = {".pyd", ".dll", ".so", ".dylib"}
LOADER = {126, 127, 182, 193, 1114}  # Windows' numbers: not found, no entry, wrong kind, failed
OURS = {"bridge", "engine", "importlib"}  # packages that are not plug-ins
TORCH = "Error loading"  # how torch names the library that it loads itself
REDISTRIBUTABLE = "https://aka.ms/vs/17/release/vc_redist.x64.exe"


def is_missing(error: BaseException) -> bool:
    """Whether a package is missing; not a misspelt module of an installed one."""
    return isinstance(error, ModuleNotFoundError) and "." not in (error.name or ".")


def told(error: BaseException) -> str:
    """The error for a failed import, with the line if a plug-in made it."""
    text = str(error) or type(error).__name__
    at = place(error) if isinstance(error, ImportError) else ""
    return f"{text} ({at})" if at else text


def place(error: BaseException) -> str:
    """Where an import failed, as `module, line 3`; empty for a line of ours."""
    found = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] not in OURS:
            found = f"{module}, line {line}"
    return found


def is_refused(error: BaseException) -> bool:
    """Whether the system's loader refused a part of an installed package."""
    if isinstance(error, ModuleNotFoundError):
        return False
    if isinstance(error, ImportError):
        return PurePath(error.path or "").suffix.lower() in LIBRARIES
    return getattr(error, "winerror", None) in LOADER and TORCH in str(error)


def sentence(error: BaseException) -> str:
    """The loader's error and the cure, for an error that `is_refused`."""
    said = str(error).strip().rstrip(".") or type(error).__name__
    name = str(getattr(error, "name", None) or "").partition(".")[0]
    return f"{name or 'A package'} is installed, but cannot be loaded ({said}): {cure()}."


def cure() -> str:
    """The cure for libraries that do not load."""
    if sys.platform != "win32":
        return "install the library named, or reinstall the package"
    return (
        f"install Microsoft's Visual C++ Redistributable ({REDISTRIBUTABLE}), on an N edition of "
        "Windows its Media Feature Pack too (Settings, Optional features), then reinstall the "
        "package"
    )
