"""Sender and receiver for the rig's self test. Runs in the Windows Python.

selftest_peer.py send|receive NAME [--size WxH] [--format RGBA] [--texture] [--no-context]
                 [--frames N] [--limit SECONDS] [--stop FILE]

Every frame is a function of its number, and carries that number in its first
pixel, so the receiver can compute what each byte must be. The receiver ends with
status 0 when SHIM=none brought no picture, or when SHIM=cpu|gldx brought N
different frames, each equal byte for byte, through the path the shim stands for.
"""

import argparse
import ctypes
import os
import struct
import sys
import time
from ctypes import wintypes

import shim  # before SpoutGL
import numpy as np
import SpoutGL
from SpoutGL import enums

FORMATS = {  # name: OpenGL format, positions of red, green, blue (and alpha)
    "RGBA": (enums.GL_RGBA, (0, 1, 2, 3)),
    "BGRA": (enums.GL_BGRA_EXT, (2, 1, 0, 3)),
    "RGB": (enums.GL_RGB, (0, 1, 2)),
    "BGR": (enums.GL_BGR_EXT, (2, 1, 0)),
}


def say(*words):
    print("   ", args.role, *words, flush=True)


def picture(width, height, number):
    """RGBA bytes of frame `number` (1..65535): noise that changes in every byte."""
    key = (width, height)
    if key not in picture.noise:
        random = np.random.Generator(np.random.PCG64(7))
        picture.noise[key] = random.integers(0, 256, (height, width, 4), np.uint8)
    image = picture.noise[key] + np.uint8(number * 37 % 256)
    image[0, 0] = (number & 255, number >> 8, 90, 165)
    return image


picture.noise = {}


def in_format(image, name):
    """The same picture in another channel order."""
    return np.ascontiguousarray(image[..., list(FORMATS[name][1])])


def number_of(image, name):
    red, green = FORMATS[name][1][:2]
    return int(image[0, 0, red]) | int(image[0, 0, green]) << 8


def make_texture(width, height):
    from OpenGL import GL

    texture = int(GL.glGenTextures(1))
    GL.glBindTexture(GL.GL_TEXTURE_2D, texture)
    GL.glTexParameteri(GL.GL_TEXTURE_2D, GL.GL_TEXTURE_MIN_FILTER, GL.GL_NEAREST)
    GL.glTexImage2D(
        GL.GL_TEXTURE_2D, 0, GL.GL_RGBA8, width, height, 0, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, None
    )
    GL.glBindTexture(GL.GL_TEXTURE_2D, 0)
    return texture


def info_map(name):
    """Handle, width, height and format from the sender's 280-byte shared block."""
    kernel = ctypes.WinDLL("kernel32")
    kernel.OpenFileMappingA.restype = wintypes.HANDLE
    kernel.OpenFileMappingA.argtypes = [wintypes.DWORD, wintypes.BOOL, ctypes.c_char_p]
    kernel.MapViewOfFile.restype = ctypes.c_void_p
    kernel.MapViewOfFile.argtypes = [
        wintypes.HANDLE,
        wintypes.DWORD,
        wintypes.DWORD,
        wintypes.DWORD,
        ctypes.c_size_t,
    ]
    mapping = kernel.OpenFileMappingA(4, False, name.encode())
    view = mapping and kernel.MapViewOfFile(mapping, 4, 0, 0, 0)
    return struct.unpack("<4I", ctypes.string_at(view, 16)) if view else None


def send():
    sender = SpoutGL.SpoutSender()
    if not args.no_context and not sender.createOpenGL():
        say("createOpenGL failed")
        return 1
    sender.setSenderName(args.name)
    texture = make_texture(width, height) if args.texture else None
    end = time.time() + args.limit
    number = sent = 0
    while time.time() < end and not (args.stop and os.path.exists(args.stop)):
        number = number % 65535 + 1
        image = picture(width, height, number)
        if args.texture:
            from OpenGL import GL

            GL.glBindTexture(GL.GL_TEXTURE_2D, texture)
            GL.glTexSubImage2D(
                GL.GL_TEXTURE_2D, 0, 0, 0, width, height, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, image
            )
            GL.glBindTexture(GL.GL_TEXTURE_2D, 0)
            sent += sender.sendTexture(texture, GL.GL_TEXTURE_2D, width, height, False, 0)
        else:
            sent += sender.sendImage(
                in_format(image, args.format), width, height, FORMATS[args.format][0], False, 0
            )
        time.sleep(1 / 40)
    path = "GL/DX" if sender.getGLDX() and not sender.getCPU() else "CPU share"
    say(f"sent {sent} frames by {path}; shim", shim.stats())
    sender.releaseSender()
    return 0 if sent else 1


