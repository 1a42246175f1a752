"""WebRTC against programs that are not ours: Chromium watches by WHEP, GStreamer sends by WHIP."""

import asyncio
import base64
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from time import perf_counter, sleep

import numpy as np
import psutil
import pytest

from bridge.control.http.server import HttpServer
from bridge.frames.frame import Frame
from bridge.settings import Settings
from bridge.transports import Options, TransportError, open_sink, open_source
from bridge.transports.pattern import draw, read_counter
from bridge.transports.webrtc import child
from engine.ipc.ring import RingWriter
from engine.ipc.segments import PREFIX, folder, private_name
from tests.support.chromium import browsing
from tests.support.desk import FakeDesk

GST = Path(__file__).parents[2] / "support" / "gst_whip.py"
SIZE = 320, 180
VIDEO = "document.getElementById('output')"
PIXELS = f"""(() => {{
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [{VIDEO}.videoWidth, {VIDEO}.videoHeight];
    const context = canvas.getContext("2d");
    context.drawImage({VIDEO}, 0, 0);
    const {{data}} = context.getImageData(0, 0, canvas.width, canvas.height);
    return btoa(Array.from(data, (each) => String.fromCharCode(each)).join(""));
}})()"""


@pytest.mark.parametrize("opened", [open_sink, open_source])
def test_without_the_extra_one_sentence_has_the_command(monkeypatch, opened):
    monkeypatch.setattr(child, "find_spec", lambda name: None)
    with pytest.raises(TransportError, match=r"needs the extra `webrtc`: .+\.$"):
        opened("whep:" if opened is open_sink else "whip:", Options())


@pytest.fixture
def server(tmp_path):
    pytest.importorskip("aiortc", reason="the extra `webrtc` is missing")
    (tmp_path / "assets").mkdir()
    server = HttpServer(FakeDesk(tmp_path / "assets"), Settings(port=0, folder=tmp_path))
    server.bind()
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.close()


def until(true, timeout=30.0):
    end = perf_counter() + timeout
    while not (found := true()):
        assert perf_counter() < end, "never true"
        sleep(0.02)
    return found


@contextmanager
def sending(sink):
    """Frames that say which they are, 30 a second; gives when each was sent."""
    sent, stop = {}, threading.Event()

    def send():
        while not stop.wait(1 / 30):
            number = len(sent) + 1
            image = draw("output", *SIZE, number)
            sent[number] = perf_counter()
            sink.send(Frame(image, sent[number], number))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield sent
    finally:
        stop.set()
        thread.join()


def shown(page):
    """The number of the frame that a page shows."""
    width, height = page.run(f"[{VIDEO}.videoWidth, {VIDEO}.videoHeight]")
    pixels = np.frombuffer(base64.b64decode(page.run(PIXELS)), np.uint8)
    return read_counter(pixels.reshape(height, width, 4))


@pytest.mark.slow
@pytest.mark.browser
def test_two_browsers_watch_what_one_process_encodes(server, tmp_path, record_property):
    with (
        open_sink("whep:?viewers=2", Options()) as sink,
        sending(sink) as sent,
        browsing(tmp_path) as browser,
        browser.page() as page,
        browser.page() as late,
    ):
        page.go(f"{server}/view")
        page.until(f"{VIDEO}.currentTime > 0.5")
        late.go(f"{server}/view")
        late.until(f"{VIDEO}.currentTime > 0.5")
        assert "2 of 2 watch" in until(lambda: "2 of" in sink.status and sink.status)
        for each in (page, late):
            first = shown(each)
            until(lambda each=each, first=first: shown(each) > first + 10)
            number = shown(each)
            delay = perf_counter() - sent[number]
            record_property("delay", round(delay, 3))
            assert delay < 3, "the time to read the pixels included"
            assert each.complaints() == []
        with pytest.raises(urllib.error.HTTPError) as refused:
            post(f"{server}/whep", "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n")
        assert refused.value.code == 503
        refused.value.close()
        page.go("about:blank")
        until(lambda: "1 of" in sink.status)
    assert not [*folder().glob(f"{PREFIX}{os.getpid()}-0-whep-*")]


