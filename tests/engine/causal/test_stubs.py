"""The stubs in typings/ match the installed versions of other libraries."""

import inspect
import types
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import pytest

torch = pytest.importorskip("torch")

from engine.catalog.specs import DEMO, UMT5_XXL
from engine.causal.network.vace import empty_vace
from engine.causal.network.wan_weights import empty_transformer
from engine.causal.text.encoder import empty_text_encoder
from engine.causal.vae.wan import WanCodec

TYPINGS = Path(__file__).parents[3] / "typings"
WAN = "diffusers.models.transformers.transformer_wan"
VACE = "diffusers.models.transformers.transformer_wan_vace"
VAE = "diffusers.models.autoencoders.autoencoder_kl_wan"
MADE = {
    (WAN, "WanTransformer3DModel"): lambda: empty_transformer(DEMO),
    (VACE, "WanVACETransformerBlock"): lambda: empty_vace(DEMO).blocks[0],
    (VAE, "AutoencoderKLWan"): lambda: WanCodec(8).module,
    ("transformers", "UMT5EncoderModel"): lambda: empty_text_encoder(
        replace(UMT5_XXL, layers=1, vocabulary=8)
    ),
}


def stub(module: str) -> dict[str, Any]:
    """What a stub declares, by name."""
    place = TYPINGS.joinpath(*module.split("."))
    file = place.with_suffix(".pyi")
    file = file if file.exists() else place / "__init__.pyi"
    names: dict[str, Any] = {"__name__": "stub"}
    exec(compile(file.read_text("utf-8"), file, "exec"), names)
    return names


def faults(real: object, wanted: Any, at: str) -> Iterator[str]:
    """Where `real` is not what a stub says of it."""
    if isinstance(wanted, types.UnionType):
        if all(list(faults(real, one, at)) for one in get_args(wanted)):
            yield f"{at} is {type(real)}, not {wanted}"
    elif get_origin(wanted) is Sequence:
        for place, part in enumerate(real):
            yield from faults(part, get_args(wanted)[0], f"{at}[{place}]")
    elif get_origin(wanted) is tuple:
        for place, (part, kind) in enumerate(zip(real, get_args(wanted), strict=True)):
            yield from faults(part, kind, f"{at}[{place}]")
    elif is_typeddict(wanted):
        for key, kind in get_type_hints(wanted).items():
            yield from faults(real[key], kind, f"{at}[{key!r}]")
    elif wanted.__module__ != "stub":
        if not isinstance(real, wanted):
            yield f"{at} is {type(real)}, not {wanted}"
    elif wanted.__name__ not in {kind.__name__ for kind in type(real).__mro__}:
        yield f"{at} is {type(real)}, not {wanted.__name__}"
    else:
        for name, kind in inspect.get_annotations(wanted).items():
            if not hasattr(real, name):
                yield f"{at} has no {name}"
            else:
                yield from faults(getattr(real, name), kind, f"{at}.{name}")


@pytest.mark.parametrize(("module", "name"), MADE)
def test_modules_have_what_the_stubs_say(module: str, name: str) -> None:
    assert list(faults(MADE[module, name](), stub(module)[name], name)) == []


def test_a_stub_that_is_wrong_is_seen() -> None:
    said = stub(WAN)
    said["WanTransformerBlock"].__annotations__["norm2"] = torch.nn.Linear
    said["WanAttention"].__annotations__["to_r"] = torch.nn.Linear
    found = list(faults(MADE[WAN, "WanTransformer3DModel"](), said["WanTransformer3DModel"], "wan"))
    assert any(fault.startswith("wan.blocks[0].norm2 is") for fault in found)
    assert "wan.blocks[0].attn1 has no to_r" in found


MODULES = [  # of PyOpenGL, which is there on Windows alone, no call tells what it takes
    ".".join(file.relative_to(TYPINGS).with_suffix("").parts).removesuffix(".__init__")
    for library in ("diffusers", "safetensors", "transformers")
    for file in sorted((TYPINGS / library).rglob("*.pyi"))
]


@pytest.mark.parametrize("module", MODULES)
def test_calls_take_the_arguments_that_the_stubs_say(module: str) -> None:
    real = import_module(module)
    for name, said in stub(module).items():
        call = said.__dict__.get("__init__") if inspect.isclass(said) else said
        if inspect.isfunction(call) and call.__module__ == "stub":
            takes = inspect.signature(getattr(real, name)).parameters
            wanted = inspect.signature(call).parameters
            assert {each for each in wanted if each not in takes} <= {"self"}, name
