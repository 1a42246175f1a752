from diffusers.models.transformers.transformer_wan import FeedForward, WanAttention
from torch import nn

class WanVACETransformerBlock(nn.Module):
    proj_in: nn.Linear | None
    attn1: WanAttention
    attn2: WanAttention
    norm2: nn.LayerNorm  # with cross_attn_norm
    ffn: FeedForward
    proj_out: nn.Linear  # with apply_output_projection
    scale_shift_table: nn.Parameter

    def __init__(
        self,
        *,
        dim: int,
        ffn_dim: int,
        num_heads: int,
        cross_attn_norm: bool,
        apply_input_projection: bool,
        apply_output_projection: bool,
    ) -> None: ...