@pytest.mark.slow
def test_a_viewer_that_lost_its_image_gets_a_key_frame(monkeypatch):
    aiortc = pytest.importorskip("aiortc", reason="the extra `webrtc` is missing")
    from aiortc.rtp import RTCP_PSFB_PLI, RtcpPsfbPacket

    from bridge.transports.webrtc import sending

    monkeypatch.setattr(sending, "KEYS", 0.0)

    async def watch() -> list[bool]:
        media = sending.Sending(1.0, lambda message: None)
        connection = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        media.prepare(connection)
        (sender,) = connection.getSenders()
        encoding = asyncio.create_task(media.run())
        keys = []
        with RingWriter(private_name(0, "whep", 1), *SIZE) as ring:
            media.renew(ring.name)
            for number in range(4):
                if number == 2:
                    loss = RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=sender._ssrc)
                    await sender._handle_rtcp_packet(loss)
                ring.write(draw("output", *SIZE, number), perf_counter(), number)
                media.wake()
                packet = await sender.track.recv()
                keys.append(any(nal[0] & 31 == 5 for nal in bytes(packet).split(b"\0\0\1")[1:]))
            ring.unlink()
        encoding.cancel()
        await connection.close()
        return keys

    assert asyncio.run(watch()) == [True, False, True, False]


@pytest.mark.slow
def test_an_ended_process_is_one_sentence_and_another_one_starts(server):
    with open_sink("whep:", Options()) as sink, sending_once(sink):
        (process,) = [
            each for each in psutil.Process().children() if child.MODULE in each.cmdline()
        ]
        process.kill()
        with pytest.raises(TransportError, match=r"The WebRTC process was killed by SIGKILL"):
            until(lambda: sink.send(Frame(draw("output", *SIZE, 1), perf_counter(), 1)))
    with open_sink("whep:", Options()) as sink:
        sink.send(Frame(draw("output", *SIZE, 1), perf_counter(), 1))
        for offer in ("", "v=0\r\n", "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n", "m=video\n" * 3):
            with pytest.raises(urllib.error.HTTPError) as refused:
                post(f"{server}/whep", offer)
            assert refused.value.code == 400
            refused.value.close()
        sink.send(Frame(draw("output", *SIZE, 1), perf_counter(), 1))


@contextmanager
def sending_once(sink):
    sink.send(Frame(draw("output", *SIZE, 1), perf_counter(), 1))
    yield


def post(url, sdp):
    asked = urllib.request.Request(url, sdp.encode(), {"content-type": "application/sdp"})
    with urllib.request.urlopen(asked, timeout=20) as answer:
        return answer.status


@contextmanager
def gstreamer(server, codec):
    process = subprocess.Popen(
        ["/usr/bin/python3", GST, f"{server}/whip", codec], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.slow
@pytest.mark.foreign
@pytest.mark.skipif(sys.platform != "linux", reason="GStreamer's Python is looked for on Linux")
def test_gstreamer_sends_and_the_newest_sender_takes_over(server):
    needs = "import gi; gi.require_version('GstWebRTC', '1.0')"
    if subprocess.run(["/usr/bin/python3", "-c", needs], capture_output=True).returncode:
        pytest.skip("apt-get install python3-gst-1.0 gstreamer1.0-plugins-bad gstreamer1.0-nice "
                    "gstreamer1.0-plugins-ugly gir1.2-gst-plugins-bad-1.0")  # fmt: skip
    with open_source("whip:", Options()) as source:
        with pytest.raises(TransportError, match="already used by another input"):
            open_source("whip:", Options())
        assert not source.there
        with gstreamer(server, "h264") as first:
            frame = until(lambda: source.receive(0.1))
            assert source.there
            assert frame.image.shape == (180, 320, 4)
            assert np.abs(frame.image[90, 160].astype(int) - (254, 0, 0, 255)).max() < 8
            assert source.status == "320x180 by WHIP"
            with gstreamer(server, "vp8") as second:
                place = second.stdout.readline().split()[1]
                frames = [until(lambda: source.receive(0.1)) for _ in range(30)]
                assert all(b.index > a.index for a, b in pairwise(frames))
                assert first.poll() is None
                gone = urllib.request.Request(f"{server}/{place}", method="DELETE")
                urllib.request.urlopen(gone, timeout=10).close()
                until(lambda: source.receive(0.1) is None and not source.there)
    assert not [*folder().glob(f"{PREFIX}*-0-whip-*")]
