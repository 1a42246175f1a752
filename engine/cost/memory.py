"""The GPU memory of a causal pipeline, computed from its row. Free of torch.

`need` gives bytes by part: weights, a stream's memory, a pass's working memory. They match the
tensors that the code creates; a test compares them. The only assumptions are CUDA's own memory, and
that convolution kernels need no workspace.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from engine.catalog.controls import CausalLoad
from engine.catalog.specs import UMT5_XXL, CausalSpec, NetworkSize, TextSize
from engine.cost.roofline import PATCH, PICTURES, floor_size, frame_tokens, parameters
from engine.cost.vae_layers import COLOURS, LATENTS, VAES, VaeSize

CONTEXT = 96  # input channels of VACE
REFERENCES = 3  # at most; images that precede a block in VACE
CONTEXT_BYTES = 500_000_000  # of CUDA's context and kernels
SPARE = 200_000_000  # cuBLAS workspace, and allocator fragmentation
FULL, SMALL = 4, 1  # bytes of float32, of float8


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where a pipeline runs: bytes per value (2 on a GPU, 4 on a CPU), whether on a GPU, bytes of
    live LoRAs, and the sizes of its parts if not the released ones.
    """

    value: int = 2
    gpu: bool = True
    loras: int = 0
    text: TextSize = UMT5_XXL
    vae_width: int | None = None


GPU = Setting()


def need(
    spec: CausalSpec, load: CausalLoad, width: int, height: int, setting: Setting = GPU
) -> dict[str, int]:
    """Maximum bytes by part, for a steady-state stream of `width` by `height` pixels.

    With quantization=fp8 the network counts at its loaded size: which layers stay in 8 bits is
    only measured then.
    """
    value, size = setting.value, spec.network
    pixels, tokens = _area(width, height), frame_tokens(width, height)
    vae = VAES[load.vae]
    vae_width = setting.vae_width or vae.width
    encoder, decoder = vae.past(pixels, vae_width)
    encoders = 3 if load.vace_load else 1  # unchanged, changed, and plain grey
    conv = max(vae.encode, vae.decode) * vae_width * pixels * value
    parts = {
        "network": parameters(size) * value,
        "VACE": vace_parameters(size) * value if load.vace_load else 0,
        "LoRAs": setting.loras,
        "text encoder": text_bytes(load, setting),
        "VAE": vae.weights(vae_width) * value,
        "window": sum(window_bytes(spec, tokens, value).values()),
        "VACE context": vace_context_bytes(spec, tokens, value) if load.vace_load else 0,
        "VAE past": (encoders * encoder + decoder) * value,
        "pictures": picture_bytes(spec, pixels),
        "working": int(max(pass_bytes(spec, load, tokens, value), conv)),
    }
    if setting.gpu:
        # a graph's memory is not shared
        graphs = 0 if load.passes == "plain" else pass_bytes(spec, load, tokens, value)
        parts |= {"graphs": graphs + SPARE, "CUDA": CONTEXT_BYTES}
    return {name: size for name, size in parts.items() if size}


def vae_graph_bytes(vae: VaeSize, pixels: int, value: int, width: int | None = None) -> int:
    """What the VAE's graphs hold for themselves: working memory, which both directions share and
    which ends with the step's new state, the state of one stream of each, and the images and
    latents that go in and come out. Not a part of `need`: without it the VAE runs plainly.
    """
    width = width or vae.width
    past = vae.past(pixels, width)
    ways = zip((vae.encode, vae.decode), past, strict=True)
    working = max(int(each * width * pixels) + kept for each, kept in ways)
    latents = 2 * LATENTS * pixels // 8**2
    images = 2 * PICTURES * COLOURS * pixels
    return (working + sum(past)) * value + (images + latents) * FULL


def total(parts: Mapping[str, int], kept: Collection[str] = ()) -> int:
    """Bytes of all parts except those `kept`."""
    return sum(size for name, size in parts.items() if name not in kept)


def vace_parameters(size: NetworkSize) -> int:
    """Numbers in a VACE module's checkpoint."""
    dim, ffn = size.dim, size.ffn
    layer = 8 * dim**2 + 2 * dim * ffn + 21 * dim + ffn  # as in the network
    project = dim**2 + dim
    patches = CONTEXT * PATCH * dim + dim
    count = len(size.vace_layers)
    return count * (layer + project) + (project + patches if count else 0)


