"""Frames come back from every codec as they were sent, as far as it promises."""

import dataclasses
import shutil
import subprocess
import threading

import cv2
import numpy as np
import pytest

from engine.remote.codec import CODECS, codec_of, decoder_of, encoder_of
from engine.remote.h264 import SOFTWARE, Backend, H264Decoder, H264Encoder, working
from engine.remote.packet import CodecError

SIZE = WIDTH, HEIGHT = 320, 176
RATE = 2_500_000


def flat(width, height, colour):
    return np.full((height, width, 4), (*colour, 255), np.uint8)


def drawn(number=0, width=WIDTH, height=HEIGHT):
    """Discs that move to the right."""
    image = flat(width, height, (20, 30, 40))
    for disc in range(12):
        rng = np.random.default_rng(disc)
        x, y = (int(place) for place in rng.integers(0, (width, height)))
        colour = tuple(int(level) for level in rng.integers(0, 256, 3))
        cv2.circle(image, (x + 3 * number, y), 25, (*colour, 255), -1, cv2.LINE_AA)
    return image


def psnr(one, other):
    return cv2.PSNR(np.ascontiguousarray(one[..., :3]), np.ascontiguousarray(other[..., :3]))


@pytest.fixture(scope="module")
def stream():
    """Three packets: a key frame, and two that follow it."""
    encoder = H264Encoder(RATE)
    return [encoder.encode(drawn(number)).data for number in range(3)]


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("name", CODECS)
def test_any_size_comes_back_one_image_for_each_packet(name, alpha):
    encoder = encoder_of(codec_of(name), RATE, alpha=alpha)
    decoder = decoder_of(codec_of(name), alpha=alpha)
    for size in ((64, 48), (64, 48), (333, 251), (1, 1), (2, 7)):
        sent = flat(*size, (200, 100, 50))
        sent[..., 3] = 255 if alpha else 90
        got = decoder.decode(encoder.encode(sent).data, size)
        assert got.shape == sent.shape
        assert got.flags.c_contiguous
        assert (got[..., 3] == 255).all()
        assert np.abs(got[..., :3].astype(int) - sent[..., :3]).max() <= 3


def test_an_unknown_codec_is_told_which_there_are():
    assert codec_of(" H264 ") is CODECS["h264"]
    with pytest.raises(CodecError, match=r"A codec is h264, jpeg or raw, not 'vp8'\."):
        codec_of("vp8")


@pytest.mark.parametrize("name", ["h264", "jpeg"])
def test_flat_colours_come_back_within_three_levels(name):
    encoder, decoder = encoder_of(codec_of(name), RATE), decoder_of(codec_of(name))
    for colour in np.ndindex(3, 3, 3):
        sent = flat(*SIZE, [127.5 * level for level in colour])
        got = decoder.decode(encoder.encode(sent, key=True).data, SIZE)
        assert np.abs(got.astype(int) - sent).max() <= 3, sent[0, 0]


@pytest.mark.parametrize(("name", "least"), [("h264", 32), ("jpeg", 32), ("raw", 360)])
def test_a_moving_picture_keeps_its_looks(name, least):
    encoder, decoder = encoder_of(codec_of(name), RATE), decoder_of(codec_of(name))
    for number in range(10):
        got = decoder.decode(encoder.encode(drawn(number)).data, SIZE)
    assert psnr(got, drawn(9)) > least


def test_key_frames_come_at_the_start_when_asked_for_and_where_the_size_changes():
    encoder = H264Encoder(RATE)
    keys = [encoder.encode(drawn(number), key=number == 4).key for number in range(6)]
    keys.append(encoder.encode(drawn(6, 330, 176)).key)
    assert keys == [True, False, False, False, True, False, True]


