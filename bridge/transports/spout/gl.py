"""Spout frames through OpenGL: from a sender's texture to an array, in one thread's context.

SpoutGL's own `receiveImage` reads through two buffers: it gives an empty image first, is always one
frame late, and never delivers the last frame of a sender that pauses. `receiveTexture` has none of
these problems: the texture is copied on the GPU and read back here.

Nothing is swapped or flipped here: most senders' textures are BGRA, and Spout's copy gives each
channel by name, top row first, whatever the sender's order in memory.
"""

import ctypes
from typing import Protocol

import numpy as np
from OpenGL import GL
from OpenGL.GL import shaders

from bridge.frames.frame import Image

TEXTURE_2D = 0x0DE1

VERTEX = """
#version 150
out vec2 place;
void main() {
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0;
    place = corner;
    gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}
"""
FRAGMENT = """
#version 150
in vec2 place;
out vec4 colour;
uniform sampler2D picture;
void main() { colour = texture(picture, place); }
"""


class Texture:
    """An RGBA8 texture with a framebuffer to read it through."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.id = int(GL.glGenTextures(1))
        GL.glBindTexture(GL.GL_TEXTURE_2D, self.id)
        GL.glTexParameteri(GL.GL_TEXTURE_2D, GL.GL_TEXTURE_MIN_FILTER, GL.GL_LINEAR_MIPMAP_LINEAR)
        for side in (GL.GL_TEXTURE_WRAP_S, GL.GL_TEXTURE_WRAP_T):
            GL.glTexParameteri(GL.GL_TEXTURE_2D, side, GL.GL_CLAMP_TO_EDGE)
        GL.glTexImage2D(
            GL.GL_TEXTURE_2D, 0, GL.GL_RGBA8, width, height, 0,
            GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, None,
        )  # fmt: skip
        GL.glBindTexture(GL.GL_TEXTURE_2D, 0)
        self.frame = int(GL.glGenFramebuffers(1))
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, self.frame)
        GL.glFramebufferTexture2D(
            GL.GL_FRAMEBUFFER, GL.GL_COLOR_ATTACHMENT0, GL.GL_TEXTURE_2D, self.id, 0
        )
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, 0)

    def read(self) -> Image:
        """The pixels (height, width, 4); the texture's first row is the top one."""
        image = np.empty((self.height, self.width, 4), np.uint8)
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, self.frame)
        GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
        GL.glReadPixels(
            0, 0, self.width, self.height, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE,
            ctypes.c_void_p(image.ctypes.data),
        )  # fmt: skip
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, 0)
        return image

    def close(self) -> None:
        """Free the memory."""
        GL.glDeleteFramebuffers(1, [self.frame])
        GL.glDeleteTextures(1, [self.id])


class Shrinker:
    """Scales on the GPU, so that less data is read back."""

    def __init__(self) -> None:
        self._program = shaders.compileProgram(
            shaders.compileShader(VERTEX, GL.GL_VERTEX_SHADER),
            shaders.compileShader(FRAGMENT, GL.GL_FRAGMENT_SHADER),
        )
        self._nothing = GL.glGenVertexArrays(1)  # a draw call needs one, even without vertices

    def __call__(self, texture: Texture, target: Texture) -> Image:
        """The pixels of `texture` at the size of `target`."""
        GL.glBindTexture(GL.GL_TEXTURE_2D, texture.id)
        GL.glGenerateMipmap(GL.GL_TEXTURE_2D)  # without it, an image at half size would flicker
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, target.frame)
        GL.glViewport(0, 0, target.width, target.height)
        GL.glDisable(GL.GL_BLEND)
        GL.glUseProgram(self._program)
        GL.glBindVertexArray(self._nothing)
        GL.glDrawArrays(GL.GL_TRIANGLES, 0, 3)
        GL.glBindVertexArray(0)
        GL.glUseProgram(0)
        GL.glBindTexture(GL.GL_TEXTURE_2D, 0)
        return target.read()


class Receiver(Protocol):
    """The part of SpoutGL's receiver that is used; Windows only."""

    def receiveTexture(self, texture: int, target: int, invert: bool, host: int) -> bool:
        """Copy the sender's texture into one of this context; False if there is none."""
        ...


class TextureReader:
    """A receiver's textures: the one Spout copies into, and a small one if needed."""

    def __init__(self, receiver: Receiver, limit: tuple[int, int] | None) -> None:
        """`limit` is the largest width and height read back; None for no limit."""
        self._receiver = receiver
        self._limit = limit
        self._whole = Texture(4, 4)
        self._small: Texture | None = None
        self._shrinker: Shrinker | None = None

    def receive(self) -> bool:
        """Let Spout copy the sender's texture; False if there is none."""
        return self._receiver.receiveTexture(self._whole.id, TEXTURE_2D, False, 0)

    def resize(self, width: int, height: int) -> None:
        """The sender's frames have this size from now on."""
        for old in (self._whole, self._small):
            if old:
                old.close()
        self._whole, self._small = Texture(width, height), None
        if self._limit and (width > self._limit[0] or height > self._limit[1]):
            part = min(self._limit[0] / width, self._limit[1] / height)
            self._small = Texture(max(1, round(width * part)), max(1, round(height * part)))
            self._shrinker = self._shrinker or Shrinker()

    def read(self) -> Image:
        """The last received image."""
        if self._small and self._shrinker:
            return self._shrinker(self._whole, self._small)
        return self._whole.read()

    def close(self) -> None:
        """Free the memory."""
        for texture in (self._whole, self._small):
            if texture:
                texture.close()


def renderer() -> str:
    """The GPU and driver of the current context."""
    return f"{GL.glGetString(GL.GL_RENDERER).decode()}, {GL.glGetString(GL.GL_VERSION).decode()}"
