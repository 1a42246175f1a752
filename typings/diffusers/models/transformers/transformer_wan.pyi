from collections.abc import Sequence
from typing import TypedDict

from torch import nn

class WanAttention(nn.Module):
    heads: int
    to_q: nn.Linear
    to_k: nn.Linear
    to_v: nn.Linear
    to_out: tuple[nn.Linear, nn.Dropout]
    norm_q: nn.RMSNorm
    norm_k: nn.RMSNorm

    def set_processor(self, processor: object) -> None: ...

class GELU(nn.Module):
    proj: nn.Linear

class FeedForward(nn.Module):
    net: tuple[GELU, nn.Dropout, nn.Linear]

class WanTransformerBlock(nn.Module):
    attn1: WanAttention
    attn2: WanAttention
    norm2: nn.LayerNorm  # with cross_attn_norm
    ffn: FeedForward
    scale_shift_table: nn.Parameter

class TimestepEmbedding(nn.Module):
    linear_1: nn.Linear
    linear_2: nn.Linear

class WanTimeTextImageEmbedding(nn.Module):
    time_embedder: TimestepEmbedding
    time_proj: nn.Linear
    text_embedder: nn.Module

class WanConfig(TypedDict):
    eps: float
    freq_dim: int

class WanTransformer3DModel(nn.Module):
    config: WanConfig
    patch_embedding: nn.Conv3d
    condition_embedder: WanTimeTextImageEmbedding
    blocks: Sequence[WanTransformerBlock]
    norm_out: nn.LayerNorm
    proj_out: nn.Linear
    scale_shift_table: nn.Parameter

    def __init__(
        self,
        *,
        patch_size: tuple[int, int, int],
        num_attention_heads: int,
        attention_head_dim: int,
        in_channels: int,
        out_channels: int,
        text_dim: int,
        freq_dim: int,
        ffn_dim: int,
        num_layers: int,
        cross_attn_norm: bool,
        qk_norm: str,
        eps: float,
    ) -> None: ...
