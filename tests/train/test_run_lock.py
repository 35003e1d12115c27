from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cv.errors import ModelError
from cv.train.beginning import holds_checkpoint
from cv.train.run_lock import run_lock

HOLD = """
import sys
from pathlib import Path
from cv.train.run_lock import run_lock
with run_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(ModelError, match="another process trains there"), run_lock(tmp_path):
            pass
        other.kill()
    with run_lock(tmp_path):
        pass


def test_what_a_lock_leaves_behind_is_nobody_s_own_file(tmp_path: Path) -> None:
    with run_lock(tmp_path):
        assert not holds_checkpoint(tmp_path, resume=False)
    assert not holds_checkpoint(tmp_path, resume=False)
