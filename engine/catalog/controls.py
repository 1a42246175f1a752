"""What each pipeline is built with and steered by: the one place where a parameter is declared.

Free of torch and onnxruntime. The same thing has the same name in every pipeline, so that a fader
goes on working through a change.
"""

from functools import partial
from typing import Literal

from engine.parameters import DRAW, EXACT, Load, Parameters, Size, Steps, Suggestion, control

# What a look is made of: it goes back where nothing usable comes of it
look = partial(control, reverts=True)

SIZES = (
    Suggestion("auto", "by the input's shape, or the pipeline's own"),
    Suggestion("512x288", "16:9, fastest"),
    Suggestion("640x360", "16:9, recommended"),
    Suggestion("768x432", "16:9, finer and slower"),
    Suggestion("1280x720", "16:9, seldom fast enough to be live"),
    Suggestion("512x512", "square"),
    Suggestion("320x576", "9:16, portrait"),
)
ATTENTION = {"flex": "triton", "flash3": "flash_attn_interface", "sage": "sageattention"}
STEPS = (
    Suggestion("authors", "as the model's authors run it"),
    Suggestion("scope", "as Scope runs it, where it does so otherwise"),
    Suggestion("scope-video", "as Scope runs it over a video"),
)


class PassthroughLoad(Load):
    """Nothing to choose."""


class PassthroughParameters(Parameters):
    """Nothing to steer."""


def size_control() -> Size:
    """The size, which some pipelines are built with and others follow from block to block."""
    return control(
        "auto",
        "Size the engine works at: auto, or WIDTHxHEIGHT in pixels, floored to what it can do "
        "and raised to the least of that.",
        page="Engine",
        shapes=True,
        suggestions=SIZES,
    )


class SizedLoad(Load):
    """What a pipeline of one size is built with."""

    size: Size = size_control()


class ConditionedParameters(Parameters):
    """What every pipeline with prompts and references shares, under one name in each."""

    prompt: str = look("", "The look in words.", osc="prompt")
    reference: str = look(
        "",
        "Reference image: an asset's id, or its name in the assets folder.",
        osc="ref",
        asset=True,
        shapes=True,
    )
    vace_scale: float = control(
        1.0,
        "Strength of the reference: 0 none, 1 the look, above it more than the look.",
        minimum=0,
        maximum=2,
        osc="vace",
    )
    fade: float = control(
        1.0, "Time that a new prompt or reference takes to arrive.", minimum=0, maximum=60, unit="s"
    )
    prompt_weight: float = look(
        1.0, "Weight of the first prompt.", minimum=0, maximum=2, osc="prompt/1/weight"
    )
    prompt_2: str = look("", "A second prompt, blended by weight.", osc="prompt/2")
    prompt_2_weight: float = look(
        1.0, "Weight of the second prompt.", minimum=0, maximum=2, osc="prompt/2/weight"
    )
    prompt_3: str = look("", "A third prompt, blended by weight.", osc="prompt/3")
    prompt_3_weight: float = look(
        1.0, "Weight of the third prompt.", minimum=0, maximum=2, osc="prompt/3/weight"
    )
    reference_weight: float = look(
        1.0, "Weight of the first reference.", minimum=0, maximum=2, osc="ref/1/weight"
    )
    reference_2: str = look(
        "", "A second reference image, blended by weight.", osc="ref/2", asset=True, shapes=True
    )
    reference_2_weight: float = look(
        1.0, "Weight of the second reference.", minimum=0, maximum=2, osc="ref/2/weight"
    )
    reference_3: str = look(
        "", "A third reference image, blended by weight.", osc="ref/3", asset=True, shapes=True
    )
    reference_3_weight: float = look(
        1.0, "Weight of the third reference.", minimum=0, maximum=2, osc="ref/3/weight"
    )


class StylizeLoad(SizedLoad):
    """What `stylize` is built with."""

    backend: Literal["auto", "onnx", "openvino", "torch"] = control(
        "auto", "What runs the network; auto takes the fastest that is installed.", page="Engine",
        packages={"openvino": "openvino", "torch": "torch"},
    )  # fmt: skip


class StylizeParameters(ConditionedParameters):
    """What `stylize` can be steered by."""

    prompt: str = look(
        "starry night", "The look in words: colours, patterns, looks; state.notes tells which."
    )

    anti_flicker: float = control(
        0.5, "Damping of flicker: 0 none, 1 strongest.", minimum=0, maximum=1
    )


