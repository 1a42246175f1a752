"""A foreign Spout sender for the tests: liru, with its own Spout.dll, in the Windows Python 3.13.

Told by lines of JSON on standard input, answers each with a line of JSON. `open` starts a sender,
`send` shares the next `count` pictures, `close` takes the sender away.
"""

import ctypes
import json
import os
import random
import sys
import time

GL_TEXTURE_2D, GL_RGBA, GL_RGBA8, GL_UNSIGNED_BYTE = 0x0DE1, 0x1908, 0x8058, 0x1401
GL_UNPACK_ALIGNMENT = 0x0CF5


def picture(width, height, number):
    """RGBA noise, top row first, with a number in its first pixel; the test makes the same."""
    noise = random.Random(7).randbytes(width * height * 4)
    return bytes((number & 255, number >> 8, 90, 165)) + noise[4:]


def load_shim(mode):
    """What `import shim` does, which for gldx wants SpoutGL in place of liru."""
    if mode == "none":
        return
    name = {"cpu": "d3dshare.dll", "gldx": "d3dshare2.dll"}[mode]
    dll = ctypes.CDLL(os.path.join(os.path.dirname(sys.executable), "shims", name))
    assert dll.d3dshare_install(0) >= 0, "no Direct3D 11 device"
    if mode == "gldx":
        assert dll.d3dshare_gldx(b"Spout.dll") == 1, "wglGetProcAddress not found in Spout.dll"


class Deeds:
    """One sender at a time, and the texture that it shares."""

    def __init__(self, liru, gl):
        self.liru, self.gl = liru, gl

    def open(self, name, width, height):
        self.sender = self.liru.Sender(name, width, height)
        self.number = 0
        texture = ctypes.c_uint()
        self.gl.glGenTextures(1, ctypes.byref(texture))
        self.texture = texture.value
        self.gl.glBindTexture(GL_TEXTURE_2D, self.texture)
        self.gl.glTexImage2D(
            GL_TEXTURE_2D, 0, GL_RGBA8, width, height, 0, GL_RGBA, GL_UNSIGNED_BYTE, None
        )
        return {"texture": self.texture}

    def send(self, count=1, fps=25.0):
        width, height = self.sender.width, self.sender.height
        due = time.perf_counter()
        for _ in range(count):
            self.number += 1
            data = picture(width, height, self.number)
            self.gl.glBindTexture(GL_TEXTURE_2D, self.texture)
            self.gl.glTexSubImage2D(
                GL_TEXTURE_2D, 0, 0, 0, width, height, GL_RGBA, GL_UNSIGNED_BYTE, data
            )
            self.sender.send_texture(self.texture)  # raises where it fails
            due = max(due + 1 / fps, time.perf_counter() - 1 / fps)
            time.sleep(max(0.0, due - time.perf_counter()))
        return {"number": self.number}

    def close(self):
        self.sender.release()
        self.gl.glDeleteTextures(1, ctypes.byref(ctypes.c_uint(self.texture)))
        return {"error": self.gl.glGetError()}


def main():
    import glfw
    import liru

    # Its Spout remarks on standard output, where only the answers may be.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    load_shim(os.environ.get("SHIM", "none"))
    assert glfw.init()
    glfw.window_hint(glfw.VISIBLE, glfw.FALSE)
    window = glfw.create_window(64, 64, "liru", None, None)
    glfw.make_context_current(window)
    gl = ctypes.WinDLL("opengl32")
    gl.glPixelStorei(GL_UNPACK_ALIGNMENT, 1)
    deeds = Deeds(liru, gl)
    print(json.dumps({"liru": liru.__version__}), file=answers, flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(getattr(deeds, order.pop("do"))(**order)), file=answers, flush=True)
    glfw.terminate()


if __name__ == "__main__":
    main()
