"""The network that is validated and kept is the mean over the last steps."""

from __future__ import annotations

import pytest

from cv.errors import ModelError

pytestmark = pytest.mark.usefixtures("stack")


def weights(steps: int, updates: int) -> list[float]:
    """How much each step counts in the mean after so many, the start before the first one."""
    from cv.train.trainer import ema_decay

    decay, counts = ema_decay(steps), [1.0]
    for update in range(1, updates + 1):
        share = decay(update)
        counts = [share * count for count in counts] + [1 - share]
    return counts


@pytest.mark.parametrize("steps", [20, 100, 400])
def test_about_so_many_last_steps_count_and_the_start_is_forgotten(steps: int) -> None:
    counts = weights(steps, 10 * steps)
    assert sum(counts) == pytest.approx(1)
    assert sum(counts[-steps:]) == pytest.approx(0.63, abs=0.02)
    assert sum(counts[-3 * steps :]) > 0.93
    assert counts[0] < 1e-4


def test_an_average_of_one_step_is_the_last_one() -> None:
    assert weights(1, 5) == [0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("steps", [0, -1])
def test_no_step_at_all_is_refused(steps: int) -> None:
    with pytest.raises(ModelError, match="ema_steps"):
        weights(steps, 1)
