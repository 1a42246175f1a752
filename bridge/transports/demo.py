"""A bay with sun, clouds, hills, waves and a boat; drawn by the bridge, always moving."""

from time import perf_counter
from typing import cast

import cv2
import numpy as np

from bridge.frames.frame import Frame, Image
from bridge.system.timing import Deadline
from bridge.transports import Options
from bridge.transports.base import ClockedSource, wished

SKY_TOP, SKY_LOW = (58, 110, 190), (250, 205, 150)
SEA_FAR, SEA_NEAR = (70, 140, 165), (12, 52, 92)
SUN, CLOUD, HULL, SAIL = (
    (255, 236, 170),
    (255, 250, 245),
    (120, 45, 30),
    (250, 244, 230),
)
HILLS = ((0.50, 0.10, 1.3, 0.4, (110, 130, 150)), (0.53, 0.12, 2.1, 2.0, (80, 120, 110)),
         (0.57, 0.09, 3.7, 4.1, (50, 95, 70)))  # fmt: skip
HORIZON = 0.60
WAVES = 9


class DemoSource(ClockedSource):
    """The scene at a constant rate; about 3 ms per frame at 640x360."""

    def __init__(self, options: Options) -> None:
        super().__init__(Deadline(options.fps))
        self._options = options
        self._scene = Scene(options.width, options.height)

    def _draw(self, index: int) -> Frame:
        image = self._scene.at(index / self._options.fps)
        return Frame(image, perf_counter(), index)

    @property
    def stands_in(self) -> bool:
        """Always: it exists so that there is something to show."""
        return True

    @property
    def status(self) -> str:
        """Size and rate."""
        return f"{self._options.width}x{self._options.height} at {self._options.fps:g}"


