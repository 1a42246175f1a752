"""The VAEs as streams: equal to the authors' code, each stream with its own past."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from torch.utils.flop_counter import FlopCounterMode

from engine.causal.vae import streams as module
from engine.causal.vae.streams import Stream, Vae, VaeKind, empty_vae, load_vae, random_vae
from engine.causal.vae.tiny import MemBlock
from engine.files.errors import CheckpointError
from tests.support.golden import DEVICES, TOLERANCE, Fixture

pytestmark = pytest.mark.slow

WRONG = 1000 * TOLERANCE  # the files' own tries of wrong rules differ by more than 2

ALL: tuple[VaeKind, ...] = get_args(VaeKind)
NETWORKS: tuple[VaeKind, ...] = ("wan", "tae", "lighttae")  # as narrow as here lightvae is wan
WAN = {"wan": "wan_vae_stream", "lightvae": "light_vae_stream"}
WIDTH = 8  # of the networks of the files, and of those with random weights here

GOLDEN = [
    Path(os.environ.get("SPOUT_BRIDGE_GOLDEN", "")),
    Path(__file__).parents[4] / "shared" / "golden",
]


def apart(found: Any, wanted: Any) -> float:
    """The largest difference; shapes must agree."""
    assert found.shape == wanted.shape
    return (found - wanted).abs().max().item()


def whole(chunks: Iterator[Any]) -> Any:
    return torch.cat(list(chunks), 2)


def pictures(frames: int, seed: int = 0, side: int = 16) -> Any:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, frames, side, side, generator=generator) * 2 - 1


def latents(frames: int, seed: int = 0, side: int = 2) -> Any:
    return torch.randn(1, 16, frames, side, side, generator=torch.Generator().manual_seed(seed))


def tiny(kind: VaeKind, dtype: Any = torch.float32) -> Vae:
    return random_vae(kind, dtype, "cpu", width=WIDTH)


def forget(stream: Stream) -> None:
    """As if nothing had come before, but for the stream's place: every past frame is zero."""
    zeros = [torch.zeros_like(held) if torch.is_tensor(held) else held for held in stream._past]
    stream._past[:] = zeros


class WanFile:
    """One of the two small files, its network loaded, and its runs."""

    def __init__(self, kind: VaeKind, device: str = "cpu") -> None:
        self.fixture = Fixture(WAN[kind], device)
        self.vae = load_vae(kind, self.fixture.weights(), torch.float32, device, width=WIDTH)

    def encoded(self, vae: Vae, what: str, between: Callable[[Stream], None] | None = None) -> Any:
        """Per chunk the difference of `what`: raw or normalised."""
        encoder = vae.encoder(normalised=what == "normalised")
        for chunk in range(4):
            found = encoder(self.fixture[f"in.enc.{chunk}"])
            yield apart(found, self.fixture[f"out.enc.{chunk}.{what}"])
            if between:
                between(encoder)

    def decoded(self, vae: Vae, between: Callable[[Stream], None] | None = None) -> Any:
        decoder = vae.decoder()
        for chunk in range(3):
            found = whole(decoder(self.fixture[f"in.dec.{chunk}"]))
            yield apart(found, self.fixture[f"out.dec.{chunk}.pixels"])
            if between:
                between(decoder)


@pytest.fixture(scope="module", params=WAN)
def wan(request: pytest.FixtureRequest) -> WanFile:
    return WanFile(request.param)


class TaeFile:
    """The big file with the whole network; its tensors are (1, frames, channels, height, width)."""

    def __init__(self, path: Path) -> None:
        self.fixture = Fixture(str(path))
        self.vae = load_vae("tae", self.fixture.weights(), torch.float32, "cpu")

    def pixels(self, chunk: int) -> Any:
        return self.fixture[f"in.enc.{chunk}"].float().transpose(1, 2) * 2 - 1

    def decoded(self, between: Callable[[Stream], None] | None = None) -> Any:
        """Per chunk the difference, in the file's 0..1."""
        decoder = self.vae.decoder()
        for chunk in range(2):
            found = whole(decoder(self.fixture[f"in.dec.{chunk}"].transpose(1, 2)))
            yield apart(found.transpose(1, 2) / 2 + 0.5, self.fixture[f"out.dec.{chunk}"])
            if between:
                between(decoder)

    def encoded(self, between: Callable[[Stream], None] | None = None) -> Any:
        encoder = self.vae.encoder()
        for chunk in range(2):
            found = encoder(self.pixels(chunk)).transpose(1, 2)
            yield apart(found, self.fixture[f"out.enc.front3.{chunk}"])
            if between:
                between(encoder)

    def plain(self) -> Any:
        """All latents where the first frame is not repeated, but the last one is."""
        return torch.cat([self.fixture[f"out.enc.plain.{i}"] for i in (0, 1, "flush")], 1)