def receive():
    receiver = SpoutGL.SpoutReceiver()
    if not args.no_context and not receiver.createOpenGL():
        say("createOpenGL failed")
        return 1
    end = time.time() + args.limit
    while args.name not in receiver.getSenderList():
        if time.time() > end:
            say("the sender never appeared in the list")
            return 1
        time.sleep(0.05)
    info = receiver.getSenderInfo(args.name)
    block = info_map(args.name)
    say(f"sees {args.name} {info.width}x{info.height}, handle {block[0]:#x}, format {block[3]}")
    problems = []
    if (info.width, info.height) != (width, height) or block[1:3] != (width, height):
        problems.append("wrong size in the sender's information")

    receiver.setReceiverName(args.name)
    if shim.mode == "none":
        end = time.time() + 4
    layout, channels = FORMATS[args.format][0], FORMATS[args.format][1]
    buffer = None
    texture = make_texture(4, 4) if args.texture else None
    exact, wrong, empty, updates, took = set(), 0, 0, 0, []
    while time.time() < end and len(exact) < args.frames:
        before = time.perf_counter()
        if args.texture:
            good = receiver.receiveTexture(texture, 0x0DE1, False, 0)
        else:
            good = receiver.receiveImage(buffer, layout, False, 0)
        spent = time.perf_counter() - before
        if receiver.isUpdated():
            size = receiver.getSenderHeight(), receiver.getSenderWidth(), len(channels)
            buffer = np.zeros(size, np.uint8)
            if args.texture:
                texture = make_texture(size[1], size[0])
            updates += 1
            continue
        if good and buffer is not None:
            if args.texture:
                from OpenGL import GL

                GL.glBindTexture(GL.GL_TEXTURE_2D, texture)
                data = GL.glGetTexImage(GL.GL_TEXTURE_2D, 0, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE)
                GL.glBindTexture(GL.GL_TEXTURE_2D, 0)
                buffer = np.frombuffer(data, np.uint8).reshape(buffer.shape)
            took.append(spent)
            number = number_of(buffer, args.format)
            if not buffer.any():
                empty += 1
            elif np.array_equal(buffer, in_format(picture(width, height, number), args.format)):
                exact.add(number)
            else:
                wrong += 1
        time.sleep(1 / 100)

    # The receiver has no getGLDX(); isGLDXReady() is to be trusted after the first call.
    path = "GL/DX" if receiver.isGLDXReady() and shim.stats()["locked"] else "CPU share"
    middle = sorted(took)[len(took) // 2] * 1000 if took else 0
    say(
        f"{len(exact)} different frames equal byte for byte, {wrong} wrong, {empty} empty, "
        f"{updates} updates, by {path}, {middle:.1f} ms a call; shim",
        shim.stats(),
    )
    if wrong:
        problems.append(f"{wrong} frames differ")
    if shim.mode == "none":
        if exact or took or updates:
            problems.append("a picture arrived, though nothing should be able to carry it")
        if block[0]:
            problems.append("a shared handle, though Wine has none")
    else:
        if len(exact) < args.frames:
            problems.append(f"only {len(exact)} of {args.frames} frames")
        if path != {"cpu": "CPU share", "gldx": "GL/DX"}[shim.mode]:
            problems.append(f"took the wrong path: {path}")
    for problem in problems:
        say("PROBLEM:", problem)
    receiver.releaseReceiver()
    return 1 if problems else 0


parser = argparse.ArgumentParser()
parser.add_argument("role", choices=["send", "receive"])
parser.add_argument("name")
parser.add_argument("--size", default="640x360")
parser.add_argument("--format", default="RGBA", choices=list(FORMATS))
parser.add_argument("--texture", action="store_true")
parser.add_argument("--no-context", action="store_true")
parser.add_argument("--frames", type=int, default=20)
parser.add_argument("--limit", type=float, default=60)
parser.add_argument("--stop", default="")
args = parser.parse_args()
width, height = map(int, args.size.split("x"))
sys.exit(send() if args.role == "send" else receive())