class CausalLoad(Load):
    """What the causal pipelines are built with."""

    weights: Literal["real", "demo"] = control(
        "real",
        "Weights of the network: the authors' files, or small random ones that only show that "
        "everything runs.",
        page="Engine",
    )
    vae: Literal["wan", "lightvae", "tae", "lighttae"] = control(
        "wan", "What turns latents into pictures: wan looks best, tae takes least.", page="Engine"
    )
    text_encoder: Literal["resident", "fp8", "offloaded"] = control(
        "resident",
        "Where prompts are encoded: on the GPU, there in 8 bits, or brought there for each prompt.",
        page="Engine",
    )
    quantization: Literal["none", "fp8"] = control(
        "none",
        "Products of the network in 8 bits: where this GPU is faster so, at a small loss.",
        page="Engine",
    )
    vace_load: bool = control(
        False, "Load the VACE module, for references and control video.", page="Engine"
    )
    lora_1: str = look(
        "",
        "A LoRA: its name, as GET /api/v1/loras lists it.",
        page="Engine",
        lora=True,
        osc="lora/1/file",
    )
    lora_2: str = look("", "A second LoRA.", page="Engine", lora=True, osc="lora/2/file")
    lora_3: str = look("", "A third LoRA.", page="Engine", lora=True, osc="lora/3/file")
    lora_mode: Literal["live", "merged"] = look(
        "live", "Whether a LoRA's strength stays a fader, or is in the weights for good.",
        page="Engine",
    )  # fmt: skip
    passes: Literal["auto", "plain", "graphs", "compiled"] = control(
        "auto", "How passes are run; auto takes the fastest that is there.", page="Engine"
    )
    attention: Literal["auto", "sdpa", "flex", "flash3", "sage"] = control(
        "auto", "What computes attention; sage is not exact.", page="Engine",
        packages=ATTENTION,
    )  # fmt: skip


class CausalParameters(ConditionedParameters):
    """What the causal pipelines can be steered by."""

    size: Size = size_control()
    prompt_method: Literal["linear", "slerp"] = look(
        "linear", "How prompts are blended: mixed, or along the arc between two."
    )
    input_mode: Literal["auto", "video", "text"] = control(
        "auto",
        "What a block begins with: the input where there is one, or nothing but noise.",
        shapes=True,
    )
    noise_scale: float = control(
        0.7, "Part of the input that is noise: 0 the input, 1 none of it.",
        minimum=0, maximum=1, osc="noise",
    )  # fmt: skip
    noise_controller: bool = control(True, "Less noise where the input moves.")
    denoising_steps: Steps = look(
        "authors",
        "Noise levels of a block: a list by its name, or numbers from 1000 down: 1000,750,500.",
        page="Video",
        suggestions=STEPS,
        shapes=True,
    )
    manage_cache: bool = control(
        False, "Begin the stream anew where the steps or a LoRA's strength change.", page="Video"
    )
    seed: int = control(
        42,
        "The noise that everything begins with; -1 draws another.",
        minimum=DRAW,
        maximum=EXACT - 1,
        draws=True,
    )
    cache_bias: float = control(
        1.0, "Part of their attention that remembered frames keep: 1 all, less forgets faster.",
        minimum=0.01, maximum=1, page="Video",
    )  # fmt: skip
    prompt_change: Literal["on_time", "as_trained"] = control(
        "on_time",
        "When longlive reads what it remembers anew with a new prompt: after that prompt's first "
        "block, which then comes on time, or before it, as the model was trained, with a pause.",
        page="Video",
        shapes=True,
    )
    vace_on: bool = control(
        True, "Whether references and control video steer; needs VACE.", shapes=True
    )
    control_from_input: bool = control(
        True,
        "With VACE: the input steers as control video instead of being painted over.",
        shapes=True,
    )
    vace_mask: str = look(
        "", "With VACE: a picture that is white where the control video may be changed.",
        asset=True, shapes=True, page="Video",
    )  # fmt: skip
    first_frame_image: str = look(
        "",
        "With VACE: a picture that every block begins with.",
        asset=True,
        shapes=True,
        page="Video",
    )
    last_frame_image: str = look(
        "",
        "With VACE: a picture that every block ends with.",
        asset=True,
        shapes=True,
        page="Video",
    )
    vace_clean_pass: bool = control(
        False, "Whether what is remembered is steered too; the models were not trained so.",
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
