"""What training and other programs put around the names of tensors. Free of torch."""

ANYWHERE = frozenset({  # compiling and sharding put in, at any place
    "module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module",
})  # fmt: skip
AROUND = frozenset({  # a network, in front of its layers
    "model", "diffusion_model", "base_model", "transformer", "unet", "dit", "pipe", "net",
    "network", "generator", "generator_ema", "student", "ema", "ema_model", "denoiser",
    "state_dict",
})  # fmt: skip
