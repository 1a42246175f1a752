"""GPU speeds: from data sheets, and from the best published kernels.

The rates of a row are dense (no sparsity), in TFLOP/s, by kind of work in the order of KINDS:

bf16, fp8, fp4          matrix products of that many bits, accumulated in 32
attn16, attn8, attn4    attention with operands of that many bits
conv                    the 16-bit convolutions of a VAE

A kernel rate is an assumption unless `published` names its kind: no measured kernel was found for
the others, including every matrix product and every convolution (assumed at 60 % of a product). If
you have such a GPU, measure it and enter the figure here.
"""

from dataclasses import dataclass, replace

TERA = 1e12
KINDS = ("bf16", "fp8", "fp4", "attn16", "attn8", "attn4", "conv")
REACHED_BANDWIDTH = 0.85  # assumed share of the data sheet's bandwidth that a kernel reaches


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """The kinds of a network's products and attention, and the size of its numbers.

    `weight_bytes` is the size of a weight, `value_bytes` of an activation, key or value.
    """

    name: str
    linear: str
    attention: str
    weight_bytes: float
    value_bytes: float = 2


BF16 = Precision(name="bf16", linear="bf16", attention="attn16", weight_bytes=2)
PRECISIONS = {
    precision.name: precision
    for precision in (
        # no GPU row has a rate for this: only for measured machines
        Precision(name="fp32", linear="fp32", attention="attn32", weight_bytes=4, value_bytes=4),
        BF16,
        Precision(name="fp8", linear="fp8", attention="attn16", weight_bytes=1),
        Precision(name="fp8+sage", linear="fp8", attention="attn8", weight_bytes=1),
        Precision(name="fp4+sage3", linear="fp4", attention="attn4", weight_bytes=0.56),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """A machine's rates per second: FLOP by kind, and bytes read plus written.

    Without its own rate a convolution counts as a matrix product, which it rarely beats.
    """

    linear: float
    attention: float
    bandwidth: float
    conv: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU. `devices` are its names in the driver; `memory` is in bytes,
    `bandwidth` in bytes/s.

    `spec` and `kernel` have a rate for each of KINDS, 0 if the GPU has no units for it.
    """

    name: str
    devices: tuple[str, ...]
    memory: float
    bandwidth: float
    spec: tuple[float, ...]
    kernel: tuple[float, ...]
    published: frozenset[str] = frozenset()

    def spec_rates(self, precision: Precision) -> Rates | None:
        """The data sheet's rates, or None if it has none for this precision."""
        return _rates(self.spec, precision, self.bandwidth)

    def kernel_rates(self, precision: Precision) -> Rates | None:
        """The rates of the best kernels, or None if there are none for this precision."""
        return _rates(self.kernel, precision, REACHED_BANDWIDTH * self.bandwidth)


def _rates(row: tuple[float, ...], precision: Precision, bandwidth: float) -> Rates | None:
    rates = {kind: TERA * rate for kind, rate in zip(KINDS, row, strict=True) if rate}
    if precision.linear not in rates or precision.attention not in rates:
        return None
    return Rates(
        linear=rates[precision.linear],
        attention=rates[precision.attention],
        conv=rates["conv"],
        bandwidth=bandwidth,
    )


H100 = Gpu(
    name="H100",
    devices=("NVIDIA H100 80GB HBM3",),  # SXM; the PCIe and NVL cards have other rates
    memory=80e9,
    bandwidth=3.35e12,
    spec=(989, 1979, 0, 989, 1979, 0, 989),
    kernel=(800, 1500, 0, 650, 1150, 0, 480),
    published=frozenset({"attn16", "attn8"}),  # FlashAttention-3: 648, and about 1150 in fp8
)
H200 = replace(
    H100, name="H200", devices=("NVIDIA H200",), memory=141e9, bandwidth=4.8e12
)  # the H100's chip

# The GeForce rows have the data sheet's rate with 16-bit sums for attn16 and conv, twice the one
# with 32-bit sums. Their fp8 kernel rate is that with 32-bit sums; 16-bit ones could double it.
RTX_4090 = Gpu(
    name="RTX 4090",
    devices=("NVIDIA GeForce RTX 4090",),
    memory=24e9,
    bandwidth=1.008e12,
    spec=(165.2, 660.6, 0, 330.3, 660.6, 0, 330.3),
    kernel=(160, 310, 0, 164, 600, 0, 100),
    published=frozenset({"attn16", "attn8"}),  # FlashAttention-2, SageAttention2++
)
RTX_5090 = Gpu(
    name="RTX 5090",
    devices=("NVIDIA GeForce RTX 5090",),
    memory=32e9,
    bandwidth=1.792e12,
    spec=(209.5, 838, 1676, 419, 838, 1676, 419),
    kernel=(200, 390, 1250, 215, 600, 1038, 125),
    published=frozenset({"attn16", "attn8", "attn4"}),  # FlashAttention-2, SageAttention2 and 3
)
RTX_PRO_6000 = Gpu(
    name="RTX PRO 6000",
    devices=(
        "NVIDIA RTX PRO 6000 Blackwell Workstation Edition",
        "NVIDIA RTX PRO 6000 Blackwell Server Edition",  # no faster, so the same limits apply
    ),
    memory=96e9,
    bandwidth=1.792e12,
    spec=(503.8, 1007, 2015, 503.8, 1007, 2015, 503.8),
    kernel=(400, 800, 1400, 400, 700, 1200, 240),
)
B200 = Gpu(
    name="B200",
    devices=("NVIDIA B200",),
    memory=180e9,
    bandwidth=8.0e12,
    spec=(2250, 4500, 9000, 2250, 4500, 9000, 2250),
    kernel=(1700, 3200, 6000, 1605, 2018, 2018, 1000),
    published=frozenset({"attn16", "attn4"}),  # FlashAttention-4, and with queries, keys in fp4
)

GPUS = (H100, H200, RTX_4090, RTX_5090, RTX_PRO_6000, B200)
_BY_DEVICE = {device: gpu for gpu in GPUS for device in gpu.devices}


def find_gpu(device: str) -> Gpu | None:
    """The GPU that `torch.cuda.get_device_name` calls `device`, or None.

    The full name must match: a laptop GPU, a partition or another card with the same chip has other
    rates, and no ratio is claimed for an unknown GPU.
    """
    return _BY_DEVICE.get(device.strip())