def text_parameters(size: TextSize) -> tuple[int, int, int]:
    """Parameters of one attention, of one feed-forward and of all layers of a text encoder, without
    the token table, which stays on the CPU.
    """
    attention = 4 * size.width * size.inner + size.buckets * size.heads + size.width
    feed = 3 * size.width * size.ffn + size.width
    return attention, feed, size.layers * (attention + feed) + size.width


def text_bytes(load: CausalLoad, setting: Setting) -> int:
    """The text encoder on the device, with the layer currently loaded."""
    _, feed, layers = text_parameters(setting.text)
    if load.text_encoder == "fp8":
        return layers * SMALL + feed * setting.value
    if load.text_encoder == "offloaded" and setting.gpu:
        return feed * setting.value
    return layers * setting.value


def window_bytes(spec: CausalSpec, tokens: int, value: int) -> dict[str, int]:
    """One stream's memory of frames and text: `KVCache`, `TextCache`, and its latents."""
    size, places = spec.network, spec.rows * spec.window * tokens
    token = 2 * size.layers * size.dim * value
    angles = 2 if spec.rotate == "write" else 4
    apart = spec.sink_decay < 1 and value < FULL  # in 32 bits the average is in the cache itself
    averaged = spec.sink * tokens * 2 * size.layers * size.dim if apart else 0
    latents = (spec.window + 1 + spec.rows) * size.channels * tokens * PATCH
    side = 2 * (size.head_dim // 6)  # of a head's width, for vertical and horizontal position
    rotation = tokens * side + size.head_dim // 2 - side
    return {
        "keys and values": places * token,
        "averaged sink": averaged * FULL,
        "angles and bias": places * (angles * size.head_dim + 1) * FULL + rotation * 8,
        "text": spec.rows * size.text_tokens * token,
        "latents": latents * FULL,
        "slots and timesteps": spec.rows * spec.window * (8 + FULL),
    }


def vace_context_bytes(spec: CausalSpec, tokens: int, value: int) -> int:
    """VACE's inputs in one stream, and its keys and values of the text: `Hints`."""
    size = spec.network
    frames = REFERENCES + spec.most_frames
    embedded = spec.rows * frames * tokens * size.dim
    text = 2 * len(size.vace_layers) * spec.rows * size.text_tokens * size.dim
    angles = 2 * frames * tokens * size.head_dim * FULL
    return (embedded + text) * value + angles


def picture_bytes(spec: CausalSpec, pixels: int) -> int:
    """A block's images: input, output, and earlier ones that a row reuses."""
    block = PICTURES * spec.block + 1
    back = 9 if spec.refresh == "recompute" else 0
    decoded = 3 * PICTURES * 4  # of one latent: decoded, scaled, with alpha, each in float32
    return (3 * (block + back) + decoded) * pixels * FULL


def pass_bytes(spec: CausalSpec, load: CausalLoad, tokens: int, value: int) -> int:
    """Peak working memory of a pass with separate kernels; compiled ones need less."""
    dim, hinted = spec.network.dim * value, load.vace_load
    kinds = [_layer_bytes(spec, new, seen, value) for new, seen in _passes(spec, 0, tokens)]
    for new, _ in _passes(spec, REFERENCES, tokens) if hinted else ():
        own = new - spec.rows * REFERENCES * tokens  # of the network itself, at the same time
        kinds.append(_layer_bytes(spec, new, 0, value) + (new + max(0, own)) * dim)
    return max(kinds)


def _passes(spec: CausalSpec, references: int, tokens: int) -> Iterator[tuple[int, int]]:
    """New and visible tokens for each kind of pass in a row: a block, the first block and, never
    with references, a whole window again.
    """
    first = spec.most_frames
    yield spec.rows * (references + spec.block) * tokens, spec.rows * spec.window * tokens
    yield (references + first) * tokens, first * tokens
    again = spec.on_prompt == "recache" or (spec.last_position and spec.at_last == "recache")
    if again and not references:
        yield spec.window * tokens, spec.window * tokens


def _layer_bytes(spec: CausalSpec, new: int, seen: int, value: int) -> int:
    """A layer's peak: in the feed-forward, or while queries and keys are rotated in 32 bits. `new`
    tokens pass through, `seen` are in the window.
    """
    size = spec.network
    wide = (4 * size.dim + 2 * size.ffn) * value
    turned = (7 * value + 2 * FULL) * size.dim
    read = (4 * value * new + (value + 2 * FULL) * seen) * size.dim
    return max(new * wide, new * turned, read if spec.rotate == "read" else 0)


def _area(width: int, height: int) -> int:
    width, height = floor_size(width, height)
    return width * height
