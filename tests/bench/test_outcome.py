"""Whether a turned camera was noticed, and whether one was made up."""

from __future__ import annotations

import pytest

from cv.bench.outcome import Faults


@pytest.mark.parametrize(
    ("true", "raised", "counts", "right"),
    [
        ("......", "......", (0, 0, 0), True),
        (".TTTT.", "...RR.", (1, 1, 0), True),
        (".TTTT...", "...RRR..", (1, 1, 0), True),  # it ends a look late
        (".TTTT.", "......", (1, 0, 0), False),
        ("......", "..RR..", (0, 0, 1), False),
        (".TTT..TTT.", "...R....R.", (2, 2, 0), True),
        (".TTT..TTT.", "...R......", (2, 1, 0), False),
        (".TTT......", "...R..RR..", (1, 1, 1), False),
        (".TT..", "..RRR", (1, 1, 0), False),  # it is left raised
        (".TTTT", "...RR", (1, 1, 0), True),  # the film ends before it turns back
    ],
)
def test_faults_against_when_the_camera_was_turned(
    true: str, raised: str, counts: tuple[int, int, int], right: bool
) -> None:
    faults = Faults()
    for turned, fault in zip(true, raised, strict=True):
        faults.look(raised=fault == "R", true=turned == "T")
    assert (faults.true, faults.found, faults.false) == counts
    assert faults.right == right
