"""How much plays of a recording that was killed: `python -m tests.support.killed_recordings`.

A child records by a clock that jumps from beat to beat, and kills itself; ffprobe reads what is
left. Prints, for every kind and rate of new pictures, the seconds that play.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil

from bridge.frames.frame import Frame
from bridge.transports import Options, open_sink
from bridge.transports.recording import kinds, sink

SECONDS = 12.0  # that are recorded
RATES = (4, 8, 25, 60)  # new pictures a second
BEATS = 60  # of the output clock, in a second
FILMS = tuple(
    f"show{ending}?codec={codec.names[0]}"
    for ending, container in kinds.CONTAINERS.items()
    for codec in container.codecs
)
PICTURES = tuple(f"show-%04d{ending}" for ending in kinds.PICTURES)


def record(uri: str, rate: float, seconds: float, last=lambda: None) -> None:
    """Record in no time, with `last` to be called before the end."""
    now = 1000.0
    sink.perf_counter, real = lambda: now, sink.perf_counter
    image = np.full((48, 64, 4), 90, np.uint8)
    try:
        with open_sink(uri, Options(width=64, height=48, fps=BEATS, steady=True)) as recording:
            for beat in range(round(seconds * BEATS)):
                now, number = 1000.0 + beat / BEATS, int(beat * rate / BEATS)
                image[:8, :8] = number % 200  # little changes, so that few bytes are made
                recording.send(Frame(image, 0.0, number + 1))
            last()
    finally:
        sink.perf_counter = real


def played(folder: Path, name: str, rate: float, seconds: float = SECONDS) -> float:
    """Seconds that play of a recording of this name, killed after `seconds`."""
    subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.support.killed_recordings",
            f"file:{folder / name}",
            str(rate),
            str(seconds),
        ],
        check=False,
    )
    if name in PICTURES:
        return sum(1 for file in folder.iterdir() if file.suffix != ".part") / BEATS
    return shown(folder / name.partition("?")[0])


def shown(path: Path) -> float:
    """Seconds from the first to the last picture that ffprobe can decode."""
    told = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "frame=pts_time",
         "-of", "csv=p=0", str(path)],
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    times = [float(line.split(",")[0]) for line in told.splitlines() if line.strip(",")]
    return times[-1] - times[0] if times else 0.0


def main() -> None:
    """The table."""
    print(f"seconds that play of {SECONDS:g}, killed; new pictures a second:")
    print(f"{'':28}" + "".join(f"{rate:8}" for rate in RATES))
    for name in (*FILMS, *PICTURES):
        print(f"{name:28}", end="", flush=True)
        for rate in RATES:
            with tempfile.TemporaryDirectory() as folder:
                print(f"{played(Path(folder), name, rate):8.2f}", end="", flush=True)
        print()


if __name__ == "__main__":
    if sys.argv[1:]:
        record(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), psutil.Process().kill)
    else:
        main()
