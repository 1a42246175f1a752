"""Colours: numeric notations, lightness, saturation and similarity."""

import re
from colorsys import hls_to_rgb, rgb_to_hls

from engine.catalog.lexicon import Colour

NUMBER = re.compile(r"(-?\d*\.?\d+)(%|)")


def written(text: str) -> Colour | None:
    """The colour that a text gives in a colour picker's notation, or None.

    `#f00`, `#ff0000`, `0xff0000`, `ff0000` (with a letter and a digit), `rgb(255, 0, 0)`,
    `rgb(100% 0% 0%)`, `rgb(1.0, 0, 0)`, `hsl(0, 100%, 50%)`; alpha is ignored, and numbers
    out of range are clamped.
    """
    if "(" in text:
        return _function(text)
    bare = text.isalnum() and not text.startswith("0x")
    digits = text.removeprefix("#").removeprefix("0x")
    if bare and (digits.isalpha() or digits.isdigit()):
        return None
    if len(digits) in (3, 4):
        digits = "".join(digit * 2 for digit in digits)
    if len(digits) not in (6, 8):
        return None
    return _clamped(*(int(digits[at : at + 2], 16) for at in (0, 2, 4)))


def _function(text: str) -> Colour | None:
    found: list[tuple[str, str]] = NUMBER.findall(text)
    if len(found) not in (3, 4):
        return None
    first, second, third = (float(number) for number, _ in found[:3])
    if text.startswith("hsl"):
        light, saturation = (min(1.0, max(0.0, part / 100)) for part in (third, second))
        red, green, blue = hls_to_rgb(first / 360 % 1, light, saturation)
        return _clamped(red * 255, green * 255, blue * 255)
    parts = (first, second, third)
    if any(unit for _, unit in found[:3]):
        return _clamped(*(part * 2.55 for part in parts))
    if max(parts) <= 1 and "." in text:  # as game engines write them, from 0 to 1
        return _clamped(*(part * 255 for part in parts))
    return _clamped(*parts)


def shaded(colour: Colour, light: float, saturation: float) -> Colour:
    """A colour with lightness and saturation multiplied by these."""
    grey = sum(colour) / 3
    return _clamped(*((grey + (part - grey) * saturation) * light for part in colour))


def mixed(colour: Colour, other: Colour, amount: float) -> Colour:
    """A colour mixed with a share of another, 0 to 1."""
    pairs = zip(colour, other, strict=True)
    return _clamped(*(part + (more - part) * amount for part, more in pairs))


def alike(one: Colour, other: Colour) -> bool:
    """Whether two colours would share a name: similar hues, or greys of similar lightness."""
    (hue, light, first), (other_hue, other_light, second) = (
        rgb_to_hls(*(part / 255 for part in colour)) for colour in (one, other)
    )
    if min(first, second) < GREY or max(abs(2 * light - 1), abs(2 * other_light - 1)) > EXTREME:
        return (first < GREY) == (second < GREY) and abs(light - other_light) < 0.25
    return abs((hue - other_hue + 0.5) % 1 - 0.5) < NEAR


def _clamped(red: float, green: float, blue: float) -> Colour:
    first, second, third = (round(min(255.0, max(0.0, part))) for part in (red, green, blue))
    return first, second, third


GREY = 0.15  # saturation below which a colour has no visible hue
EXTREME = 0.9  # distance from middle lightness, of 1, beyond which the same holds
NEAR = 1 / 24  # of the circle of hues
