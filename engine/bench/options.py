"""The flags of `bench engine`. Free of torch: `python -m engine.bench.options --help` needs no
extra.
"""

import argparse
from collections.abc import Callable
from typing import get_args

from engine import sizes
from engine.catalog.controls import CausalLoad
from engine.catalog.specs import SPECS
from engine.cost.fit import pixels


def parser_of(device: Callable[[str], object] = str) -> argparse.ArgumentParser:
    """The parser; `device` reads the device's name."""
    parser = argparse.ArgumentParser(
        prog="spout-bridge bench engine",
        description="Benchmark a causal pipeline on this machine: its network, then the time "
        "from a prompt change to its first image.",
    )
    parser.add_argument("--pipeline", choices=SPECS, default="longlive")
    parser.add_argument("--weights", default="random", help="random, or the path of a checkpoint")
    parser.add_argument("--size", type=_size, default=(576, 320), metavar="WIDTHxHEIGHT")
    parser.add_argument("--blocks", type=int, default=50, help="number of timed blocks")
    parser.add_argument("--layers", type=int, default=0, help="default all on CUDA, else 2")
    parser.add_argument(
        "--device",
        type=device,
        metavar="DEVICE",
        help="default: the GPU if any, else cpu",
    )
    parser.add_argument("--quantization", choices=_words("quantization"), default="none")
    parser.add_argument("--vace", action="store_true", help="with VACE, steering every block")
    parser.add_argument("--how", choices=_words("passes"), default="auto")
    parser.add_argument("--attention", choices=_words("attention"), default="auto")
    parser.add_argument("--vae", choices=_words("vae"), help="default wan on CUDA, else tae")
    parser.add_argument("--json", action="store_true")
    return parser


def _words(name: str) -> tuple[str, ...]:
    """The choices of a load parameter."""
    return get_args(CausalLoad.model_fields[name].annotation)


def _size(text: str) -> tuple[int, int]:
    try:
        return pixels(sizes.exact(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    parser_of().parse_args()
