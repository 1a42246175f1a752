"""The same generator in torch, for CUDA: same weights, same picture within rounding."""

# pyright: basic, reportMissingImports=false
# torch is an extra: where the types are checked it need not be installed.

from typing import Any

import torch
import torch.nn.functional as F

from engine.pipeline import Image
from engine.stylize.weights import Array, transform_weights

RESIDUALS = 5
EPSILON = "residual/residual1/conv1/StyleNorm/batchnorm/add/y"


class TorchGenerator:
    """See `Generator`; channels last, on CUDA where there is one, else on the CPU."""

    def __init__(self) -> None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.name = f"torch {device}"
        self._device = torch.device(device)
        weights = {
            name: torch.from_numpy(value.copy()) for name, value in transform_weights().items()
        }
        self._weights = {
            name.removesuffix("_dequant").removeprefix("transformer/"): value.to(self._device)
            for name, value in weights.items()
            if value.is_floating_point()
        }
        self._epsilon = next(v for n, v in self._weights.items() if n.endswith("batchnorm/add/y"))

    @torch.inference_mode()
    def __call__(self, image: Image, style: Array) -> Image:
        """See `Generator`."""
        pixels = torch.from_numpy(image[..., :3].copy()).to(self._device)
        x = pixels.permute(2, 0, 1)[None].float().div(255)
        x = x.contiguous(memory_format=torch.channels_last)
        s = torch.from_numpy(style).to(self._device).reshape(1, -1, 1, 1)
        result = (self._network(x, s) * 255 + 0.5).to(torch.uint8)
        return result[0].permute(1, 2, 0).contiguous().cpu().numpy()

    def _network(self, x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        for number, stride in ((1, 1), (2, 2), (3, 2)):
            x = F.relu(self._conv(x, f"contract/conv{number}", stride))
        for number in range(1, RESIDUALS + 1):
            name = f"residual/residual{number}"
            y = F.relu(self._norm(self._conv(x, f"{name}/conv1"), s, f"{name}/conv1"))
            x = x + self._norm(self._conv(y, f"{name}/conv2"), s, f"{name}/conv2")
        for number in (1, 2):
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            name = f"expand/conv{number}/conv"
            x = F.relu(self._norm(self._conv(x, name), s, name))
        name = "expand/conv3/conv"
        return torch.sigmoid(self._norm(self._conv(x, name), s, name))

    def _conv(self, x: torch.Tensor, name: str, stride: int = 1) -> torch.Tensor:
        weight = self._weights[f"{name}/weights"]
        half = weight.shape[-1] // 2
        padded = F.pad(x, (half, half, half, half), mode="reflect")
        return F.conv2d(padded, weight, self._weights.get(f"{name}/Conv2D_bias"), stride)

    def _norm(self, x: torch.Tensor, s: torch.Tensor, name: str) -> torch.Tensor:
        """Instance norm whose scale and shift come from the style vector."""
        scale, shift = (self._point(s, f"{name}/StyleNorm/{part}") for part in ("Conv_1", "Conv"))
        variance, mean = torch.var_mean(x, dim=(2, 3), keepdim=True, unbiased=False)
        return (x - mean) * torch.rsqrt(variance + self._epsilon) * scale + shift

    def _point(self, s: torch.Tensor, name: str) -> Any:
        return F.conv2d(s, self._weights[f"{name}/weights"], self._weights[f"{name}/Conv2D_bias"])
