"""The list of Spout senders, read from its shared memory: no OpenGL, no Spout library.

Layout (Spout 2.005 to 2.007, all of it local to a Windows logon):
`SpoutSenderNames`  slots of 256 bytes, each a null-terminated name; an empty one ends the list
`ActiveSenderName`  256 bytes, the name of the sender that receivers use by default
`<name>`            280 bytes of information on that sender, unpacked by `INFO`

The library's own list fails on names that are not ASCII and shows dead senders; this one does not.
"""

import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PureWindowsPath

SLOT = 256  # bytes
INFO = struct.Struct("<5I256sI")  # handle, width, height, format, usage, description, partner
LARGEST = 16384  # pixels per side; no texture is larger

# DXGI formats, and two Direct3D 9 ones of old senders. Only 8 bits per channel are received.
FORMATS = {
    0: "BGRA8", 2: "RGBA32F", 10: "RGBA16F", 11: "RGBA16", 13: "RGBA16S", 21: "BGRA8", 22: "BGRX8",
    24: "RGB10A2", 28: "RGBA8", 29: "RGBA8 sRGB", 31: "RGBA8S", 87: "BGRA8", 88: "BGRX8",
    91: "BGRA8 sRGB",
}  # fmt: skip
RECEIVED = frozenset({0, 21, 22, 28, 29, 87, 88})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """One sender. `raw` is its name in Spout's encoding, `handle` that of its texture (it changes
    with every new texture; 0 means that it cannot be opened), `owner` the path of its program.
    """

    raw: bytes
    width: int
    height: int
    format: int
    handle: int
    owner: str
    partner: int = 0
    active: bool = False

    @property
    def name(self) -> str:
        """The name to show and to type."""
        return decoded(self.raw)

    @property
    def program(self) -> str:
        """The file name of its program, without the extension."""
        return PureWindowsPath(self.owner).stem

    @property
    def format_name(self) -> str:
        """The pixel format: `BGRA8`, `RGBA16F` …"""
        return FORMATS.get(self.format, f"format {self.format}")

    @property
    def text(self) -> str:
        """Size, format and program in a few words."""
        form = f"{self.width}x{self.height} {self.format_name}"
        return f"{form} from {self.program}" if self.program else form

    @property
    def refusal(self) -> str:
        """Why it cannot be received, with the cure; empty if it can."""
        if self.format in RECEIVED:
            return ""
        return (
            f"{self.name} sends {self.format_name}, but only 8 bits per channel can be received: "
            "set its pixel format to 8-bit fixed (RGBA)."
        )


def decoded(raw: bytes) -> str:
    """A name as text: UTF-8 if valid, else the Western code page of old programs."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def parse_names(data: bytes) -> list[bytes]:
    """The names in `SpoutSenderNames`, each once; an empty slot ends them."""
    found: dict[bytes, None] = {}
    for at in range(0, len(data) - SLOT + 1, SLOT):
        name = data[at : at + SLOT].split(b"\0", 1)[0]
        if not name:
            break
        found[name] = None
    return list(found)


def parse_info(raw: bytes, data: bytes, active: bytes = b"") -> Sender | None:
    """A sender from its 280 bytes; None if they are too few or not plausible."""
    if len(data) < INFO.size:
        return None
    handle, width, height, form, _, description, partner = INFO.unpack_from(data)
    if not (0 < width <= LARGEST and 0 < height <= LARGEST):
        return None
    owner = decoded(description.split(b"\0", 1)[0])
    return Sender(
        raw=raw, width=width, height=height, format=form, handle=handle, owner=owner,
        partner=partner, active=raw == active,
    )  # fmt: skip


def senders(read: Callable[[bytes, int], bytes | None] | None = None) -> list[Sender]:
    """All senders, in Spout's order. A name without information is skipped: its program has ended.
    `read` gives the first bytes of a named mapping, or None.
    """
    read = read or read_mapping
    listed = read(b"SpoutSenderNames", 0)
    if not listed:
        return []
    active = (read(b"ActiveSenderName", SLOT) or b"").split(b"\0", 1)[0]
    found = ((raw, read(raw, INFO.size)) for raw in parse_names(listed))
    made = (parse_info(raw, data, active) for raw, data in found if data)
    return [sender for sender in made if sender]


def find(name: str) -> Sender | None:
    """The sender of that name, if present; a pasted trailing blank is ignored unless a sender has
    that exact name.
    """
    there, names = senders(), (name, name.rstrip())
    return next((sender for called in names for sender in there if sender.name == called), None)


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel.OpenFileMappingA.restype = wintypes.HANDLE
    _kernel.OpenFileMappingA.argtypes = (wintypes.DWORD, wintypes.BOOL, wintypes.LPCSTR)
    _kernel.MapViewOfFile.restype = ctypes.c_void_p
    _kernel.MapViewOfFile.argtypes = (
        wintypes.HANDLE, wintypes.DWORD, wintypes.DWORD, wintypes.DWORD, ctypes.c_size_t,
    )  # fmt: skip
    _kernel.UnmapViewOfFile.argtypes = (ctypes.c_void_p,)
    _kernel.CloseHandle.argtypes = (wintypes.HANDLE,)
    _kernel.VirtualQuery.restype = ctypes.c_size_t
    _kernel.VirtualQuery.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    FILE_MAP_READ = 4

    class _Region(ctypes.Structure):
        """MEMORY_BASIC_INFORMATION of a 64-bit process."""

        _fields_ = (
            ("base", ctypes.c_void_p), ("allocation", ctypes.c_void_p),
            ("protection", wintypes.DWORD), ("partition", wintypes.WORD),
            ("size", ctypes.c_size_t), ("state", wintypes.DWORD),
            ("protect", wintypes.DWORD), ("type", wintypes.DWORD),
        )  # fmt: skip

    def read_mapping(name: bytes, size: int) -> bytes | None:
        """The first `size` bytes of a named mapping, all of it for 0; None if it is missing."""
        handle = _kernel.OpenFileMappingA(FILE_MAP_READ, False, name)
        if not handle:
            return None
        try:
            view = _kernel.MapViewOfFile(handle, FILE_MAP_READ, 0, 0, 0)
            if not view:
                return None
            try:
                region = _Region()
                _kernel.VirtualQuery(view, ctypes.byref(region), ctypes.sizeof(region))
                return ctypes.string_at(view, min(size or region.size, region.size))
            finally:
                _kernel.UnmapViewOfFile(view)
        finally:
            _kernel.CloseHandle(handle)

else:

    def read_mapping(name: bytes, size: int) -> bytes | None:
        """None: Spout exists only on Windows."""
        return None
