"""The causal pipelines as data: one network, four ways to remember. Free of torch.

All four run the Wan2.1 text-to-video transformer block by block and keep the keys and values of
earlier frames. What differs (how many frames, where they are placed, which stay, how they are
refreshed, which noise levels are used) is a field here. How long a block is: `CausalSpec.frames`.

Frames are latent frames: 4 images each, the first of a stream 1.
"""

from dataclasses import dataclass
from typing import Literal

TOKEN_SIDE = 16  # pixels per token side: the VAE reduces by 8, a patch by 2


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSize:
    """The sizes of one Wan2.1 transformer, as its authors' config.json has them.

    `vace_layers` are the base layers after which a VACE module's hints are added.
    `exact` are the linear layers, including submodules, never computed in 8 bits: patches, the
    embeddings of text and time, and the head. Norms and modulations are not linear layers.
    """

    name: str
    layers: int
    dim: int
    ffn: int
    heads: int
    channels: int = 16
    text_dim: int = 4096
    text_tokens: int = 512
    frequencies: int = 256
    vace_layers: tuple[int, ...] = ()
    exact: tuple[str, ...] = (
        "patch_embedding", "condition_embedder", "proj_out", "vace_patch_embedding"
    )  # fmt: skip

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.dim // self.heads


WAN_1_3B = NetworkSize(
    name="1.3B", layers=30, dim=1536, ffn=8960, heads=12, vace_layers=tuple(range(0, 30, 2))
)
WAN_14B = NetworkSize(
    name="14B", layers=40, dim=5120, ffn=13824, heads=40, vace_layers=tuple(range(0, 40, 5))
)
DEMO = NetworkSize(
    name="demo", layers=2, dim=96, ffn=192, heads=3, text_dim=64, text_tokens=32, frequencies=32,
    vace_layers=(0,),
)  # fmt: skip
DEMO_VAE_WIDTH = {"wan": 8, "lightvae": 8, "tae": 16, "lighttae": 16}


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSize:
    """The sizes of one UMT5 encoder.

    `inner` is the total width of all attention heads. Distances between tokens fall into
    `buckets`; from `farthest` tokens on they share the last one. A prompt has at most `tokens`
    tokens, including its end.
    """

    name: str
    vocabulary: int
    width: int
    inner: int
    ffn: int
    heads: int
    layers: int
    buckets: int = 32
    farthest: int = 128
    tokens: int = 512


UMT5_XXL = TextSize(
    name="UMT5-XXL", vocabulary=256_384, width=4096, inner=4096, ffn=10_240, heads=64, layers=24
)


@dataclass(frozen=True, slots=True)
class StepList:
    """The noise levels of one block, from 1000 (noise) to 0 (clean).

    If warped, an integer n means index 1000 - n in the sigma table; otherwise the timestep
    itself.
    """

    steps: tuple[float, ...]
    warped: bool


DISTILLED = (1000, 750, 500, 250)


@dataclass(frozen=True, slots=True, kw_only=True)
class CausalSpec:
    """One causal pipeline.

    block           frames generated at a time
    first_block     frames of the very first block in text mode
    window          frames visible to a query, including the sink and its own block
    sink            first frames of a stream that never leave the window
    sink_decay      share of the sink kept when as many frames leave the window; the rest comes
                    from them. 1 leaves the sink unchanged
    rotate          when keys get their position: `write`, once, by frame number; `read`, on every
                    read, by their slot
    refresh         how clean keys get into the window: `clean`, another pass over the finished
                    block at t=0; `recompute`, the window is emptied before each block and refilled
                    by a pass over `context` finished frames; `none`, keys stay as noisy as they
                    were generated
    context         finished frames in a recompute pass
    on_prompt       what a new prompt does besides dropping the text's keys: `recache` runs the
                    window's finished frames through the network again; `nothing`
    batch_steps     every step is a row of one batch, each one block behind the previous
    last_position   frame at which positions end; 0 if they never do
    at_last         what happens there: `recache` restarts at 0 with the window's finished frames,
                    `jump` returns to the window's end and keeps all keys
    shift           of the flow matching schedule
    steps           noise levels by name: `authors` is the default
    normalised      whether input latents are normalised by the VAE's mean and deviation
    text_size       default width and height in text mode
    """

    id: str
    network: NetworkSize
    block: int = 3
    first_block: int = 3
    window: int
    sink: int
    sink_decay: float = 1.0
    rotate: Literal["write", "read"] = "write"
    refresh: Literal["clean", "recompute", "none"] = "clean"
    context: int = 0
    on_prompt: Literal["recache", "nothing"] = "nothing"
    batch_steps: bool = False
    last_position: int = 0
    at_last: Literal["recache", "jump"] = "recache"
    shift: float = 5.0
    steps: dict[str, StepList]
    normalised: bool = True
    text_size: tuple[int, int] = (512, 512)

    def frames(self, *, begins: bool, video: bool = False) -> int:
        """Latent frames of a block; `begins` for the first of a stream, `video` for one that starts
        from images of the input.
        """
        if not begins:
            return self.block
        return self.block + 1 if video else self.first_block

    @property
    def most_frames(self) -> int:
        """The same, of the longest block."""
        return max(self.frames(begins=True), self.frames(begins=True, video=True))

    @property
    def rows(self) -> int:
        """Batch rows for the authors' steps."""
        return len(self.steps["authors"].steps) if self.batch_steps else 1


LONGLIVE = CausalSpec(
    id="longlive",
    network=WAN_1_3B,
    window=12,
    sink=3,
    on_prompt="recache",
    last_position=1021,
    text_size=(320, 576),
    steps={
        "authors": StepList(DISTILLED, warped=True),
        "scope": StepList(DISTILLED, warped=False),
        "scope-video": StepList((1000, 750), warped=False),
    },
)  # Yang et al. 2025, "LongLive: Real-time Interactive Long Video Generation", v1.0

STREAMDIFFUSIONV2 = CausalSpec(
    id="streamdiffusionv2",
    network=WAN_1_3B,
    block=1,
    first_block=2,
    window=6,
    sink=3,
    refresh="none",
    batch_steps=True,
    last_position=50,
    at_last="jump",
    shift=8.0,
    steps={"authors": StepList((700, 500), warped=False)},
    normalised=False,
)  # Feng et al. 2025, "StreamDiffusionV2", arXiv 2511.07399

REWARD_FORCING = CausalSpec(
    id="reward-forcing",
    network=WAN_1_3B,
    window=9,
    sink=3,
    sink_decay=0.999,
    rotate="read",
    steps=LONGLIVE.steps,
)  # Lu et al. 2025, "Reward Forcing", arXiv 2512.04678

KREA = CausalSpec(
    id="krea-realtime-video",
    network=WAN_14B,
    window=6,
    sink=0,
    refresh="recompute",
    context=3,
    steps={
        "authors": StepList((1000, 750, 500, 250, 0), warped=True),
        "scope": StepList(DISTILLED, warped=False),
        "scope-video": StepList((1000, 750), warped=False),
    },
)  # Krea 2025, "Krea Realtime 14B"

SPECS = {spec.id: spec for spec in (LONGLIVE, STREAMDIFFUSIONV2, REWARD_FORCING, KREA)}