@pytest.fixture(scope="module")
def tae() -> TaeFile:
    places = [folder / "tae_stream.safetensors" for folder in GOLDEN if folder != Path()]
    for place in places:
        if place.is_file():
            return TaeFile(place.resolve().with_suffix(""))
    looked = ", no ".join(str(place) for place in places)
    pytest.skip(
        f"the tiny VAE is NOT compared with its authors' values: there is no {looked}; "
        "SPOUT_BRIDGE_GOLDEN may name the folder"
    )


@DEVICES
@pytest.mark.parametrize("kind", WAN)
def test_each_chunk_of_wan_equals_the_authors(kind: VaeKind, device: str) -> None:
    wan = WanFile(kind, device)
    with torch.backends.cudnn.flags(allow_tf32=False):  # by default convolutions round to 10 bits
        differences = [
            *wan.encoded(wan.vae, "raw"),
            *wan.encoded(wan.vae, "normalised"),
            *wan.decoded(wan.vae),
        ]
    assert max(differences) < TOLERANCE


def test_wan_in_one_call_equals_the_authors_chunks(wan: WanFile) -> None:
    file = wan.fixture
    pixels = torch.cat([file[f"in.enc.{i}"] for i in range(4)], 2)
    assert apart(wan.vae.encoder()(pixels), file["out.enc.one_shot"]) < TOLERANCE
    assert apart(wan.vae.encoder(False)(pixels), file["out.enc.one_shot_raw"]) < TOLERANCE
    found = whole(wan.vae.decoder()(torch.cat([file[f"in.dec.{i}"] for i in range(3)], 2)))
    wanted = torch.cat([file[f"out.dec.{i}.pixels"] for i in range(3)], 2)
    assert apart(found, wanted) < TOLERANCE


@pytest.mark.slow
def test_wan_that_forgets_between_chunks_is_noticed(wan: WanFile) -> None:
    assert max(wan.encoded(wan.vae, "normalised", forget)) > WRONG
    assert max(wan.decoded(wan.vae, forget)) > WRONG


@pytest.mark.slow
def test_wan_without_mean_and_deviation_is_noticed(wan: WanFile) -> None:
    bare = Vae(wan.vae.codec, normalised=True)
    assert min(wan.encoded(bare, "normalised")) > WRONG
    assert min(wan.decoded(bare)) > WRONG


def test_each_chunk_of_tae_equals_the_authors(tae: TaeFile) -> None:
    assert max(tae.encoded()) < TOLERANCE
    assert max(tae.decoded()) < TOLERANCE / 10  # its pictures have little contrast


def test_tae_in_one_call_equals_the_authors_chunks(tae: TaeFile) -> None:
    file = tae.fixture
    found = tae.vae.encoder()(torch.cat([tae.pixels(0), tae.pixels(1)], 2))
    wanted = torch.cat([file[f"out.enc.front3.{i}"] for i in range(2)], 1)
    assert apart(found.transpose(1, 2), wanted) < TOLERANCE
    hidden = torch.cat([file[f"in.dec.{i}"] for i in range(2)], 1).transpose(1, 2)
    found = whole(tae.vae.decoder()(hidden))
    wanted = torch.cat([file[f"out.dec.{i}"] for i in range(2)], 1)
    assert apart(found.transpose(1, 2) / 2 + 0.5, wanted) < TOLERANCE / 10


