"""The same generator in torch, for CUDA: same weights, same image within rounding."""

import torch
import torch.nn.functional as F

from engine.pipeline import Image
from engine.stylize.weights import Array, convolutions
from engine.system import builds

RESIDUALS = 5


class TorchGenerator:
    """See `Generator`; channels last, on CUDA if available, else on the CPU."""

    def __init__(self) -> None:
        device = builds.device(cuda=torch.cuda.is_available())
        self.name = f"torch {device} fp32"
        self._device = torch.device(device)
        layers, self._epsilon = convolutions()
        self._layers = {
            name: (
                torch.tensor(weight, device=device).contiguous(memory_format=torch.channels_last),
                torch.tensor(bias, device=device),
            )
            for name, (weight, bias) in layers.items()
        }

    @torch.inference_mode()
    def __call__(self, image: Image, style: Array) -> Image:
        """See `Generator`."""
        pixels = torch.tensor(image, device=self._device)[..., :3]
        x = pixels.permute(2, 0, 1)[None].float().div(255)
        x = x.contiguous(memory_format=torch.channels_last)
        look = torch.tensor(style, device=self._device).reshape(1, -1, 1, 1)
        result = (self._network(x, look) * 255 + 0.5).to(torch.uint8)
        return result[0].permute(1, 2, 0).contiguous().cpu().numpy()

    def _network(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        for number, stride in ((1, 1), (2, 2), (3, 2)):
            x = F.relu(self._conv(x, f"contract/conv{number}", stride))
        for number in range(1, RESIDUALS + 1):
            name = f"residual/residual{number}"
            y = F.relu(self._styled(x, f"{name}/conv1", style))
            x = x + self._styled(y, f"{name}/conv2", style)
        for number in (1, 2):
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = F.relu(self._styled(x, f"expand/conv{number}/conv", style))
        return torch.sigmoid(self._styled(x, "expand/conv3/conv", style))

    def _conv(self, x: torch.Tensor, name: str, stride: int = 1) -> torch.Tensor:
        weight, bias = self._layers[name]
        half = weight.shape[-1] // 2
        return F.conv2d(F.pad(x, (half, half, half, half), mode="reflect"), weight, bias, stride)

    def _styled(self, x: torch.Tensor, name: str, style: torch.Tensor) -> torch.Tensor:
        """A convolution and a norm with scale and shift from the style vector."""
        x = self._conv(x, name)
        scale, shift = (
            F.conv2d(style, *self._layers[f"{name}/StyleNorm/{part}"])
            for part in ("Conv_1", "Conv")
        )
        variance, mean = torch.var_mean(x, dim=(2, 3), keepdim=True, correction=0)
        return (x - mean) * torch.rsqrt(variance + self._epsilon) * scale + shift
