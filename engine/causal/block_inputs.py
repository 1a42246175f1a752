"""Turn a block's images, guides and parameters into its stream's `BlockInputs`: the video to start
from, the noise, and the VACE context (control video, mask, anchors, references).
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from engine.catalog.controls import CausalParameters
from engine.causal.motion import Motion
from engine.causal.network.upload import uploaded
from engine.causal.schedule import Level, Schedule
from engine.causal.stream import BlockInputs, LatentStream, seeded
from engine.causal.transfer import to_tensor
from engine.causal.vace_context import control_context, folded, split
from engine.causal.vae.streams import GROUP, Vae
from engine.images.assets import How, Key, Pictures
from engine.pipeline import NO_GUIDES, Guides, Image

Mode: TypeAlias = Literal["text", "video", "control"]

REMEMBERED = 9  # recent images; the oldest is encoded again as the head of Krea's context
STILL = 4  # blocks of pure grey after which an encoder's state no longer changes
MASKS_NOTHING = "The live mask has no effect: it needs an input or a control video."
PLACES = ("", "_2", "_3")  # suffixes of the reference parameters


def pictures_of(frames: int, *, begins: bool) -> int:
    """Images that latent frames cover (`CausalSpec.frames`): 4 each, but 1 for the first of a
    stream.
    """
    return GROUP * frames - (GROUP - 1 if begins else 0)


class Conditioning:
    """Makes the inputs of one stream's blocks, in one mode and size, until that stream restarts:
    its own encoders, the recent motion, and the latest output.
    """

    def __init__(
        self, stream: LatentStream, vae: Vae, assets: Pictures, size: tuple[int, int], mode: Mode
    ) -> None:
        """`size` is width and height in pixels."""
        spec = stream.spec
        self.mode: Mode = mode
        self._stream, self._vae, self._size = stream, vae, size
        self._schedule = Schedule(spec.shift)
        self._encoder = vae.encoder(spec.normalised)
        self._motion = Motion()
        self._steering = Steering(vae, assets, *size, spec.normalised)
        self._recent: deque[Tensor] = deque(maxlen=REMEMBERED)

    def inputs(
        self,
        images: Sequence[Image],
        parameters: CausalParameters,
        levels: tuple[Level, ...],
        guides: Guides = NO_GUIDES,
    ) -> BlockInputs:
        """The inputs of the next block, from its images (H, W, 4), none in text mode. A control
        video steers instead of the images; a mask needs one of the two to apply to.
        """
        stream, device = self._stream, self._vae.device
        begins = not stream.frame
        frames = stream.spec.frames(begins=begins, video=self.mode == "video")
        if images:
            images = _fitted(images, pictures_of(frames, begins=begins), self._size)
        video = control = None
        noise_scale = 1.0
        if self.mode == "video":
            noise_scale = parameters.noise_scale
            if parameters.noise_controller:
                noise_scale = self._motion(images, noise_scale)
            video = self._encoder(to_tensor(images, device))
            levels = self._schedule.for_video(levels, noise_scale)
        if parameters.vace_on and stream.hints is not None:
            self._steering.refer(stream, parameters)
            steers = self.mode == "control" or guides.mask
            shown = guides.control or (images if steers else ())
            control = self._steering.context(shown, frames, parameters, guides.mask)
        return BlockInputs(
            levels=levels,
            draw=seeded(parameters.seed + stream.frame, stream.shape, device),
            video=video,
            noise_scale=noise_scale,
            context_head=self._head(),
            context_weight=parameters.cache_bias,
            control=control,
            control_scale=parameters.vace_scale,
            hint_clean=parameters.vace_clean_pass,
            recache_late=parameters.prompt_change == "on_time",
        )

    def prepare(self, parameters: CausalParameters) -> int:
        """Read the images that a later block needs; returns how many are still coming. ValueError
        for one that cannot be read.
        """
        steers = parameters.vace_on and self._stream.hints is not None
        return self._steering.prepare(parameters) if steers else 0

    def shown(self, chunk: Tensor) -> None:
        """Record output pixels (1, 3, frames, H, W) of a block."""
        if self._stream.spec.refresh == "recompute":
            self._recent.extend(torch.split(chunk, 1, 2))

    @property
    def problem(self) -> str:
        """Why requested references or a mask have no effect, in sentences."""
        return " ".join(filter(None, (self._steering.problem, self._steering.idle)))

    def _head(self) -> Tensor | None:
        """The oldest recent image as a separate latent, if the spec uses one."""
        spec = self._stream.spec
        if spec.refresh != "recompute" or self._stream.frame <= spec.context:
            return None
        return self._vae.still(self._recent[0])


class Steering:
    """The VACE inputs of one stream at one size; separate encoders for the pixels to keep and to
    change.
    """

    def __init__(
        self, vae: Vae, assets: Pictures, width: int, height: int, normalised: bool
    ) -> None:
        """`width` and `height` in pixels."""
        self._vae, self._assets, self._normalised = vae, assets, normalised
        self._size = width, height
        self._inactive, self._reactive, self._empty = (vae.encoder(normalised) for _ in range(3))
        self._grey: list[Tensor] = []
        self._shown: tuple[object, ...] = ()
        self._placed: dict[str, Image] = {}  # the mask and the anchors in use
        self.problem = ""  # why the requested references have no effect
        self.idle = ""  # why a mask has no effect

    def refer(self, stream: LatentStream, parameters: CausalParameters) -> None:
        """Give the stream the requested reference images if they changed. If one is still being
        read, cannot be read, or encodes to NaN or infinity, the previous ones stay.
        """
        found = [self._assets.get(n, self._size, "contained") for n in _references(parameters)]
        known = [each for each in found if each is not None]
        keys = tuple(key for key, _ in known)
        if len(known) < len(found) or keys == self._shown:
            return
        self._shown = keys
        stills = [self._vae.still(self._pixels(p), self._normalised) for _, p in known]
        self.problem = _unusable(stills, keys)
        if not self.problem:
            stream.refer(torch.cat(stills, 2) if stills else None)

    def prepare(self, parameters: CausalParameters) -> int:
        """As `Conditioning.prepare`."""
        anchors = parameters.first_frame_image, parameters.last_frame_image
        contained, stretched = (*_references(parameters), *anchors), (parameters.vace_mask,)
        uses: Mapping[How, tuple[str, ...]] = {"contained": contained, "stretched": stretched}
        known = [
            self._assets.prepare(name, self._size, how)
            for how, names in uses.items()
            for name in names
            if name
        ]
        return known.count(False)

    def context(
        self,
        images: Sequence[Image],
        frames: int,
        parameters: CausalParameters,
        masks: Sequence[Image] = (),
    ) -> Tensor:
        """The context (1, 96, frames, h, w) of a block of `frames` latent frames. Without images,
        everything may change. `masks` belong to the images and override the still mask image.
        """
        anchors = (
            self._at("first", parameters.first_frame_image, "contained"),
            self._at("last", parameters.last_frame_image, "contained"),
        )
        self.idle = MASKS_NOTHING if masks and not images else ""
        if not images and not any(anchor is not None for anchor in anchors):
            return self._nothing(frames)
        count = self._inactive.pictures(frames)
        width, height = self._size
        if images:
            video = _fitted(images, count, self._size)
        else:
            video = [np.full((height, width, 4), 128, np.uint8)] * count
        if masks and images:
            mask = self._moving_mask(_fitted(masks, count, self._size))
        else:
            mask = self._mask(parameters, count)
        for anchor, place in zip(anchors, (slice(None, GROUP), slice(-GROUP, None)), strict=True):
            if anchor is not None:
                length = len(video[place])
                video[place], mask[:, :, place] = [anchor] * length, 0
        moving = to_tensor(video, self._vae.device)
        if not images:
            moving = torch.where(mask > 0, 0.0, moving)
        stays, changes = split(moving, mask)
        return control_context(self._inactive(stays), self._reactive(changes), folded(mask))

    def _nothing(self, frames: int) -> Tensor:
        """No control: mid grey, all of which may change."""
        if len(self._grey) < STILL:
            count = self._empty.pictures(frames)
            width, height = self._size
            grey = torch.zeros(1, 3, count, height, width, device=self._vae.device)
            self._grey.append(self._empty(grey))
        for encoder in (self._inactive, self._reactive):
            encoder.reset()  # the next images do not continue the previous ones
        latents = self._grey[-1][:, :, -frames:]
        mask = torch.ones(1, 64, *latents.shape[2:], device=latents.device)
        return control_context(latents, latents, mask)

    def _mask(self, parameters: CausalParameters, count: int) -> Tensor:
        """The still mask as (1, 1, count, H, W): 1 where the control video may change."""
        width, height = self._size
        mask = self._at("mask", parameters.vace_mask, "stretched")
        if mask is None:
            flat = np.ones((height, width), np.float32)
        else:
            flat = mask[..., 0].astype(np.float32) / 255
        whole = uploaded(torch.as_tensor(flat), self._vae.device)
        return whole[None, None, None].repeat(1, 1, count, 1, 1)

    def _moving_mask(self, masks: Sequence[Image]) -> Tensor:
        """As `_mask`, for a live mask: its brightness. Alpha is ignored, as few senders set it on
        purpose.
        """
        whole = uploaded(torch.as_tensor(np.stack(masks)[..., :3]), self._vae.device)
        return (whole.float().mean(-1) / 255)[None, None]

    def _at(self, place: str, name: str, how: How) -> Image | None:
        """The image for `place`. If it is still being read, or cannot be read, the previous one
        stays.
        """
        found = self._assets.get(name, self._size, how) if name else None
        if found is not None:
            self._placed[place] = found[1]
        elif not name:
            self._placed.pop(place, None)
        return self._placed.get(place)

    def _pixels(self, image: Image) -> Tensor:
        return to_tensor([image], self._vae.device)


def _references(parameters: CausalParameters) -> list[str]:
    """The names of the reference images in use."""
    names = [
        str(getattr(parameters, f"reference{place}"))
        for place in PLACES
        if getattr(parameters, f"reference{place}_weight") > 0
    ]
    return [name for name in names if name]


def _fitted(images: Sequence[Image], count: int, size: tuple[int, int]) -> list[Image]:
    """`count` images, evenly chosen and cropped to whole tokens: a stream that restarts after its
    images were requested takes another number of them.
    """
    width, height = size
    places = np.linspace(0, len(images) - 1, count).round().astype(int)
    return [images[place][:height, :width] for place in places]


def _unusable(stills: Sequence[Tensor], keys: Sequence[Key]) -> str:
    """Why the latents of references cannot be used, as a sentence; empty if they can. Waits for
    the device, but only when a reference has changed.
    """
    for still, key in zip(stills, keys, strict=True):
        if not still.isfinite().all():
            return (
                f"The reference {key.path.name!r} encodes to NaN or infinity, so the previous "
                "references stay; choose another image."
            )
    return ""
