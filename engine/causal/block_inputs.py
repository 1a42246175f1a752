"""The context that VACE steers a block by: control video, mask, anchors, references."""

# pyright: basic, reportMissingImports=false

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.catalog.controls import CausalParameters
from engine.causal.stream import LatentStream
from engine.causal.vace_context import control_context, folded, pixels, split
from engine.causal.vae.streams import GROUP, Vae
from engine.images.assets import How, Key, Pictures
from engine.pipeline import Image

STILL = 4  # blocks after which an encoder's past of nothing but grey no longer changes
PLACES = ("", "_2", "_3")  # of references, as their parameters are named


class Steering:
    """What VACE is shown in one stream of pictures of one size; own encoders for what stays and
    for what may change.
    """

    def __init__(
        self, vae: Vae, assets: Pictures, width: int, height: int, normalised: bool
    ) -> None:
        """`width` and `height` in pixels."""
        self._vae, self._assets, self._normalised = vae, assets, normalised
        self._size = width, height
        self._inactive, self._reactive, self._empty = (vae.encoder(normalised) for _ in range(3))
        self._grey: list[Tensor] = []
        self._shown: tuple[Any, ...] = ()
        self._placed: dict[str, Image] = {}  # the mask and the anchors that are in use
        self.problem = ""  # why the references that are asked for do not steer

    def refer(self, stream: LatentStream, parameters: CausalParameters) -> None:
        """Give the stream the reference images that are asked for, where they have changed. One
        that is still being read, cannot be, or becomes no numbers, leaves those before it.
        """
        asked = [
            str(getattr(parameters, f"reference{place}"))
            for place in PLACES
            if getattr(parameters, f"reference{place}_weight") > 0
        ]
        found = [self._assets.get(name, self._size, "contained") for name in asked if name]
        known = [each for each in found if each is not None]
        keys = tuple(key for key, _ in known)
        if len(known) < len(found) or keys == self._shown:
            return
        self._shown = keys
        stills = [self._vae.still(self._pixels(p), self._normalised) for _, p in known]
        self.problem = _unusable(stills, keys)
        if not self.problem:
            stream.refer(torch.cat(stills, 2) if stills else None)

    def context(self, images: Sequence[Image], frames: int, parameters: CausalParameters) -> Tensor:
        """The context (1, 96, frames, h, w) of a block of `frames` latent frames. Without images
        all of it is to be made.
        """
        anchors = (
            self._at("first", parameters.first_frame_image, "contained"),
            self._at("last", parameters.last_frame_image, "contained"),
        )
        if not images and not any(anchor is not None for anchor in anchors):
            return self._nothing(frames)
        count = self._inactive.pictures(frames)
        width, height = self._size
        video = [*images] or [np.full((height, width, 4), 128, np.uint8)] * count
        mask = self._mask(parameters, count)
        for anchor, place in zip(anchors, (slice(None, GROUP), slice(-GROUP, None)), strict=True):
            if anchor is not None:
                length = len(video[place])
                video[place], mask[:, :, place] = [anchor] * length, 0
        moving = pixels(video, self._vae.device)
        if not images:
            moving = torch.where(mask > 0, 0.0, moving)
        stays, changes = split(moving, mask)
        return control_context(self._inactive(stays), self._reactive(changes), folded(mask))

    def _nothing(self, frames: int) -> Tensor:
        """No control at all: mid grey, all of which may change."""
        if len(self._grey) < STILL:
            count = self._empty.pictures(frames)
            width, height = self._size
            grey = torch.zeros(1, 3, count, height, width, device=self._vae.device)
            self._grey.append(self._empty(grey))
        latents = self._grey[-1][:, :, -frames:]
        mask = torch.ones(1, 64, *latents.shape[2:], device=latents.device)
        return control_context(latents, latents, mask)

    def _mask(self, parameters: CausalParameters, count: int) -> Tensor:
        """(1, 1, count, H, W): 1 where the control video may be changed."""
        width, height = self._size
        mask = self._at("mask", parameters.vace_mask, "stretched")
        if mask is None:
            flat = np.ones((height, width), np.float32)
        else:
            flat = mask[..., 0].astype(np.float32) / 255
        whole = torch.from_numpy(flat).to(self._vae.device)
        return whole[None, None, None].repeat(1, 1, count, 1, 1)

    def _at(self, place: str, name: str, how: How) -> Image | None:
        """The picture of a place. One that is still being read, or cannot be, leaves the one
        before it.
        """
        found = self._assets.get(name, self._size, how) if name else None
        if found is not None:
            self._placed[place] = found[1]
        elif not name:
            self._placed.pop(place, None)
        return self._placed.get(place)

    def _pixels(self, image: Image) -> Tensor:
        return pixels([image], self._vae.device)


def _unusable(stills: Sequence[Tensor], keys: Sequence[Key]) -> str:
    """Why latents of pictures cannot steer, as a sentence; empty where they can. It waits for them:
    they are made only where a reference has changed.
    """
    for still, key in zip(stills, keys, strict=True):
        if not still.isfinite().all():
            return (
                f"The reference {key.path.name!r} became numbers that are no picture (NaN or "
                "infinite); what was shown before stays."
            )
    return ""