def test_the_bitrate_changes_both_ways_without_a_key_frame():
    encoder = H264Encoder(RATE, SOFTWARE)
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8), (0, 0), 2) * 3
    rates = []
    for encoder.bitrate in (RATE, RATE // 4, RATE):
        packets = [encoder.encode(np.roll(noise, 3 * number, 1)) for number in range(60)]
        rates.append(sum(len(packet.data) for packet in packets[30:]) * 8)  # in one second
        assert sum(packet.key for packet in packets) == (len(rates) == 1)
    assert rates[1] < 1.3 * RATE // 4
    assert rates[0] > 2 * rates[1]
    assert rates[2] > 2 * rates[1]


def test_an_encoder_that_cannot_change_its_bitrate_opens_again_at_most_once_a_second():
    now = 0.0
    encoder = H264Encoder(RATE, dataclasses.replace(SOFTWARE, steady=False), lambda: now)
    keys = []
    for number in range(50):
        now = number / 10
        encoder.bitrate = RATE // (1 + number // 2) if number < 30 else RATE // 15
        if encoder.encode(drawn()).key:
            keys.append(number)
    assert keys == [0, 10, 20, 30]


def test_broken_packets_are_refused_and_a_key_frame_mends(stream):
    key, second, third = stream
    rng = np.random.default_rng(0)
    broken = [b"", rng.bytes(2000), second, key + second, bytes(5000)]
    broken += [key[:cut] for cut in range(1, len(key), len(key) // 20)]
    decoder = H264Decoder()
    for data in broken:
        with pytest.raises(CodecError, match="dropped"):
            decoder.decode(data, SIZE)
        with pytest.raises(CodecError, match="dropped"):
            decoder.decode(third, SIZE)  # what it refers to is lost
    assert psnr(decoder.decode(key, SIZE), drawn(0)) > 25
    with pytest.raises(CodecError, match="dropped"):
        decoder.decode(second[: len(second) // 2], SIZE)
    with pytest.raises(CodecError, match="dropped"):
        decoder.decode(third, SIZE)
    assert psnr(decoder.decode(key, SIZE), drawn(0)) > 25
    assert psnr(decoder.decode(second, SIZE), drawn(1)) > 25


@pytest.mark.parametrize("name", ["h264", "jpeg"])
def test_damaged_packets_give_an_image_or_a_sentence(name):
    rng = np.random.default_rng(0)
    encoder = encoder_of(codec_of(name), RATE, alpha=True)
    clear = drawn()
    clear[:, : WIDTH // 2, 3] = 0
    data = encoder.encode(clear).data
    decoder, seen = decoder_of(codec_of(name), alpha=True), set()
    for _ in range(100):
        hurt = np.frombuffer(data, np.uint8).copy()
        hurt[rng.integers(0, hurt.size, 5)] = rng.integers(0, 256, 5)
        cut = rng.integers(0, 2 * hurt.size)
        try:
            seen.add(decoder.decode(hurt[:cut].tobytes(), SIZE).shape)
        except CodecError as error:
            seen.add(str(error)[:19])
    assert seen <= {clear.shape, "A frame was dropped"}
    assert "A frame was dropped" in seen


def test_a_jpeg_that_was_cut_is_refused():
    data = encoder_of(codec_of("jpeg"), RATE).encode(drawn()).data
    for cut in (2, 700, len(data) // 2, len(data) - 2):
        with pytest.raises(CodecError, match="not a complete JPEG"):
            decoder_of(codec_of("jpeg")).decode(data[:cut], SIZE)


@pytest.mark.parametrize("name", CODECS)
def test_a_packet_of_another_size_is_refused(name):
    codec = codec_of(name)
    data = encoder_of(codec, RATE).encode(drawn()).data
    for size in ((64, 48), (WIDTH, HEIGHT - 2), (1920, 1080)):
        with pytest.raises(CodecError, match="dropped"):
            decoder_of(codec).decode(data, size)
    if name == "h264":  # refused before an image is allocated
        with pytest.raises(CodecError, match="no whole"):
            H264Decoder().decode(data, (64, 48))
    for size in ((1 << 20, 1 << 20), (0, 5), (8192, 8193)):
        with pytest.raises(CodecError, match="at most 64 million pixels"):
            decoder_of(codec).decode(data, size)
    with pytest.raises(CodecError, match="at most 64 million pixels"):
        encoder_of(codec, RATE).encode(np.broadcast_to(drawn()[:1, :1], (9000, 9000, 4)))


@pytest.mark.parametrize("name", ["h264", "jpeg"])
def test_a_frame_too_long_for_a_codec_is_refused_with_the_cure(name):
    with pytest.raises(CodecError, match=r"99999x2.*choose another size"):
        encoder_of(codec_of(name), RATE).encode(flat(99_999, 2, (0, 0, 0)))


@pytest.mark.parametrize(
    ("name", "rate", "most"),
    [("h264", RATE // 3, 0), ("h264", RATE // 6, 1), ("jpeg", RATE, 0), ("raw", RATE, 0)],
)
def test_alpha_comes_along_exact_where_it_is_clear_or_opaque(name, rate, most):
    encoder = encoder_of(codec_of(name), rate, alpha=True)
    decoder = decoder_of(codec_of(name), alpha=True)
    for number in range(12):
        sent = drawn(number)
        sent[..., 3] = 0
        left = 20 + 8 * number
        sent[40:140, left : left + 100, 3] = 255
        sent[40:60, left + 40 : left + 80, 3] = 128
        got = decoder.decode(encoder.encode(sent).data, SIZE)
        cover = got[..., 3].astype(int)
        assert cover[68:132, left + 8 : left + 92].min() >= 255 - most
        assert cover[:32].max() <= most
        assert cover[:, : left - 8].max() <= most
        assert np.abs(cover[44:56, left + 44 : left + 76] - 128).max() <= 12


def test_a_new_reader_of_alpha_begins_with_a_key_frame_though_the_alpha_was_flat_then():
    codec = codec_of("h264")
    encoder, first, late = (
        encoder_of(codec, RATE, alpha=True),
        *(decoder_of(codec, alpha=True) for _ in range(2)),
    )
    soft = drawn()
    soft[..., 3] = np.arange(WIDTH) * 255 // WIDTH
    clear = drawn()
    clear[..., 3] = 7
    first.decode(encoder.encode(soft).data, SIZE)
    data = encoder.encode(clear, key=True).data
    assert (late.decode(data, SIZE)[..., 3] == 7).all()
    assert (first.decode(data, SIZE)[..., 3] == 7).all()
    data = encoder.encode(soft).data
    for decoder in (first, late):
        got = decoder.decode(data, SIZE)[..., 3].astype(int)
        assert np.abs(got - soft[..., 3]).mean() < 4


@pytest.mark.foreign
def test_ffmpeg_plays_the_stream(tmp_path):
    if not shutil.which("ffprobe"):
        pytest.skip("needs ffprobe")
    encoder, file = H264Encoder(RATE), tmp_path / "stream.h264"
    file.write_bytes(b"".join(encoder.encode(drawn(number)).data for number in range(10)))
    told = subprocess.run(
        ["ffprobe", "-v", "error", "-count_frames", "-show_entries",
         "stream=width,height,nb_read_frames,color_range,color_space", "-of", "csv=p=0", str(file)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.strip() == f"{WIDTH},{HEIGHT},pc,bt470bg,10"
    assert not told.stderr


def test_an_encoder_is_taken_if_it_returns_each_frame_at_once(caplog):
    slow = Backend("libx264", {"preset": "medium"}, "yuv420p")
    good = dataclasses.replace(SOFTWARE, steady=False)
    assert working([Backend("h264_of_nobody"), slow, good]) is good
    assert working([slow]) is SOFTWARE
    answered = threading.Event()

    def hangs():
        answered.wait(30)
        yield good

    assert working(hangs(), patience=0.05) is SOFTWARE
    answered.set()
    assert "did not answer" in caplog.text


@pytest.mark.parametrize("options", [{"preset": "nonsense"}, {"preset": "medium"}])
def test_software_goes_on_where_hardware_fails(options, caplog):
    encoder = H264Encoder(RATE, Backend("libx264", options, "yuv420p"))
    packet = encoder.encode(drawn())
    assert packet.key
    assert H264Decoder().decode(packet.data, SIZE).shape == drawn().shape
    assert not encoder.encode(drawn()).key
    assert "goes on" in caplog.text
