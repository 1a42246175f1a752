"""Why a package cannot be imported: it is not there, or the system's loader refuses a part of it.

The two have different cures. Windows' loader says `DLL load failed` of a package that is there,
where a library that it needs is not: the Visual C++ run-time, or on N editions Media Foundation.
Free of torch.
"""

import sys
from pathlib import PurePath

LIBRARIES = {".pyd", ".dll", ".so", ".dylib"}
LOADER = {126, 127, 182, 193, 1114}  # Windows' numbers: not found, no entry, wrong kind, failed
TORCH = "Error loading"  # how torch names the library that it loads itself
REDISTRIBUTABLE = "https://aka.ms/vs/17/release/vc_redist.x64.exe"


def is_refused(error: BaseException) -> bool:
    """Whether the system's loader refused a part of a package that is there."""
    if isinstance(error, ModuleNotFoundError):
        return False
    if isinstance(error, ImportError):
        return PurePath(error.path or "").suffix.lower() in LIBRARIES
    return getattr(error, "winerror", None) in LOADER and TORCH in str(error)


def sentence(error: BaseException) -> str:
    """What the loader said, and the cure; for an error that `is_refused`."""
    said = str(error).strip().rstrip(".") or type(error).__name__
    name = str(getattr(error, "name", None) or "").partition(".")[0]
    return f"{name or 'A package'} is installed, but cannot be loaded ({said}): {cure()}."


def cure() -> str:
    """What makes the libraries of packages load."""
    if sys.platform != "win32":
        return "install the library that is named, or the package anew"
    return (
        f"install Microsoft's Visual C++ Redistributable ({REDISTRIBUTABLE}), on an N edition of "
        "Windows its Media Feature Pack too (Settings, Optional features), then the package anew"
    )