class Scene:
    """The still parts are drawn once, the moving parts for each frame."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._clouds = self._cloud_strip()
        self._ground = self._still()

    def at(self, seconds: float) -> Image:
        """The image (height, width, 4) at a time."""
        image = self._ground.copy()
        self._draw_clouds(image, seconds)
        self._draw_waves(image, seconds)
        self._draw_boat(image, seconds)
        self._draw_birds(image, seconds)
        return image

    def _still(self) -> Image:
        width, height = self._width, self._height
        low = round(height * HORIZON)
        image = np.empty((height, width, 4), np.uint8)
        image[:low, :, :3] = _gradient(SKY_TOP, SKY_LOW, low)[:, None]
        image[low:, :, :3] = _gradient(SEA_FAR, SEA_NEAR, height - low)[:, None]
        image[..., 3] = 255
        for size, strength in ((0.20, 0.15), (0.14, 0.3), (0.09, 1.0)):
            sun = image.copy()
            self._disc(sun, 0.68, 0.26, size, SUN)
            # cast: cv2's types say any array
            image = cast(Image, cv2.addWeighted(image, 1 - strength, sun, strength, 0))
        for base, tall, waves, phase, colour in HILLS:
            self._draw_hill(image, base, tall, waves, phase, colour)
        image[low:, :, :3] = _gradient(SEA_FAR, SEA_NEAR, height - low)[:, None]
        return image

    def _draw_hill(
        self, image: Image, base: float, tall: float, waves: float, phase: float,
        colour: tuple[int, int, int],
    ) -> None:  # fmt: skip
        x = np.linspace(0, 2 * np.pi, self._width)
        ridge = base - tall * (
            0.5 + 0.35 * np.sin(waves * x + phase) + 0.15 * np.sin(5 * x * waves)
        )
        points = np.stack([np.arange(self._width), ridge * self._height], -1)
        corners = [[self._width, self._height * HORIZON], [0, self._height * HORIZON]]
        self._fill(image, np.concatenate([points, corners]), colour)

    def _cloud_strip(self) -> tuple[Image, Image]:
        """A seamless row of clouds, one image width longer than its period: what it adds to an
        image, and how much of the image it keeps (255 for all).
        """
        rng = np.random.default_rng(4)
        tall = max(4, round(self._height * 0.34))
        strip = np.zeros((tall, self._width * 2, 4), np.uint8)
        for _ in range(7):
            x, y = rng.integers(0, self._width * 2), rng.uniform(0.25, 0.75) * tall
            for puff in range(6):
                radius = rng.uniform(0.10, 0.20) * tall
                place = (
                    int(x + (puff - 2.5) * 0.22 * tall),
                    int(y + rng.uniform(-0.06, 0.06) * tall),
                )
                for turn in (-1, 0, 1):
                    at = place[0] + turn * strip.shape[1], place[1]
                    cv2.ellipse(strip, at, (int(radius * 1.5), int(radius)), 0, 0, 360,
                                (*CLOUD, 225), -1, cv2.LINE_AA)  # fmt: skip
        # cast: cv2's types say any array
        strip = cast(Image, cv2.GaussianBlur(strip, (0, 0), max(0.6, self._height / 160)))
        strip = np.concatenate([strip, strip[:, : self._width]], 1)
        cover = strip[..., 3:] / 255  # only the coverage is blurred, the colour has no edge
        shown, hidden = np.zeros_like(strip), np.full_like(strip, 255)
        shown[..., :3] = np.round(cover * CLOUD)
        hidden[..., :3] = 255 - np.round(cover * 255)
        return shown, hidden

    def _draw_clouds(self, image: Image, seconds: float) -> None:
        shown, hidden = self._clouds
        first = round(seconds * self._width / 40) % (shown.shape[1] - self._width)
        top = round(self._height * 0.03)
        place = image[top : top + shown.shape[0]]
        part = slice(None, place.shape[0]), slice(first, first + self._width)
        cv2.multiply(place, hidden[part], place, 1 / 255)
        cv2.add(place, shown[part], place)

    def _draw_waves(self, image: Image, seconds: float) -> None:
        width, height = self._width, self._height
        x = np.linspace(0, width, max(8, width // 10))
        for row in range(WAVES):
            depth = ((row + 0.5) / WAVES) ** 1.5
            y = height * (HORIZON + (1 - HORIZON) * depth)
            swing = height * (0.002 + 0.014 * depth)
            turn = x / width * (26 - 14 * depth) + seconds * (1.2 + 0.5 * (row % 3)) + row
            line = np.stack([x, y + swing * np.sin(turn)], -1)
            tone = tuple(int(c + 55 * (0.9 - 0.4 * depth)) for c in (60, 120, 150))
            thick = max(1, round(height * (0.002 + 0.006 * depth)))
            points = np.round(line * 16).astype(np.int32)
            cv2.polylines(image, [points], False, (*tone, 255), thick, cv2.LINE_AA, 4)
        glint = 0.68 * width + width * 0.02 * np.sin(seconds * 3 + np.arange(6))
        for row, at in enumerate(glint):
            y = round(height * (HORIZON + 0.02 + row * 0.05))
            half = round(width * (0.03 + 0.012 * row))
            cv2.line(image, (round(at) - half, y), (round(at) + half, y), (*SUN, 255),
                     max(1, height // 180), cv2.LINE_AA)  # fmt: skip

    def _draw_boat(self, image: Image, seconds: float) -> None:
        at = (0.15 + seconds / 30) % 1.4 - 0.2
        tilt = 0.10 * np.sin(seconds * 1.7)
        turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
        size = self._height * 0.17
        place = np.array(
            [at * self._width, self._height * (0.745 + 0.008 * np.sin(seconds * 1.7 + 1))]
        )
        hull = np.array([[-1, 0], [1.1, 0], [0.7, 0.35], [-0.7, 0.35]])
        sail = np.array([[0.05, -0.1], [0.05, -1.7], [0.95, -0.15]])
        jib = np.array([[-0.08, -0.1], [-0.08, -1.45], [-0.8, -0.12]])
        for shape, colour in ((hull, HULL), (sail, SAIL), (jib, (225, 90, 60))):
            self._fill(image, shape @ turn.T * size + place, colour)

    def _draw_birds(self, image: Image, seconds: float) -> None:
        for bird in range(4):
            x = self._width * ((0.9 - seconds / 18 + bird * 0.11) % 1.2 - 0.1)
            y = self._height * (0.18 + 0.05 * bird + 0.02 * np.sin(seconds + bird))
            wing = self._height * 0.022 * np.sin(seconds * 7 + bird)
            span = self._height * 0.035
            points = np.array([[x - span, y - wing], [x, y], [x + span, y - wing]])
            cv2.polylines(image, [np.round(points * 16).astype(np.int32)], False, (40, 40, 60, 255),
                          max(1, self._height // 150), cv2.LINE_AA, 4)  # fmt: skip

    def _disc(
        self, image: Image, x: float, y: float, radius: float, colour: tuple[int, int, int]
    ) -> None:
        centre = round(x * self._width), round(y * self._height)
        cv2.circle(image, centre, round(radius * self._height), (*colour, 255), -1, cv2.LINE_AA)

    def _fill(self, image: Image, points: np.ndarray, colour: tuple[int, int, int]) -> None:
        fixed = np.round(points * 16).astype(np.int32)
        cv2.fillPoly(image, [fixed], (*colour, 255), cv2.LINE_AA, 4)


def check_source(name: str) -> None:
    """TransportError for options after a `?`: it has none."""
    wished(name, (), "demo:")


def open_source(name: str, options: Options) -> DemoSource:
    """`demo:`"""
    check_source(name)
    return DemoSource(options)


def _gradient(top: tuple[int, int, int], low: tuple[int, int, int], rows: int) -> np.ndarray:
    part = np.linspace(0, 1, max(rows, 1))[:, None]
    return (np.array(top) * (1 - part) + np.array(low) * part).astype(np.uint8)
