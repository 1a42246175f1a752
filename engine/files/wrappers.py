"""Wrappers that training and other programs add to tensor names. Free of torch."""

ANYWHERE = frozenset({  # added by compiling and sharding, anywhere
    "module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module",
})  # fmt: skip
AROUND = frozenset({  # network prefixes, before its layers
    "model", "diffusion_model", "base_model", "transformer", "unet", "dit", "pipe", "net",
    "network", "generator", "generator_ema", "student", "ema", "ema_model", "denoiser",
    "state_dict",
})  # fmt: skip
