"""Prompts as images: `python -m tests.engine.stylize.contact_sheet OUT.png PROMPT …`.

Each cell is the reference that is drawn of a prompt, and the demo as `stylize` repaints it.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep

import cv2
import numpy as np

from bridge.transports.demo import Scene
from engine.catalog.controls import StylizeLoad, StylizeParameters
from engine.pipeline import Context
from engine.stylize.drawing import draw
from engine.stylize.pipeline import Stylize
from engine.stylize.recipes import read

WIDTH, HEIGHT, REFERENCE, TITLE = 208, 128, 80, 14  # pixels of a cell's parts
COLUMNS = 6


def sheet(prompts: list[str]) -> np.ndarray:
    """All cells in rows, (H, W, 3) in RGB."""
    scene = Scene(WIDTH, HEIGHT).at(3)
    with TemporaryDirectory() as folder:
        assets = Path(folder)
        pipeline = Stylize(StylizeLoad(), Context(assets, assets, lambda *_: None))
        cells = [_cell(prompt, _repainted(pipeline, scene, prompt)) for prompt in prompts]
        pipeline.close()
    cells += [np.zeros_like(cells[0])] * (-len(cells) % COLUMNS)
    rows = [cells[at : at + COLUMNS] for at in range(0, len(cells), COLUMNS)]
    return np.concatenate([np.concatenate(row, 1) for row in rows])


def _repainted(pipeline: Stylize, scene: np.ndarray, prompt: str) -> np.ndarray:
    for _ in pipeline(
        [scene], StylizeParameters(prompt="", fade=0)
    ):  # what has no known word keeps a look
        pass
    parameters = StylizeParameters(prompt=prompt, fade=0, anti_flicker=0)
    while True:
        (image,) = pipeline([scene], parameters)
        if not pipeline.report()["arriving"]:
            return image
        sleep(0.001)


def _cell(prompt: str, painted: np.ndarray) -> np.ndarray:
    cell = np.zeros((HEIGHT + TITLE, WIDTH + REFERENCE, 3), np.uint8)
    recipe = read(prompt)
    if recipe.colours:
        side = (REFERENCE, REFERENCE)
        cell[TITLE : TITLE + REFERENCE, :REFERENCE] = cv2.resize(
            draw(recipe), side, interpolation=cv2.INTER_AREA
        )[..., :3]
    cell[TITLE:, REFERENCE:] = painted[..., :3]
    cv2.putText(cell, prompt, (2, 11), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255,) * 3, 1, cv2.LINE_AA)
    return cell


if __name__ == "__main__":
    _, out, *prompts = sys.argv
    cv2.imwrite(out, sheet(prompts)[..., ::-1])
