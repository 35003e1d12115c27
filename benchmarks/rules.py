"""Milliseconds per look of the rule layer: still objects, zones, dwell; 50 objects and 20 zones.

    python benchmarks/rules.py [--looks 600]

Objects stand, jitter by a pixel and are missed in every tenth look; one in five moves on.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from zoneinfo import ZoneInfo

import numpy as np

from cv.detect.detector import Detection
from cv.detect.rules import IncidentRules
from cv.detect.still import StillObjects
from cv.geometry import Box
from cv.labels import LABELS, ZoneKind
from cv.site import Zone
from cv.site.rules import Rule, effective_rule

OBJECTS, ZONES, SIZE = 50, 20, (1920, 1080)
START = datetime(2026, 3, 14, 8, tzinfo=UTC)


def zones() -> list[Zone]:
    """A grid of five by four over the whole picture."""
    kinds = [kind for kind in ZoneKind if kind is not ZoneKind.IGNORE]
    corners = [(column / 5, row / 4) for row in range(4) for column in range(5)]
    return [
        Zone(
            f"zone-{n}", "Zone", kinds[n % len(kinds)],
            ((x, y), (x + 0.2, y), (x + 0.2, y + 0.25), (x, y + 0.25)),
        )
        for n, (x, y) in enumerate(corners)
    ]  # fmt: skip


def rule(zone: Zone, label: str) -> Rule | None:
    return effective_rule(zone.kind, label, [])


def detections(look: int, rng: np.random.Generator) -> list[Detection]:
    found = []
    for n in range(OBJECTS):
        if (look + n) % 10:
            x, y = 30 + (n % 10) * 185.0, 60 + (n // 10) * 200.0
            x += 6.0 * look if n % 5 == 0 else float(rng.uniform(-1, 1))
            box = Box(x % 1700, y, x % 1700 + 120, y + 90)
            found.append(Detection(LABELS[n % len(LABELS)], 0.8, box))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--looks", type=int, default=600)
    arguments = parser.parse_args()
    if arguments.looks < 2:
        parser.error("--looks: 2 or more")
    rng = np.random.default_rng(0)
    still = StillObjects(dict.fromkeys(LABELS, 0.5))
    rules = IncidentRules("bench", zones(), rule, zone_time=ZoneInfo("UTC"), longest_gap_s=30)
    times = []
    for look in range(arguments.looks):
        found, time_of = detections(look, rng), START + timedelta(seconds=look)
        began = time.perf_counter()
        still.look(found, time_of, SIZE, rules.is_open)
        rules.look(still.objects, time_of, SIZE)
        times.append((time.perf_counter() - began) * 1000)
    result = {
        "objects": OBJECTS, "zones": ZONES, "looks": arguments.looks,
        "median_ms": round(median(times), 3), "p95_ms": round(quantiles(times, n=20)[-1], 3),
    }  # fmt: skip
    print(json.dumps(result))


if __name__ == "__main__":
    main()
