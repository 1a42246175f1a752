"""`models verify --headers`: whole networks on a hub, of which only headers are read."""

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from safetensors.torch import save_file

from bridge.cli.commands import main
from engine.catalog import artifacts as files
from engine.catalog.rows import BUILT_IN, Catalog, PipelineRow
from engine.catalog.specs import WAN_14B
from engine.causal.network.vace import empty_vace
from engine.causal.network.wan_weights import empty_transformer, transformer_state, vace_state
from engine.causal.vae.tiny import TinyCodec
from engine.files.hub_file import hub_file
from engine.system.texts import quoted
from engine.verify import __main__ as verifying
from tests.support.golden import Fixture
from tests.support.hub import Hub, running
from tests.support.tiny_rows import TINY

pytestmark = pytest.mark.slow


class Sparse(bytes):
    """A safetensors file of any size without its data, which nobody asks for."""

    size: int

    def __new__(cls, tensors: Mapping[str, Any]) -> "Sparse":
        header, at = {}, 0
        for name, tensor in tensors.items():
            end = at + 2 * tensor.numel()
            header[name] = {"dtype": "BF16", "shape": list(tensor.shape), "data_offsets": [at, end]}
            at = end
        text = json.dumps(header).encode()
        made = super().__new__(cls, len(text).to_bytes(8, "little") + text)
        made.size = bytes.__len__(made) + at
        return made

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, part: Any) -> bytes:
        first, last = part.start, min(part.stop, self.size)
        known = bytes(memoryview(self))[first:last]
        return known + bytes(last - first - bytes.__len__(known))


def native(fixture: Mapping[str, Any], convert: Any, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """`wanted`, which goes by diffusers' names, by those of its authors: a tiny file has them."""
    by_tensor = {id(tensor): name for name, tensor in fixture.items()}
    names = {theirs: by_tensor[id(tensor)] for theirs, tensor in convert(fixture).items()}
    found: dict[str, Any] = {}
    for theirs, tensor in wanted.items():
        layer = re.search(r"blocks\.(\d+)\.", theirs)
        number = layer[1] if layer else "0"
        known = re.sub(r"blocks\.\d+\.", "blocks.0.", theirs)
        ours = names.get(theirs) or names[known]
        found[re.sub(r"blocks\.\d+\.", f"blocks.{number}.", ours)] = tensor
    return found


@pytest.fixture(scope="module")
def krea() -> dict[str, bytes]:
    """The files of krea-realtime-video with VACE and the small VAE, as on the hub."""
    network = native(
        Fixture("longlive_text").weights(),
        lambda tensors: transformer_state(tensors, TINY),
        empty_transformer(WAN_14B).state_dict(),
    )
    module = {
        name: tensor
        for name, tensor in Fixture("vace_model").weights().items()
        if name.startswith("vace_")
    }
    vace = native(module, vace_state, empty_vace(WAN_14B).state_dict())
    tae = io.BytesIO()
    empty = TinyCodec(64).module.state_dict()
    torch.save({name: torch.zeros(t.shape, dtype=torch.half) for name, t in empty.items()}, tae)
    parts: dict[files.Artifact, bytes] = {
        files.NETWORKS["krea-realtime-video"]: Sparse(network),
        files.VACE["14B"]: Sparse(vace),
        files.VAES["tae"]: tae.getvalue(),
    }
    return {f"{one.repository}/{one.file}": content for one, content in parts.items()}


@pytest.fixture
def hub(krea: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running(Hub(files=dict(krea), tags=dict.fromkeys(krea, "f" * 64))) as found:
        monkeypatch.setenv("HF_ENDPOINT", found.url)
        yield found


CHOSEN = {"vae": "tae", "text_encoder": "fp8", "vace_load": "true"}


def told(printed: str) -> dict[str, str]:
    """The line of each file."""
    lines = printed.splitlines()
    return {line[7:].partition(": ")[0].split("/")[-1]: line for line in lines}


def test_headers_of_40_gigabytes_are_checked_by_some_hundred_kilobytes(
    hub: Hub, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["models", "verify", "krea-realtime-video", "--headers", "--folder", str(tmp_path)]
    words += [word for name, value in CHOSEN.items() for word in ("--set", f"{name}={value}")]
    with pytest.raises(SystemExit) as ended:
        main(words)
    lines = told(capfd.readouterr().out)
    network = lines["krea-realtime-video-14b.safetensors"]
    assert re.match(r"good .* keys and shapes fit; \d+ kB of 28\.6 GB read", network)
    vace = lines["Wan2_1-VACE_module_14B_bf16.safetensors"]
    assert re.match(r"good .* keys and shapes fit; \d+ kB of 6\.1 GB read", vace)
    assert lines["taew2_1.pth"].startswith("good")
    assert "was not found" in lines["umt5-xxl-enc-fp8_e4m3fn.safetensors"]
    assert ended.value.code == 1  # for that one
    assert hub.sent < 1 << 20
    print(f"{hub.sent} bytes read")


def test_a_wrong_shape_on_the_hub_is_told_before_anything_comes(
    hub: Hub,
    krea: dict[str, bytes],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the command's process does, in this one."""
    name = next(name for name in krea if "VACE" in name)
    module = empty_vace(WAN_14B).state_dict()
    first = next(iter(module))
    hub.files[name] = Sparse(module | {first: torch.empty(1, device="meta")})
    order = {"models": str(tmp_path), "more": [], "headers": True}
    order["pipelines"] = {"krea-realtime-video": CHOSEN}
    # HF_ENDPOINT is read once in a process.
    monkeypatch.setattr(verifying, "hub_file", partial(hub_file, endpoint=hub.url))
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(order)))
    assert verifying.main() == 1
    wrong = told(capfd.readouterr().out)["Wan2_1-VACE_module_14B_bf16.safetensors"]
    assert wrong.startswith("WRONG")
    assert f"{first}: (1,), e" in wrong


NET, WORDS = (files.Artifact("strangers/model", name) for name in ("net.safetensors", "words.json"))
DECLARED = files.Artifact("strangers/model", "extra.safetensors", 100, "a" * 64)
PLUG_IN = replace(
    BUILT_IN[1], id="oddity", needs=lambda load: {"net": NET, "words": WORDS, "extra": DECLARED}
)
WIDER = replace(Catalog()["longlive"], id="wider", needs=lambda load: {"vae": VAE, "net": NET})
VAE = files.VAES["tae"]


def verified(monkeypatch: pytest.MonkeyPatch, folder: Path, *rows: PipelineRow) -> int:
    monkeypatch.setattr(verifying.Catalog, "installed", lambda: Catalog((*BUILT_IN, *rows)))
    order: dict[str, Any] = {"models": str(folder), "more": [], "headers": False}
    order["pipelines"] = {row.id: {} for row in rows}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(order)))
    return verifying.main()


