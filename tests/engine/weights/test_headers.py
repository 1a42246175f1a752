"""Headers of checkpoints: valid ones are read, all others refused, and no code runs."""

import io
import json
import os
import pickle
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is MISSING: run `pip install 'spout-bridge[engine]'`")

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save, save_file

from engine.files.errors import LIMIT, CheckpointError
from engine.weights.headers import DTYPES, header

A = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
B = {"dtype": "BF16", "shape": [4], "data_offsets": [24, 32]}


def packed(head: Any, data: int = 32, length: int | None = None) -> bytes:
    """A file of a header, given as JSON or as what JSON is made of, and so many bytes of data."""
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + bytes(data)


def found(data: bytes, name: str = "x.safetensors") -> dict[str, torch.Tensor]:
    return header(io.BytesIO(data), name)


def told(data: bytes, name: str = "x.safetensors") -> str:
    with pytest.raises(CheckpointError) as caught:
        found(data, name)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert len(text) < 500
    return text


def shapes(tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    return {key: (tensor.dtype, tuple(tensor.shape)) for key, tensor in tensors.items()}


def test_a_sound_header_gives_empty_tensors_by_name() -> None:
    tensors = found(packed({"__metadata__": {"format": "pt", "a": ""}, "a": A, "b": B}))
    assert shapes(tensors) == {"a": (torch.float32, (2, 3)), "b": (torch.bfloat16, (4,))}
    assert {tensor.device.type for tensor in tensors.values()} == {"meta"}


def test_every_type_and_shape_that_is_written_is_read() -> None:
    tensors = {name: torch.zeros(2, 8).to(dtype) for name, dtype in DTYPES.items()}
    tensors |= {"scalar": torch.tensor(1.0), "none": torch.zeros(0, 4), 'é"}\\': torch.zeros(1)}
    assert shapes(found(save(tensors, {"braces": '{[}"'}))) == shapes(tensors)


DAMAGED = "x.safetensors is damaged, truncated or not a .safetensors file: "
AGAIN = "; download it again."
KINDS = ", ".join(DTYPES)
SOUND = packed({"a": A, "b": B})
HOSTILE = {
    "one byte": (b"\0", "a header's length of 8 bytes is expected, but the file has 1 in total"),
    "length 2^63": (
        packed({"a": A, "b": B}, length=2**63),
        f"a header of {2**63} bytes is expected, but the file has {len(SOUND)} in total",
    ),
    "length beyond the file": (
        packed({"a": A, "b": B}, length=len(SOUND) - 7),
        f"a header of {len(SOUND) - 7} bytes is expected, but the file has {len(SOUND)} in total",
    ),
    "cut data": (SOUND[:-1], "it has 31 bytes of data, expected 32, the last for 'b'"),
    "more data": (
        SOUND + b"\0",
        "it has 33 bytes of data, expected 32, the last for 'b'",
    ),
    "negative shape": (
        packed({"a": {**A, "shape": [-2, -3]}, "b": B}),
        "'a' has shape [-2, -3], expected integers of at least 0",
    ),
    "half a side": (
        packed({"a": {**A, "shape": [2.0, 3]}, "b": B}),
        "'a' has shape [2.0, 3], expected integers of at least 0",
    ),
    "a truth for a side": (
        packed({"a": {**A, "shape": [True, 6]}, "b": B}),
        "'a' has shape [True, 6], expected integers of at least 0",
    ),
    "wrong shape": (
        packed({"a": {**A, "shape": [2, 4]}, "b": B}),
        "'a' has 24 bytes of data, but its shape and type need 32",
    ),
    "overlap": (
        packed({"a": A, "b": {**B, "data_offsets": [20, 28]}}),
        "the data of 'b' begins at 20, expected 24",
    ),
    "hole": (
        packed({"a": A, "b": {**B, "data_offsets": [28, 36]}}, 36),
        "the data of 'b' begins at 28, expected 24",
    ),
    "offsets beyond the file": (
        packed({"a": A, "b": {**B, "data_offsets": [24, 2**40]}}),
        f"'b' has {2**40 - 24} bytes of data, but its shape and type need 8",
    ),
    "shape and offsets beyond the file": (
        packed({"a": A, "b": {**B, "shape": [2**39], "data_offsets": [24, 24 + 2**40]}}),
        f"it has 32 bytes of data, expected {24 + 2**40}, the last for 'b'",
    ),
    "offsets backwards": (
        packed({"a": {**A, "data_offsets": [24, 0]}, "b": B}),
        "'a' has data_offsets [24, 0], expected begin and end",
    ),
    "three offsets": (
        packed({"a": {**A, "data_offsets": [0, 24, 24]}, "b": B}),
        "'a' has data_offsets [0, 24, 24], expected begin and end",
    ),
    "unknown type": (
        packed({"a": {**A, "dtype": "F4"}, "b": B}),
        f"'a' has type 'F4', expected one of {KINDS}",
    ),
    "a list as type": (
        packed({"a": {**A, "dtype": ["F32"]}, "b": B}),
        f"'a' has type ['F32'], expected one of {KINDS}",
    ),
    "more fields": (
        packed({"a": {**A, "run": "rm"}, "b": B}),
        "'a' has ['dtype', 'shape', 'data_offsets', 'run'], expected dtype, shape and data_offsets",
    ),
    "a product beyond 2^64": (
        packed({"a": {**A, "shape": [2**33, 2**33]}, "b": B}),
        f"'a' has shape [{2**33}, {2**33}], which is too large for memory",
    ),
    "nothing times too much": (
        packed({"a": {**A, "shape": [2**62, 2**62, 0], "data_offsets": [0, 0]}}, 0),
        f"'a' has shape [{2**62}, {2**62}, 0], which is too large for memory",
    ),
    "duplicate keys": (
        packed(f'{{"a":{json.dumps(A)},"a":{json.dumps(A)}}}'.encode(), 24),
        "'a' occurs twice",
    ),
    "duplicate fields": (
        packed(b'{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
        "'a' must be an object with the type, shape and offsets of a tensor",
    ),
    "a list": (packed([A, B]), "its header must be a JSON object"),
    "no JSON": (packed(b"{nothing}"), "its header must be a JSON object"),
    "no UTF-8": (packed(b'{"\xff":1}'), "its header must be a JSON object"),
    "half a character": (
        packed(b'{"\\ud800":' + json.dumps(A).encode() + b"}", 24),
        "its header must be a JSON object",
    ),
    "more behind": (packed(b"{}x", 0), "its header must be a JSON object"),
    "a number for a tensor": (
        packed({"a": 7}),
        "'a' must be an object with the type, shape and offsets of a tensor",
    ),
    "metadata that is no text": (
        packed({"__metadata__": {"a": 1}, "a": A, "b": B}),
        "__metadata__ must occur once and contain only text by name",
    ),
    "metadata twice": (
        packed(b'{"__metadata__":{},"__metadata__":{},"a":' + json.dumps(A).encode() + b"}", 24),
        "__metadata__ must occur once and contain only text by name",
    ),
    "a deep one": (
        packed(b'{"a":' + b"[" * 100_000 + b"}"),
        "'a' must be an object with the type, shape and offsets of a tensor",
    ),
    "a number of 4000 digits": (
        packed(b'{"a":{"dtype":"F32","shape":[' + b"9" * 3900 + b'],"data_offsets":[0,4]}}', 4),
        "'a' has shape [9999999999",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_header_is_told_by_file_key_found_and_expected(case: str) -> None:
    data, words = HOSTILE[case]
    text = told(data)
    assert text.startswith(DAMAGED + words)
    assert text.endswith(AGAIN.removeprefix("; "))


def test_a_header_of_more_than_100_mb_is_not_read() -> None:
    class Endless(io.BytesIO):
        def seek(self, offset: int, whence: int = 0) -> int:
            return 10 * LIMIT if whence == io.SEEK_END else super().seek(offset)

    with pytest.raises(CheckpointError, match=f"has {LIMIT + 1} bytes, at most {LIMIT}"):
        header(Endless(struct.pack("<Q", LIMIT + 1) + b"{"), "x.safetensors")


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":[' + b"[]," * 7_000_000,
        b'{"__metadata__":{' + b'"":"",' * 3_000_000,
        b'{"a":{' + b'"":{},' * 3_000_000,
    ],
    ids=["lists", "metadata", "objects"],
)
def test_a_large_hostile_header_takes_no_more_memory_than_itself(text: bytes) -> None:
    tracemalloc.start()
    data = packed(text, 0)
    told(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * len(data)


def test_more_tensors_than_any_network_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.files.safetensors_header.MOST", 2)
    entry = {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}
    assert len(found(packed(dict.fromkeys("ab", entry), 0))) == 2
    text = told(packed(dict.fromkeys("abc", entry), 0))
    assert "it has more than 2 tensors" in text


def test_an_empty_file_and_one_of_nothing_say_so() -> None:
    assert told(b"") == "x.safetensors is empty; download it again."
    assert told(b"", "x.pt") == "x.pt is empty; download it again."
    nothing = "x.safetensors contains no tensors; choose a"
    assert told(packed({}, 0)).startswith(nothing)
    assert told(SOUND, "x.ckpt").startswith("x.ckpt is not one of .safetensors, .pt, .pth; choose")


def torch_file(content: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def test_a_renamed_file_is_told_what_it_is() -> None:
    archive = torch_file({"a": torch.zeros(2)})
    assert told(archive) == (
        "x.safetensors is a .pt file with the wrong extension; rename it, or choose another."
    )
    for name in ("x.pt", "x.pth"):
        assert told(SOUND, name) == (
            f"{name} is a .safetensors file with the wrong extension; rename it, or choose another."
        )


def test_an_archive_of_torch_gives_empty_tensors_by_name() -> None:
    base = torch.randn(4, 6)
    tensors = {
        "a": base,
        "b": torch.nn.Parameter(torch.ones(2).bfloat16()),
        "view": base[1:, ::2],
        "turned": base.T,
        "none": torch.zeros(0, 3),
        "scalar": torch.tensor(3),
        "small": torch.zeros(2, 2).to(torch.float8_e4m3fn),
    }
    data = torch_file({"step": 3, "state_dict": {"model": tensors}})
    read = found(data, "x.pt")
    assert shapes(read) == shapes(tensors)
    assert {tensor.device.type for tensor in read.values()} == {"meta"}
    assert not any(tensor.requires_grad for tensor in read.values())


def again(data: bytes, change: Callable[[str, bytes], bytes | None], **how: Any) -> bytes:
    """The same archive with other records."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", **how) as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return file.getvalue()


def ended(end: str, content: bytes | None) -> Callable[[str, bytes], bytes | None]:
    return lambda name, old: content if name.endswith(end) else old


ARCHIVE = torch_file({"a": torch.zeros(2, 3), "b": torch.zeros(4).bfloat16()})
PT = "x.pt is damaged, truncated or not a .pt file"
ARCHIVES = {
    "half": (ARCHIVE[: len(ARCHIVE) // 2], PT + AGAIN),
    "all but one byte": (ARCHIVE[:-1], PT + AGAIN),
    "a page": (b"<p>404</p>" * 9, PT + AGAIN),
    "no pickle": (again(ARCHIVE, ended("data.pkl", None)),
                  f"{PT}: data.pkl is missing{AGAIN}"),
    "short data": (again(ARCHIVE, ended("data/0", bytes(20))),
                   f"{PT}: 'a' has 20 bytes in 'archive/data/0', expected 24{AGAIN}"),
    "no data": (again(ARCHIVE, ended("data/1", None)), PT + AGAIN),
    "compressed": (again(ARCHIVE, ended("x", b""), compression=zipfile.ZIP_DEFLATED),
                   f"{PT}: 'archive/data.pkl' is compressed, expected uncompressed data{AGAIN}"),
    "big end first": (again(ARCHIVE, ended("byteorder", b"big")),
                      f"{PT}: its byte order is b'big', expected little{AGAIN}"),
}  # fmt: skip


@pytest.mark.parametrize("case", ARCHIVES)
def test_a_damaged_archive_is_told(case: str) -> None:
    data, words = ARCHIVES[case]
    assert told(data, "x.pt") == words


def test_a_record_that_comes_twice_is_refused() -> None:
    file = io.BytesIO(ARCHIVE)
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("archive/data/0", bytes(24))
    assert "the record 'archive/data/0' occurs twice" in told(file.getvalue(), "x.pt")


def test_a_changed_bit_in_a_pickle_is_seen_by_its_checksum() -> None:
    place = ARCHIVE.index(b"_rebuild_tensor_v2")
    data = ARCHIVE[:place] + bytes([ARCHIVE[place] ^ 1]) + ARCHIVE[place + 1 :]
    assert told(data, "x.pt") == PT + AGAIN


class Reducer:
    """What a pickle of this asks to be called when it is read as pickles are."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.called = function, args

    def __reduce__(self) -> Any:
        return self.called


def test_a_pickle_that_would_run_a_program_does_not(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    trap = {"generator": {"a": torch.zeros(2), "x": Reducer(os.system, f"touch {mark}")}}
    assert told(torch_file(trap), "x.pt") == (
        "x.pt contains more than tensors and could run code, so it was not loaded; get the "
        "file from its authors, as .safetensors if they offer it."
    )
    bare = pickle.dumps(Reducer(os.system, f"touch {mark}"), 2)
    assert told(bare, "x.pt") == PT + AGAIN
    assert told(again(ARCHIVE, ended("data.pkl", bare)), "x.pt").startswith(
        "x.pt contains more than"
    )
    assert not mark.exists()


def test_a_pickle_that_asks_for_too_much_memory_is_damaged() -> None:
    asks = again(ARCHIVE, ended("data.pkl", pickle.dumps(Reducer(bytearray, 2**60), 2)))
    assert told(asks, "x.pt") == PT + AGAIN


def complained(data: bytes, name: str) -> dict[str, torch.Tensor] | None:
    """The tensors, or None after a sentence that names the file; any other error goes through."""
    try:
        return found(data, name)
    except CheckpointError as error:
        if name not in str(error):
            raise
        return None


CASES = 10_000
PARTS = (b"{", b"}", b"[", b"]", b'"', b",", b":", b"-1", b"0", b"1e9", b"null", b"F64", b"U8",
         b"\\u0000", b"\\ud800", b"18446744073709551616", b"__metadata__", b'"a":1,', b"\xff",
         b"true", b" ", b"\n", b"NaN")  # fmt: skip


def mutated(sound: bytes, draw: random.Random) -> bytes:
    """A header with a few changes: bytes, parts of JSON, pieces left out or doubled, lengths."""
    data = bytearray(sound)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        place = draw.randrange(len(data))
        end = min(len(data), place + draw.choice((1, 2, 8, 40)))
        kind = draw.randrange(7)
        if kind == 0:
            data[place] ^= 1 << draw.randrange(8)
        elif kind == 1:
            data[place:place] = draw.choice(PARTS)
        elif kind == 2:
            data[place:end] = draw.choice(PARTS)
        elif kind == 3:
            del data[place:end]
        elif kind == 4:
            data[place:place] = data[place:end]
        elif kind == 5:  # a digit for a digit: what is still JSON
            digits = [n for n, byte in enumerate(data) if n > 7 and 48 <= byte < 58]
            data[draw.choice(digits)] = draw.randrange(48, 58)
        if kind > 2 and len(data) > 8:  # the length is right again, more often than not
            old = struct.unpack("<Q", sound[:8])[0]
            right = old + len(data) - len(sound)
            data[:8] = struct.pack("<Q", max(0, draw.choice((right, right, old))))
        if len(data) < 9:
            return bytes(data)
    return bytes(data)


def sound_headers() -> list[bytes]:
    tensors = {"a": torch.zeros(2, 3), "blocks.0.q": torch.zeros(4).bfloat16(),
               "c": torch.zeros(0), "d": torch.tensor(1)}  # fmt: skip
    return [save(tensors), save(tensors, {"format": "pt", "é": '"{'}), SOUND]


def by_the_referee(path: Path) -> dict[str, Any] | None:
    """What safetensors itself finds, None where it refuses."""
    try:
        with safe_open(path, "pt") as file:
            slices = {key: file.get_slice(key) for key in file.offset_keys()}
            return {k: (DTYPES[s.get_dtype()], tuple(s.get_shape())) for k, s in slices.items()}
    except SafetensorError:
        return None


@pytest.mark.slow
def test_10_000_broken_headers_are_tensors_or_one_sentence(tmp_path: Path) -> None:
    draw, path = random.Random(6), tmp_path / "x.safetensors"
    sound = sound_headers()
    accepted = changed = peak = 0
    for number in range(CASES):
        data = mutated(sound[number % len(sound)], draw)
        if measured := number % 10 == 0:  # it is slow
            tracemalloc.start()
        tensors = complained(data, "x.safetensors")
        if measured:
            peak = max(peak, tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        if tensors is None:
            continue
        accepted += 1
        path.write_bytes(data)
        whole = by_the_referee(path)
        assert whole is not None, data
        assert shapes(tensors) == whole, data
        changed += data not in sound
    print(f"{accepted} of {CASES} accepted, {changed} of them changed; {peak / 1e6:.1f} MB")
    assert 100 < changed < CASES / 2
    assert 0 < peak < 1_000_000


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_2_000_broken_archives_are_tensors_or_one_sentence() -> None:
    draw, refused, sound = random.Random(7), 0, shapes(found(ARCHIVE, "x.pt"))
    for _ in range(2_000):
        data = bytearray(ARCHIVE)
        for _ in range(draw.choice((1, 1, 4))):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        tensors = complained(bytes(data), "x.pt")
        refused += tensors is None
        assert tensors is None or shapes(tensors) == sound
    assert refused > 500


def test_a_sound_file_on_the_disk_is_read_by_both(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.ones(3)}, path)
    with path.open("rb") as file:
        assert shapes(header(file, path)) == {"a": (torch.float32, (3,))}
    assert by_the_referee(path) == {"a": (torch.float32, (3,))}
