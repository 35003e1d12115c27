"""Turns: never more at once than places, and whoever waits longest comes next."""

from __future__ import annotations

import threading
import time

from cv.detect.turns import Turns


def test_those_who_wait_longest_come_first():
    turns, order = Turns(1), []

    def work(since_s: float) -> None:
        with turns.take(since_s):
            order.append(since_s)

    with turns.take(0.0):
        threads = [threading.Thread(target=work, args=(s,)) for s in (3.0, 1.0, 5.0, 2.0, 4.0)]
        for thread in threads:
            thread.start()
        while len(turns._waiting) < 5:
            time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert order == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_never_more_at_once_than_there_are_places():
    turns, lock = Turns(3), threading.Lock()
    now = most = done = 0

    def work() -> None:
        nonlocal now, most, done
        for _ in range(50):
            with turns.take(time.monotonic()):
                with lock:
                    now += 1
                    most = max(most, now)
                time.sleep(0.0002)
                with lock:
                    now -= 1
                    done += 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 3
    assert done == 400


def test_a_place_comes_back_after_an_error():
    turns = Turns(1)
    for _ in range(3):
        try:
            with turns.take(0.0):
                raise ValueError
        except ValueError:
            pass
    with turns.take(0.0):
        pass