def test_the_files_of_plug_ins_are_checked_as_far_as_anyone_knows_them(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = tmp_path / "model"
    at.mkdir()
    assert verified(monkeypatch, tmp_path, PLUG_IN) == 1
    lines = told(capfd.readouterr().out)
    assert lines["net.safetensors"] == (
        f"missing  model/net.safetensors: it belongs at {at / 'net.safetensors'}. Get it "
        f"with `spout-bridge models download oddity --models {quoted(tmp_path)}`."
    )
    save_file({"a": torch.zeros(2)}, at / "net.safetensors")
    (at / "words.json").write_text("[]")
    (at / "extra.safetensors").write_bytes(bytes(101))
    assert verified(monkeypatch, tmp_path, PLUG_IN) == 1
    lines = told(capfd.readouterr().out)
    assert re.match(
        r"good +model/net.safetensors: its header can be read, SHA-256 \w{12}… as recorded\.$",
        lines["net.safetensors"],
    )
    assert lines["words.json"].startswith("good   model/words.json: present, SHA-256 ")
    assert lines["extra.safetensors"] == (
        f"WRONG  model/extra.safetensors: {at / 'extra.safetensors'} is another file: it has 101 "
        "bytes, not 100. Get it with `spout-bridge models download oddity --models "
        f"{quoted(tmp_path)}`."
    )
    (at / "net.safetensors").write_bytes((at / "net.safetensors").read_bytes()[:-1])
    assert verified(monkeypatch, tmp_path, PLUG_IN) == 1
    line = told(capfd.readouterr().out)["net.safetensors"]
    assert line.startswith(f"WRONG  model/net.safetensors: {at / 'net.safetensors'} is damaged")
    assert line.endswith("download it again.")


def test_a_plug_in_of_our_network_has_its_keys_and_shapes_checked(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in (VAE, NET):
        (tmp_path / one.name).parent.mkdir(exist_ok=True)
    empty = TinyCodec(64).module.state_dict()
    torch.save({name: torch.zeros(t.shape) for name, t in empty.items()}, tmp_path / VAE.name)
    save_file({"a": torch.zeros(2)}, tmp_path / NET.name)
    assert verified(monkeypatch, tmp_path, WIDER) == 1  # by default it has the VAE wan
    lines = told(capfd.readouterr().out)
    assert "does not fit the VAE wan" in lines["taew2_1.pth"]
    assert "its header can be read" in lines["net.safetensors"], "a role of its own"
