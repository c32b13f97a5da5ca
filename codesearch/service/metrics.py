"""Counts of what a server did, as Prometheus reads them (text exposition format 0.0.4)."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping

from indexer.process_memory import resident_bytes

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds in seconds."""


class Metrics:
    """Counters of one server; only its event loop touches them."""

    def __init__(self) -> None:
        self._started_at = time.monotonic()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._buckets: Counter[tuple[str, float]] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def count(self, route: str, status: int, elapsed_seconds: float) -> None:
        """Note one response; `route` is one of few names, never what a client wrote."""
        self._requests[route, status] += 1
        self._seconds[route] += elapsed_seconds
        for bound in _BUCKETS:
            if elapsed_seconds <= bound:
                self._buckets[route, bound] += 1

    def text(self, gauges: Mapping[str, float]) -> str:
        """All of it; `gauges` are further values by name."""
        lines = ["# TYPE codesearch_requests_total counter"]
        lines += [
            f'codesearch_requests_total{{route="{route}",status="{status}"}} {n}'
            for (route, status), n in sorted(self._requests.items())
        ]
        lines.append("# TYPE codesearch_request_seconds histogram")
        for route in sorted(self._seconds):
            n = sum(count for (other, _), count in self._requests.items() if other == route)
            bucket = f'codesearch_request_seconds_bucket{{route="{route}",le='
            lines += [f'{bucket}"{bound:g}"}} {self._buckets[route, bound]}' for bound in _BUCKETS]
            lines.append(f'{bucket}"+Inf"}} {n}')
            lines.append(f'codesearch_request_seconds_sum{{route="{route}"}} {self._seconds[route]:.6f}')
            lines.append(f'codesearch_request_seconds_count{{route="{route}"}} {n}')
        values = {
            **gauges,
            "codesearch_uptime_seconds": round(time.monotonic() - self._started_at, 3),
            "process_resident_memory_bytes": resident_bytes(),
        }
        for name, value in values.items():
            lines += [f"# TYPE {name} gauge", f"{name} {value}"]
        return "\n".join(lines) + "\n"
