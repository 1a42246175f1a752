"""Attacks at the doors: what is typed, posted and sent to the bridge."""

import json
import os
import random
import socket
import struct
import threading
import zlib
from contextlib import suppress
from pathlib import Path
from time import perf_counter, sleep

from tests.attack.running import API, Unanswered, beats, message
from tests.attack.table import Field, attack

SIZES = (
    "640 x 360", "96*64", "96×64", "96 X 64", "Auto", " auto ", "96x", "x64", "0x0", "-96x64",
    "96x64x3", "9" * 4000 + "x9", "９６x６４", "96.5x64", "1e2x64", "96x64\n", "nan", "", "3x2",
)  # fmt: skip
BIG = "99999x99999", "8192x8192"
EMOJI = b'{"prompt": "a red \\ud83d fox"}'
ANSWER = 3.0  # seconds in which the page must load, whatever else goes on, here or beside us
PNG_SIZE = 6300, 6300  # 39.7 megapixels
MUCH = 600e6  # bytes that eight pictures of that size may cost at once
QUIET = 0.5  # seconds after a flood
ANSWERS = 400_000  # bytes of answers a second to a flood of questions, for all who ask together


@attack(seconds=2.0)
def sizes(field: Field) -> None:
    """Sizes in every spelling, by REST and OSC; new pictures after each"""
    bridge = field.bridge
    for text in SIZES:
        status = bridge.set(size=text)
        field.expect(status in (200, 422), f"size {text[:12]!r} is answered with {status}")
        if not field.goes_on(f"size={text[:12]!r} by REST", 3.0):
            bridge.set(size="96x56")  # the rest is to be seen too
    for values in (("640 x 360",), ("512×288",), (96, 64), ("96x",), (0, -5), (1.5,)):
        bridge.osc("/bridge/size", *values)
        if not field.goes_on(f"size {values} by OSC", 3.0):
            bridge.set(size="96x56")
    for text in BIG:
        status = bridge.set(size=text)
        if status == 200 and text == "8192x8192":  # it may fit: but then it must play, or be off
            bridge.set(size="96x56")
    field.expect(bridge.set(size="96x56") == 200, "a good size is refused")
    bridge.act("reload")
    field.goes_on("reload")


@attack(home="longlive", seconds=2.0, whole=True)
def texts(field: Field) -> None:
    """Texts that somebody parses later: steps, masks, LoRAs, references"""
    bridge = field.bridge
    for name, text in (
        ("denoising_steps", "1000,750,"), ("denoising_steps", "a,b"), ("denoising_steps", "0"),
        ("denoising_steps", "1000," * 400), ("vace_mask", "none.png"), ("vace_mask", "../../x"),
        ("first_frame_image", "\x00"), ("reference", "a" * 5000), ("lora_1", "none.safetensors"),
        ("lora_1", "../../../etc/passwd"), ("lora_1", "\x00"), ("vae", "none"), ("seed", "x"),
    ):  # fmt: skip
        status = bridge.set(**{name: text})
        field.expect(status in (200, 422), f"{name} {text[:12]!r} is answered with {status}")
        bridge.osc(f"/bridge/{name}", text)
    field.goes_on("texts that are none", 15.0)


@attack()
def half_emoji(field: Field) -> None:
    """Half an emoji as value and key, by REST, WebSocket and OSC"""
    bridge, path = field.bridge, API + "parameters"
    bodies = EMOJI, b'{"\\ud83d": 1}', b'{"prompt_2": "\\udc00\\ud83d"}', b'{"size": "\\ud83d"}'
    for body in bodies:
        status, _ = bridge.http("PATCH", path, body)
        field.expect(status in (200, 422), f"{body[:20]!r} is answered with {status}")
    for address in ("prompt", "prompt/2", "ref", "size"):
        bridge.osc(f"/bridge/{address}", b"half \xed\xa0\xbd of one")
    status, _ = bridge.http("POST", API + "pipeline", b'{"pipeline": "\\ud83d"}')
    field.expect(status in (404, 422), f"a pipeline of half an emoji is answered with {status}")
    status, _ = bridge.http("POST", API + "source", b'{"uri": "file:\\ud83d.mp4"}')
    field.expect(status < 500, f"a source of half an emoji is answered with {status}")
    sleep(0.5)
    for place in ("parameters", "state", "schema"):
        with suppress(ValueError):
            status, data = bridge.http("GET", API + place)
            field.expect(status == 200, f"{place} answers {status} after half an emoji")
            field.expect(b"\\ud8" not in data, f"{place} tells half an emoji")
    field.expect(_first_event(bridge.port), "the events are silent after half an emoji")


