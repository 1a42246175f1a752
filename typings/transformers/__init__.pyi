"""What this project takes of transformers, as it is there; lists stand as in diffusers' stubs."""

from collections.abc import Sequence

from torch import nn

class UMT5Config:
    def __init__(
        self,
        *,
        vocab_size: int,
        d_model: int,
        d_kv: int,
        d_ff: int,
        num_layers: int,
        num_heads: int,
        relative_attention_num_buckets: int,
        relative_attention_max_distance: int,
        layer_norm_epsilon: float,
        feed_forward_proj: str,
    ) -> None: ...

class UMT5Block(nn.Module):
    layer: nn.ModuleList

class UMT5LayerNorm(nn.Module): ...

class UMT5Stack(nn.Module):
    block: Sequence[UMT5Block]
    final_layer_norm: UMT5LayerNorm

class UMT5EncoderModel(nn.Module):
    shared: nn.Embedding
    encoder: UMT5Stack

    def __init__(self, config: UMT5Config) -> None: ...