def test_tae_network_alone_equals_the_authors_own_grouping(tae: TaeFile) -> None:
    frames = torch.cat([tae.fixture[f"in.enc.{i}"][0] for i in range(2)]).float()
    padded = torch.cat([frames, frames[-1:].expand(3, -1, -1, -1)])
    past = [None] * tae.vae.codec.encoder_slots
    found = tae.vae.codec.encode_frames(padded, past)[None]
    assert apart(found, tae.plain()) < TOLERANCE
    # that grouping is not Wan's: a stream that kept to it would be noticed
    streamed = tae.vae.encoder()(frames.transpose(0, 1)[None] * 2 - 1)
    assert apart(streamed.transpose(1, 2), tae.plain()) > WRONG


@pytest.mark.slow
def test_tae_that_forgets_between_chunks_is_noticed(tae: TaeFile) -> None:
    assert max(tae.encoded(forget)) > WRONG
    assert max(tae.decoded(forget)) > 10 * TOLERANCE


@pytest.mark.slow
def test_tae_without_the_frame_before_is_noticed(
    tae: TaeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(self: MemBlock, frames: Any, last: Any) -> tuple[Any, Any]:
        alone = torch.cat((frames, torch.zeros_like(frames)), 1)
        return (self.conv(alone) + frames).relu(), frames[-1:]

    monkeypatch.setattr(MemBlock, "forward", forward)
    assert min(tae.encoded()) > WRONG
    assert max(tae.decoded()) > 10 * TOLERANCE


@pytest.mark.parametrize("kind", NETWORKS)
def test_streams_side_by_side_do_not_disturb_each_other(kind: VaeKind) -> None:
    """Chunks of two, by turns, are what each gives alone, whatever the chunks."""
    vae = tiny(kind)
    videos, hidden = [pictures(13, seed) for seed in (1, 2)], [latents(6, seed) for seed in (1, 2)]
    alone = [vae.encoder()(video) for video in videos]
    seen = [whole(vae.decoder()(z)) for z in hidden]
    encoders, decoders = [vae.encoder() for _ in videos], [vae.decoder() for _ in hidden]
    chunks = [
        [encoder(piece) for encoder, piece in zip(encoders, pieces, strict=True)]
        for pieces in zip(*(video.split((5, 4, 4), 2) for video in videos), strict=True)
    ]
    shown = [
        [whole(decoder(piece)) for decoder, piece in zip(decoders, pieces, strict=True)]
        for pieces in zip(*(z.split((1, 2, 3), 2) for z in hidden), strict=True)
    ]
    for stream in range(2):
        assert apart(torch.cat([chunk[stream] for chunk in chunks], 2), alone[stream]) == 0
        assert apart(torch.cat([chunk[stream] for chunk in shown], 2), seen[stream]) == 0
    assert apart(*alone) > WRONG
    assert apart(*seen) > WRONG


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_stream_that_is_reset_begins_anew(kind: VaeKind) -> None:
    vae = tiny(kind)
    encoder, decoder = vae.encoder(), vae.decoder()
    first = encoder(pictures(5)), whole(decoder(latents(2)))
    left = decoder(latents(3, seed=1))
    next(left)
    encoder.reset()
    decoder.reset()
    again = encoder(pictures(5)), next(decoded := decoder(latents(2)))
    next(left)  # what was not taken before the reset belongs to the old stream
    assert apart(again[0], first[0]) == 0
    assert apart(torch.cat((again[1], *decoded), 2), first[1]) == 0


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_still_picture_is_the_first_of_a_stream(kind: VaeKind) -> None:
    vae = tiny(kind)
    video = pictures(5)
    encoder = vae.encoder()
    assert apart(encoder(video)[:, :, :1], vae.still(video[:, :, :1])) == 0
    assert apart(vae.encoder(False)(video)[:, :, :1], vae.still(video[:, :, :1], False)) == 0


@pytest.mark.parametrize("kind", NETWORKS)
def test_raw_and_normalised_differ_by_the_same_constants(kind: VaeKind) -> None:
    vae = tiny(kind)
    raw, normalised = vae.encoder(normalised=False)(pictures(5)), vae.encoder()(pictures(5))
    assert apart(normalised * vae.deviation + vae.mean, raw) < TOLERANCE


def test_lighttae_is_tae_on_latents_that_are_not_normalised() -> None:
    plain, light = tiny("tae"), tiny("lighttae")
    assert apart(light.encoder(False)(pictures(5)), plain.encoder()(pictures(5))) == 0
    raw = latents(2) * plain.deviation + plain.mean
    assert apart(whole(light.decoder()(latents(2))), whole(plain.decoder()(raw))) == 0


@pytest.mark.parametrize("kind", NETWORKS)
def test_pictures_are_counted_for_the_next_call(kind: VaeKind) -> None:
    encoder = tiny(kind).encoder()
    assert [encoder.pictures(n) for n in (1, 2, 4)] == [1, 5, 13]
    assert encoder(pictures(encoder.pictures(2))).shape == (1, 16, 2, 2, 2)
    assert [encoder.pictures(n) for n in (1, 2, 3)] == [4, 8, 12]
    assert encoder(pictures(encoder.pictures(3))).shape == (1, 16, 3, 2, 2)
    encoder.reset()
    assert encoder.pictures(4) == 13


@pytest.mark.parametrize("kind", NETWORKS)
def test_each_latent_is_handed_over_before_the_next_is_decoded(
    kind: VaeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    vae = tiny(kind)
    decode, decoded = vae.codec.decode, []
    monkeypatch.setattr(vae.codec, "decode", lambda z, past: decoded.append(z) or decode(z, past))
    chunks = vae.decoder()(latents(3))
    assert not decoded
    sizes = [(tuple(chunk.shape), len(decoded)) for chunk in chunks]
    assert sizes == [((1, 3, 1, 16, 16), 1), ((1, 3, 4, 16, 16), 2), ((1, 3, 4, 16, 16), 3)]


@pytest.mark.parametrize("kind", NETWORKS)
def test_what_does_not_fit_a_stream_is_refused_and_leaves_it_as_it_was(kind: VaeKind) -> None:
    vae = tiny(kind)
    encoder, decoder = vae.encoder(), vae.decoder()
    for frames in (2, 3, 4, 8, 12):
        with pytest.raises(ValueError, match=rf"1, 5, 9 and so on in its first call.* {frames} "):
            encoder(pictures(frames))
    first = encoder(pictures(1))
    for frames in (1, 2, 3, 5, 13):
        with pytest.raises(ValueError, match=rf"multiple of 4 in each later call.* {frames} "):
            encoder(pictures(frames))
    with pytest.raises(ValueError, match=r"both sides multiples of 8, not .*, 4, 20, 20"):
        encoder(pictures(4, side=20))
    with pytest.raises(ValueError, match=r"\(16, 16\) cannot continue with \(24, 24\); reset"):
        encoder(pictures(4, side=24))
    for wrong in (pictures(4)[0], pictures(4)[:, :2], pictures(4).repeat(2, 1, 1, 1, 1)):
        with pytest.raises(ValueError, match=r"A stream takes \(1, 3, frames"):
            encoder(wrong)
    rest = encoder(pictures(4))
    for wrong in (latents(0), latents(1)[:, :8], latents(1)[0]):
        with pytest.raises(ValueError, match=r"A stream takes \(1, 16, frames"):
            decoder(wrong)
    twin = vae.encoder()
    assert (
        apart(torch.cat((first, rest), 2), torch.cat([twin(pictures(n)) for n in (1, 4)], 2)) == 0
    )


@pytest.mark.parametrize(
    "dtype", [torch.bfloat16, pytest.param(torch.float16, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("kind", NETWORKS)
def test_half_precision_is_near_and_hands_over_float32(kind: VaeKind, dtype: Any) -> None:
    half, full = tiny(kind, dtype), tiny(kind)
    state = {k: t.float() for k, t in half.codec.module.state_dict().items()}
    full.codec.module.load_state_dict(state, assign=True)
    for run in (
        lambda vae: vae.encoder()(pictures(9)),
        lambda vae: whole(vae.decoder()(latents(3))),
    ):
        found, wanted = run(half), run(full)
        assert found.dtype == torch.float32
        assert (found - wanted).norm() < 0.03 * wanted.norm()


def test_random_weights_are_those_of_the_seed() -> None:
    one, same, other = (random_vae("tae", torch.float32, "cpu", s, width=8) for s in (1, 1, 2))
    assert apart(one.still(pictures(1)), same.still(pictures(1))) == 0
    assert apart(one.still(pictures(1)), other.still(pictures(1))) > WRONG


WEIGHT = {
    "wan": ("decoder.head.2.weight", "decoder.conv_out.weight"),
    "tae": ("decoder.22.weight", "decoder.22.weight"),
}


def checkpoint(kind: VaeKind) -> dict[str, Any]:
    """The tensors of a file under the authors' names, and where they load."""
    if kind == "wan":
        return Fixture(WAN["wan"]).weights()
    return dict(tiny(kind).codec.module.state_dict())


@pytest.mark.parametrize("kind", ["wan", "tae"])
def test_a_file_that_is_not_of_the_network_is_refused_by_name(kind: VaeKind) -> None:
    theirs, ours = WEIGHT[kind]

    def refused(tensors: dict[str, Any], *told: str) -> None:
        with pytest.raises(CheckpointError) as error:
            load_vae(kind, tensors, torch.float32, "cpu", width=WIDTH, source="some.pth")
        message = str(error.value)
        assert message.startswith("some.pth ")
        assert not [part for part in told if part not in message], message

    good = checkpoint(kind)
    refused({k: t for k, t in good.items() if k != theirs}, f"1 missing ({ours})")
    refused(good | {"decoder.99.weight": good[theirs]}, "1 unexpected (decoder.99.weight)")
    refused(good | {theirs: good[theirs][:1]}, f"1 wrongly shaped ({ours}: (1, 8, 3")
    refused({}, "does not fit", "missing", kind)
    if kind == "wan":
        refused(good | {ours: good[theirs]}, "twice")


def test_a_file_of_another_width_is_refused() -> None:
    tensors = checkpoint("wan")
    with pytest.raises(CheckpointError, match=r"lightvae.*wrongly shaped"):
        load_vae("lightvae", tensors, torch.float32, "cpu")


def test_wan_loads_from_diffusers_names_too() -> None:
    vae = load_vae("wan", checkpoint("wan"), torch.float32, "cpu", width=WIDTH)
    named = vae.codec.module.state_dict()
    again = load_vae("wan", named, torch.float32, "cpu", width=WIDTH)
    assert apart(again.still(pictures(1)), vae.still(pictures(1))) == 0


def test_of_a_file_that_grows_more_frames_the_last_are_taken() -> None:
    vae = tiny("tae")
    good = dict(vae.codec.module.state_dict())
    more = dict(good)
    for index in (7, 13, 19):
        key = f"decoder.{index}.conv.weight"
        more[key] = torch.cat((torch.randn_like(good[key]), good[key]))
    loaded = load_vae("tae", more, torch.float32, "cpu", width=WIDTH)
    wanted = whole(vae.decoder()(latents(2)))
    assert apart(whole(loaded.decoder()(latents(2))), wanted) == 0


# million parameters; 1e6 FLOP per pixel to decode and to encode; slots of encoder and decoder
FULL = {
    "wan": (126.9, 8.47, 5.03, 26, 33),
    "lightvae": (8.0, 0.538, 0.32, 26, 33),
    "tae": (11.3, 0.3406, 0.1514, 9, 9),
    "lighttae": (11.3, 0.3406, 0.1514, 9, 9),
}


def flops(run: Callable[[], Any], pixels: int) -> float:
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops() / pixels / 1e6


@pytest.mark.parametrize("kind", ALL)
def test_the_whole_network_is_as_large_and_as_much_work_as_published(kind: VaeKind) -> None:
    millions, decode, encode, encoder_slots, decoder_slots = FULL[kind]
    vae = empty_vae(kind)
    count = sum(weight.numel() for weight in vae.codec.module.parameters()) / 1e6
    assert count == pytest.approx(millions, abs=0.05)
    slots = vae.codec.encoder_slots, vae.codec.decoder_slots
    assert slots == (encoder_slots, decoder_slots)
    height, width = 480, 832
    first, later = (torch.empty(1, 3, n, height, width, device="meta") for n in (1, 4))
    hidden = torch.empty(1, 16, 1, height // 8, width // 8, device="meta")
    encoder, decoder = vae.encoder(), vae.decoder()
    encoder(first), encoder(later), list(decoder(hidden)), list(decoder(hidden))
    pixels = 4 * height * width
    assert flops(lambda: encoder(later), pixels) == pytest.approx(encode, rel=0.03)
    assert flops(lambda: list(decoder(hidden)), pixels) == pytest.approx(decode, rel=0.03)


def test_every_kind_has_a_row() -> None:
    assert tuple(module.KINDS) == ALL