def _first_event(port: int) -> bytes:
    """What the events' WebSocket says first."""
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        line.sendall(upgrade(port, "events"))
        data = b""
        with suppress(OSError):
            while len(data) < 400 and (part := line.recv(4096)):
                data += part
    return data.partition(b"\r\n\r\n")[2]


def upgrade(port: int, path: str) -> bytes:
    """The request that opens a WebSocket."""
    return (
        f"GET {API}{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ).encode()


@attack()
def odd_http(field: Field) -> None:
    """Odd requests: origins, paths, numbers, lengths, headers; none is answered with 5xx"""
    bridge = field.bridge
    host, kind = "Host: 127.0.0.1\r\n", "Content-Type: application/json\r\n"

    def patch(body: str, more: str = "") -> bytes:
        length = f"Content-Length: {len(body)}\r\n"
        return f"PATCH {API}parameters HTTP/1.1\r\n{host}{kind}{length}{more}\r\n{body}".encode()

    def get(path: str, more: str = "") -> bytes:
        return f"GET {path} HTTP/1.1\r\n{host}{more}\r\n".encode()

    chunk = f"{1 << 20:x}\r\n{'x' * (1 << 20)}\r\n"
    chunked = f"PATCH {API}parameters HTTP/1.1\r\n{host}{kind}Transfer-Encoding: chunked\r\n\r\n"
    asked = {
        "an origin that is no URL": (patch('{"mix": 1}', "Origin: http://[\r\n"), (403,)),
        "a path with two slashes": (get("//host/?token"), (404,)),
        "a number of 4,000 digits": (patch('{"mix": ' + "9" * 4000 + "}"), (400, 422)),
        "a whole number of 5,000 digits": (patch('{"seed": ' + "9" * 5000 + "}"), (400, 422)),
        "brackets in brackets": (patch("[" * 200_000), (400, 422)),
        "NaN": (patch('{"mix": NaN}'), (400, 422)),
        "a list": (patch("[]"), (400, 422)),
        "headers of 100 KB": (get("/", "X: " + "x" * 100_000 + "\r\n"), (400, 431)),
        "chunks over the limit": (
            (chunked + chunk + "10\r\n0123456789abcdef\r\n0\r\n\r\n").encode(),
            (413,),
        ),
        "a length below zero": (
            f"PATCH {API}parameters HTTP/1.1\r\n{host}{kind}Content-Length: -1\r\n\r\n".encode(),
            (400, 413),
        ),
        "a host in brackets": (b"GET / HTTP/1.1\r\nHost: [\r\n\r\n", (400, 421)),
        "a zero in the path": (get("/api/v1/assets/%00"), (400, 404)),
        "no HTTP": (b"\x16\x03\x01 hello\r\n\r\n", (400,)),
        "a control character in a name": (
            f"POST {API}assets?name=a%07b.png HTTP/1.1\r\n{host}Content-Type: image/png\r\n"
            "Content-Length: 4\r\n\r\n\x89PNG".encode("latin-1"),
            (400, 415),
        ),
    }
    for what, (data, right) in asked.items():
        try:
            status = bridge.raw(data)
        except (Unanswered, OSError) as error:
            field.expect(False, f"{what}: {error}")
            continue
        wanted = " or ".join(map(str, right))
        field.expect(status in right, f"{what} is answered with {status}, not {wanted}")
    answers(field, "odd requests")


@attack(whole=True)
def patterns(field: Field) -> None:
    """OSC patterns: `/bridge/* 1`, and 300 that cost much"""
    bridge = field.bridge
    before = bridge.ask("parameters")
    worker = bridge.state()["worker"]
    for _ in range(3):
        for pattern in ("/bridge/* 1", "/bridge/** 1", "/bridge/{black,kill_engine,*} 1", "/*/* 1"):
            bridge.osc(pattern.split()[0], 1)
    costly = message("/bridge/" + "*{,}" * 60, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        for _ in range(300):
            line.sendto(costly, ("127.0.0.1", bridge.port))
    began = perf_counter()
    bridge.osc("/bridge/fade", 7.0)
    heard = bridge.until(lambda _: bridge.ask("parameters")["fade"] == 7.0, 30)
    deaf = perf_counter() - began
    field.expect(heard and deaf < 2, f"OSC was deaf for {deaf:.1f} s after costly patterns")
    after, state = bridge.ask("parameters"), bridge.state()
    for name in ("black", "freeze", "bypass", "mix", "backend", "size"):
        field.expect(after[name] == before[name], f"a pattern changed {name}")
    field.expect(state["pipeline"] == "stylize", "a pattern switched the pipeline")
    field.expect(state["worker"] == worker, "a pattern ended the engine worker")


@attack(seconds=1.5)
def queries(field: Field) -> None:
    """A flood of OSC questions, from one port and from many"""
    bridge, sent, got = field.bridge, 0, 0
    lines = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(40)]
    query, there = message("/bridge/query"), ("127.0.0.1", bridge.port)
    try:
        for line in lines:
            line.bind(("127.0.0.1", 0))
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            line.setblocking(False)
        for number in beats(2000, field.seconds):
            line = lines[0] if number % 2 else lines[number // 2 % len(lines)]
            with suppress(BlockingIOError):
                sent += line.sendto(query, there)
        sleep(QUIET)
        for line in lines:
            with suppress(BlockingIOError):
                while data := line.recv(65536):
                    got += len(data)
    finally:
        for line in lines:
            line.close()
    field.expect(got, "nobody was answered")
    field.expect(
        got <= ANSWERS * (field.seconds + QUIET),
        f"{sent} bytes of questions brought {got} bytes of answers",
    )
    answers(field, "questions")


@attack(seconds=2.0, whole=True)
def fuzz(field: Field) -> None:
    """OSC packets at random: bytes, cut and changed messages, bundles in bundles"""
    rng, bridge = random.Random(14), field.bridge
    good = [
        message("/bridge/vace", 1.5), message("/bridge/prompt", "x" * 3000),
        message("/bridge/size", "96x64"), message("/bridge/fade", -1e38),
        message("/bridge/ref", "?"),
        message("/bridge/[a-z]*", 0.5), message("/bridge/source", "file:/none"),
        message("/bridge/prompt/{1,2,3}/weight", 2.5), message("/bridge/anti_flicker", "x"),
    ]  # fmt: skip
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        for number in beats(5000, field.seconds):
            line.sendto(_mutated(rng, good, number), ("127.0.0.1", bridge.port))
    began = perf_counter()
    bridge.osc("/bridge/fade", 3.0)
    heard = bridge.until(lambda _: bridge.ask("parameters")["fade"] == 3.0, 15)
    field.expect(heard, "OSC hears nothing after a fuzz")
    field.expect(perf_counter() - began < 5, "OSC was deaf for 5 s after a fuzz")


def _mutated(rng: random.Random, good: list[bytes], number: int) -> bytes:
    kind, data = number % 5, bytearray(rng.choice(good))
    if kind == 0:
        return rng.randbytes(rng.randrange(200))
    if kind == 1:
        return bytes(data[: rng.randrange(len(data))])
    if kind == 2:
        for _ in range(3):
            data[rng.randrange(8, len(data))] = rng.randrange(256)
        return bytes(data)
    if kind == 3:
        for _ in range(rng.randrange(20)):
            data = bytearray(b"#bundle\0" + bytes(8) + struct.pack(">i", len(data)) + data)
        return bytes(data)
    return bytes(data)


@attack(stands=2.0)
def images(field: Field) -> None:
    """Eight PNGs of 39.7 megapixels and 16 bits at once"""
    bridge, data = field.bridge, _big_png(*PNG_SIZE)
    Path(f"/proc/{bridge.process.pid}/clear_refs").write_text("5")  # the peak begins anew
    before, statuses = _memory(bridge.process.pid, "VmRSS"), list[int]()

    def post(number: int) -> None:
        path = f"{API}assets?name=big{number}.png"
        kind = {"content-type": "image/png"}
        with suppress(Unanswered):
            statuses.append(bridge.http("POST", path, data, kind, timeout=60)[0])

    threads = [threading.Thread(target=post, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        answers(field, "eight pictures at once")
        sleep(0.2)
    for thread in threads:
        thread.join()
    grew = _memory(bridge.process.pid, "VmHWM") - before
    field.expect(len(statuses) == 8, f"{8 - len(statuses)} uploads got no answer")
    wrong = set(statuses) - {201, 413, 415, 422, 429, 503}
    field.expect(not wrong, f"uploads are answered with {wrong}")
    field.expect(grew <= MUCH, f"eight pictures cost {grew / 1e6:.0f} MB")


def _memory(pid: int, name: str) -> int:
    """A figure of a process's memory, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name))


def _big_png(width: int, height: int) -> bytes:
    """A PNG of 16 bits a channel, of one colour: small as a file."""
    packed, row = zlib.compressobj(1), b"\0" + b"\x80\x10" * 3 * width
    data = b"".join(packed.compress(row) for _ in range(height)) + packed.flush()

    def chunk(kind: bytes, content: bytes) -> bytes:
        mark = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + mark

    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@attack(seconds=3.0)
def blocking_sources(field: Field) -> None:
    """Sources that block as they are opened: /proc/kmsg, a FIFO, a camera's driver"""
    bridge = field.bridge
    fifo = bridge.folder.parent / "fifo.mp4"
    if not fifo.exists():
        os.mkfifo(fifo)
    for uri in ("file:/proc/kmsg", f"file:{fifo}", "file:/dev/zero", "stuck:0"):
        began = perf_counter()
        with suppress(Unanswered):
            bridge.ask("source", {"uri": uri})
        field.expect(perf_counter() - began < ANSWER, f"to choose {uri} took over {ANSWER:g} s")
        bridge.osc("/bridge/source", uri)
        answers(field, f"source {uri}")
        sleep(field.seconds / 8)
    bridge.osc("/bridge/fade", 4.0)
    heard = bridge.until(lambda _: bridge.ask("parameters")["fade"] == 4.0, 5)
    field.expect(heard, "OSC is deaf while a source blocks")
    with suppress(Unanswered):
        bridge.ask("source", {"uri": "demo:"})
    # Pictures are made of a still input too: only its age tells that the source gives some.
    there = bridge.until(lambda state: "demo:" in state["source"] and state["input_age"] < 0.2, 5)
    field.expect(there, "demo: is not taken up within 5 s")


def answers(field: Field, during: str) -> None:
    """Look whether the page loads in time."""
    began = perf_counter()
    try:
        status, _ = field.bridge.http("GET", "/", headers={"accept": "text/html"}, timeout=10)
    except Unanswered as error:
        field.expect(False, f"the page does not load during {during}: {error}")
        return
    took = perf_counter() - began
    field.expect(status == 200, f"the page answers {status} during {during}")
    field.expect(took < ANSWER, f"the page took {took:.1f} s during {during}")


def holds(field: Field, name: str, value: object) -> None:
    """Look whether a parameter has this value."""
    with suppress(Unanswered, json.JSONDecodeError):
        found = field.bridge.ask("parameters")[name]
        field.expect(found == value, f"{name} is {found!r}, not {value!r}")
