"""Load and live parameters of every pipeline: the only place where a parameter is declared.

Free of torch and onnxruntime. The same thing has the same name in every pipeline, so that a fader
keeps working when the pipeline changes.
"""

from functools import partial
from typing import Literal

from engine.parameters import DRAW, EXACT, Load, Parameters, Size, Steps, Suggestion, control

# Part of a look: reverts if it yields no usable block
look = partial(control, reverts=True)

SIZES = (
    Suggestion("auto", "from the input's shape, or the pipeline's own size"),
    Suggestion("512x288", "16:9, fastest"),
    Suggestion("640x360", "16:9, recommended"),
    Suggestion("768x432", "16:9, finer and slower"),
    Suggestion("1280x720", "16:9, rarely fast enough for live use"),
    Suggestion("512x512", "square"),
    Suggestion("320x576", "9:16, portrait"),
)
ATTENTION = {"flex": "triton", "flash3": "flash_attn_interface", "sage": "sageattention"}
STEPS = (
    Suggestion("authors", "as the model's authors run it"),
    Suggestion("scope", "Scope's levels, where they differ"),
    Suggestion("scope-video", "Scope's levels for video input"),
)


class PassthroughLoad(Load):
    """No load parameters."""


class PassthroughParameters(Parameters):
    """No live parameters."""


def size_control() -> Size:
    """The size: a load parameter of some pipelines, a live parameter of others."""
    return control(
        "auto",
        "Size the engine works at: auto, or WIDTHxHEIGHT in pixels, rounded down to a size it "
        "supports, with a minimum.",
        page="Engine",
        shapes=True,
        in_looks=False,
        suggestions=SIZES,
    )


class SizedLoad(Load):
    """Load parameters of a pipeline with a fixed size."""

    size: Size = size_control()


class ConditionedParameters(Parameters):
    """Live parameters shared by every pipeline with prompts and references."""

    prompt: str = look("", "The look, in words.", osc="prompt")
    reference: str = look(
        "",
        "Reference image: an asset's id, or its name in the assets folder.",
        osc="ref",
        asset=True,
        shapes=True,
    )
    vace_scale: float = control(
        1.0,
        "Strength of the reference: 0 none, 1 normal, above 1 exaggerated.",
        minimum=0,
        maximum=2,
        osc="vace",
    )
    fade: float = control(
        1.0,
        "Crossfade time to a new prompt or reference.",
        minimum=0,
        maximum=60,
        unit="s",
        in_looks=False,
    )
    prompt_weight: float = look(
        1.0, "Weight of the first prompt.", minimum=0, maximum=2, osc="prompt/1/weight"
    )
    prompt_2: str = look("", "Second prompt, blended by weight.", osc="prompt/2")
    prompt_2_weight: float = look(
        1.0, "Weight of the second prompt.", minimum=0, maximum=2, osc="prompt/2/weight"
    )
    prompt_3: str = look("", "Third prompt, blended by weight.", osc="prompt/3")
    prompt_3_weight: float = look(
        1.0, "Weight of the third prompt.", minimum=0, maximum=2, osc="prompt/3/weight"
    )
    reference_weight: float = look(
        1.0, "Weight of the first reference.", minimum=0, maximum=2, osc="ref/1/weight"
    )
    reference_2: str = look(
        "", "Second reference image, blended by weight.", osc="ref/2", asset=True, shapes=True
    )
    reference_2_weight: float = look(
        1.0, "Weight of the second reference.", minimum=0, maximum=2, osc="ref/2/weight"
    )
    reference_3: str = look(
        "", "Third reference image, blended by weight.", osc="ref/3", asset=True, shapes=True
    )
    reference_3_weight: float = look(
        1.0, "Weight of the third reference.", minimum=0, maximum=2, osc="ref/3/weight"
    )


class StylizeLoad(SizedLoad):
    """Load parameters of `stylize`."""

    backend: Literal["auto", "onnx", "openvino", "torch"] = control(
        "auto", "Runtime of the network; auto picks the fastest one installed.", page="Engine",
        packages={"openvino": "openvino", "torch": "torch"}, in_looks=False,
    )  # fmt: skip


class StylizeParameters(ConditionedParameters):
    """Live parameters of `stylize`."""

    prompt: str = look(
        "starry night",
        "The look, in words: colours, patterns, styles; state.notes lists those recognized.",
    )

    anti_flicker: float = control(0.5, "Flicker damping: 0 off, 1 strongest.", minimum=0, maximum=1)


