"""The same generator in torch, for CUDA: same weights, same image within rounding."""

import torch
import torch.nn.functional as F

from engine.pipeline import Image
from engine.stylize.weights import NORMS, Array, weights
from engine.system import builds


class TorchGenerator:
    """See `Generator`; channels last, on CUDA if available, else on the CPU."""

    def __init__(self) -> None:
        device = builds.device(cuda=torch.cuda.is_available())
        self._device = torch.device(device)
        self.name = f"torch {device} fp32"
        found, self._epsilon = weights()
        self._weights = {name: torch.tensor(value, device=device) for name, value in found.items()}
        for name, weight in self._weights.items():
            if weight.ndim == 4:
                self._weights[name] = weight.contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def __call__(self, image: Image, style: Array) -> Image:
        """See `Generator`."""
        pixels = torch.tensor(image, device=self._device)[..., :3]
        look = torch.tensor(style, device=self._device).reshape(1, -1)
        result = self._network(pixels.permute(2, 0, 1)[None].float(), look)
        return result[0].permute(1, 2, 0).contiguous().cpu().numpy()

    def close(self) -> None:
        """See `Generator`."""

    def _network(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """The graph's layers, one by one: `tests/engine/stylize/graph.py` explains their cells."""
        looks = F.linear(style, self._weights["style/weight"], self._weights["style/bias"])
        ends = [length for length in NORMS.values() for _ in range(2)]
        parts = torch.split_with_sizes(looks[0], ends)
        look = dict(zip(NORMS, zip(parts[::2], parts[1::2], strict=True), strict=True))

        def normed(x: torch.Tensor, name: str) -> torch.Tensor:
            scale, shift = look[name]
            return F.instance_norm(x, weight=scale, bias=shift, eps=self._epsilon)

        x = _padded(x, 4)
        x = torch.cat((x[..., ::2], x[..., 1::2]), 1)
        x = self._contracted(x.contiguous(memory_format=torch.channels_last), 1)
        x = F.pad(F.pad(x, (0, 0, 1, 0), mode="reflect"), (1, 0, 0, 0), mode="replicate")
        x = self._contracted(x, 2, (2, 1))
        x = self._contracted(F.pad(x, (1, 0, 1, 0), mode="reflect"), 3, (2, 2))
        names = list(NORMS)
        for first, second in zip(names[:-3:2], names[1:-3:2], strict=True):
            y = F.relu(normed(self._conv(_padded(x, 1), first), first))
            x = x + normed(self._conv(_padded(y, 1), second), second)
        for name in names[-3:-1]:
            x = F.pixel_shuffle(self._conv(_padded(x, 1, "replicate"), name), 2)
            x = F.relu(normed(x[..., 1:-1, 1:-1], name))
        x = self._conv(F.pixel_unshuffle(_padded(x, 4), 2), names[-1])
        x = torch.sigmoid(normed(F.pixel_shuffle(x, 2), names[-1]))
        return (x * 255 + 0.5).to(torch.uint8)

    def _conv(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return F.conv2d(x, self._weights[name])

    def _contracted(
        self, x: torch.Tensor, number: int, stride: tuple[int, int] = (1, 1)
    ) -> torch.Tensor:
        name = f"contract/conv{number}"
        return F.relu(F.conv2d(x, self._weights[name], self._weights[f"{name}/bias"], stride))


def _padded(x: torch.Tensor, pixels: int, mode: str = "reflect") -> torch.Tensor:
    return F.pad(x, (pixels,) * 4, mode=mode)
