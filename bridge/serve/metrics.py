"""Prometheus text of a server's sessions, each by its number: its name is a secret."""

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bridge import __version__
from bridge.serve.server import Sessions, told
from bridge.serve.session import EngineSession

LABELS = ("session", "pipeline", "holder")
# Of what `told` says: the metric, and what it is; a counter only grows.
GAUGES = {
    "connected": ("connected", "Whether its bridge is connected."),
    "fps": ("fps", "Frames made per second."),
    "age": ("age_seconds", "Time since it began."),
    "bitrate": ("most_bits_per_second", "What its line is thought to carry."),
}
COUNTERS = {
    "dropped": ("dropped_frames", "Frames that its line could not carry."),
    "sent": ("sent_bytes", "Bytes of frames sent to its bridge."),
}


class _Shown(Collector):
    def __init__(self, sessions: Sessions, seen: Sequence[EngineSession]) -> None:
        self._sessions, self._seen = sessions, seen

    def collect(self) -> Iterable[Metric]:
        return self._families()

    def _families(self) -> Iterator[Metric]:
        all_of_it = (
            ("places", "Most sessions at a time.", self._sessions.most),
            ("sessions", "Sessions now.", len(self._seen)),
            ("draining", "Whether the server is shutting down.", bool(self._sessions.draining)),
        )
        for name, text, value in all_of_it:
            yield GaugeMetricFamily(f"bridge_serve_{name}", text, value=float(value))
        rows = told(self._seen)
        families = (GAUGES, GaugeMetricFamily), (COUNTERS, CounterMetricFamily)
        for metrics, family in families:
            for key, (name, text) in metrics.items():
                metric = family(f"bridge_serve_session_{name}", text, labels=LABELS)
                for row in rows:
                    labels = [str(row["number"]), row["pipeline"], row["holder"]]
                    metric.add_metric(labels, float(row[key]))
                yield metric
        state = GaugeMetricFamily(
            "bridge_serve_session_state", "The engine's state.", labels=("session", "state")
        )
        for row in rows:
            state.add_metric([str(row["number"]), row["state"]], 1)
        yield state
        build = GaugeMetricFamily("bridge_build_info", "The server's version.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build


def metrics(sessions: Sessions, seen: Sequence[EngineSession]) -> bytes:
    """The text of those of the sessions that may be `seen`."""
    found = CollectorRegistry()
    found.register(_Shown(sessions, seen))
    return generate_latest(found)