class CausalLoad(Load):
    """Load parameters of the causal pipelines."""

    weights: Literal["real", "demo"] = control(
        "real",
        "Weights of the network: the authors' files, or small random ones, only to test that "
        "everything runs.",
        page="Engine",
        in_looks=False,
    )
    vae: Literal["wan", "lightvae", "tae", "lighttae"] = control(
        "wan",
        "VAE between images and latents: wan looks best, tae is the lightest.",
        page="Engine",
        in_looks=False,
    )
    text_encoder: Literal["resident", "fp8", "offloaded"] = control(
        "resident",
        "Text encoder: kept on the GPU, kept there in 8 bits, or moved there for each prompt.",
        page="Engine",
        in_looks=False,
    )
    quantization: Literal["none", "fp8"] = control(
        "none",
        "Matrix products in 8 bits: faster on GPUs that support it, at a small loss of quality.",
        page="Engine",
        in_looks=False,
    )
    vace_load: bool = control(
        False, "Load the VACE module, for references and control video.", page="Engine"
    )
    lora_1: str = look(
        "",
        "First LoRA: its name as listed by GET /api/v1/loras.",
        page="Engine",
        lora=True,
        osc="lora/1/file",
    )
    lora_2: str = look("", "Second LoRA.", page="Engine", lora=True, osc="lora/2/file")
    lora_3: str = look("", "Third LoRA.", page="Engine", lora=True, osc="lora/3/file")
    lora_mode: Literal["live", "merged"] = look(
        "live", "live keeps LoRA strengths adjustable; merged bakes them into the weights.",
        page="Engine",
    )  # fmt: skip
    passes: Literal["auto", "plain", "graphs", "compiled"] = control(
        "auto", "How network passes run; auto picks the fastest available.", page="Engine",
        packages={"compiled": "triton"}, on_gpu=("graphs", "compiled"), in_looks=False,
    )  # fmt: skip
    attention: Literal["auto", "sdpa", "flex", "flash3", "sage"] = control(
        "auto", "Attention kernel; sage is approximate.", page="Engine", in_looks=False,
        packages=ATTENTION,
    )  # fmt: skip


class CausalParameters(ConditionedParameters):
    """Live parameters of the causal pipelines."""

    size: Size = size_control()
    prompt_method: Literal["linear", "slerp"] = look(
        "linear", "How prompts are blended: linearly, or spherically between two."
    )
    input_mode: Literal["auto", "video", "text"] = control(
        "auto",
        "What each block starts from: the input if there is one, or noise alone.",
        shapes=True,
    )
    noise_scale: float = control(
        0.7, "Share of noise in the input: 0 input only, 1 noise only.",
        minimum=0, maximum=1, osc="noise",
    )  # fmt: skip
    noise_controller: bool = control(True, "Reduce the noise when the input moves.")
    denoising_steps: Steps = look(
        "authors",
        "Noise levels of a block: the name of a list, or numbers from 1000 down: 1000,750,500.",
        page="Video",
        suggestions=STEPS,
        shapes=True,
    )
    manage_cache: bool = control(
        False, "Restart the stream when the steps or a LoRA's strength change.", page="Video"
    )
    seed: int = control(
        42,
        "Random seed of the initial noise; -1 draws a new one.",
        minimum=DRAW,
        maximum=EXACT - 1,
        draws=True,
    )
    cache_bias: float = control(
        1.0, "Attention weight of cached frames: 1 full; lower forgets faster.",
        minimum=0.01, maximum=1, page="Video",
    )  # fmt: skip
    prompt_change: Literal["on_time", "as_trained"] = control(
        "on_time",
        "When longlive recomputes its cache for a new prompt: after the prompt's first block, "
        "which then arrives on time, or before it, as the model was trained, with a pause.",
        page="Video",
        shapes=True,
    )
    vace_on: bool = control(True, "Apply references and control video; needs VACE.", shapes=True)
    control_from_input: bool = control(
        True,
        "With VACE: use the input as control video instead of painting over it.",
        shapes=True,
    )
    vace_mask: str = look(
        "", "With VACE: an image that is white where the control video may be changed.",
        asset=True, shapes=True, page="Video",
    )  # fmt: skip
    first_frame_image: str = look(
        "",
        "With VACE: an image that every block starts with.",
        asset=True,
        shapes=True,
        page="Video",
    )
    last_frame_image: str = look(
        "",
        "With VACE: an image that every block ends with.",
        asset=True,
        shapes=True,
        page="Video",
    )
    vace_clean_pass: bool = control(
        False, "Apply VACE to cached frames too; the models were not trained this way.",
        page="Video", shapes=True,
    )  # fmt: skip
    lora_1_strength: float = look(
        1.0, "Strength of the first LoRA.", minimum=-10, maximum=10, osc="lora/1/strength"
    )
    lora_2_strength: float = look(
        1.0, "Strength of the second LoRA.", minimum=-10, maximum=10, osc="lora/2/strength"
    )
    lora_3_strength: float = look(
        1.0, "Strength of the third LoRA.", minimum=-10, maximum=10, osc="lora/3/strength"
    )
