"""Prometheus text: every field of `Status` declared with a `metric`; no separate list."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bridge import __version__
from bridge.control.bridge_api import BridgeApi
from bridge.state.status import STATUS

UNITS = {
    "ms": ("_seconds", 1e-3),
    "s": ("_seconds", 1.0),
    "MB": ("_bytes", 1e6),
    "°C": ("_celsius", 1.0),
}  # base units


class _State(Collector):
    def __init__(self, desk: BridgeApi) -> None:
        self._desk = desk

    def collect(self) -> Iterable[Metric]:
        return self._families()

    def _families(self) -> Iterator[Metric]:
        status = self._desk.status()
        for row in STATUS:
            if not row.metric:
                continue
            suffix, factor = UNITS.get(row.unit, ("", 1.0))
            family = CounterMetricFamily if row.metric == "counter" else GaugeMetricFamily
            metric = family(f"bridge_{row.name}{suffix}", row.help)
            metric.add_metric([], getattr(status, row.name) * factor)
            yield metric
        state = GaugeMetricFamily("bridge_worker_state", "The engine's state.", labels=["state"])
        state.add_metric([str(status.state)], 1)
        yield state
        build = GaugeMetricFamily("bridge_build_info", "The bridge's version.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build


def registry(desk: BridgeApi) -> CollectorRegistry:
    """A registry of only this desk's state."""
    found = CollectorRegistry()
    found.register(_State(desk))
    return found


__all__ = ["generate_latest", "registry"]
