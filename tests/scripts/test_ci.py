""".ci/run plays both halves of the suite, and fails when either does."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAKE = """#!/bin/sh
echo "called with: $*"
case "$*" in "-m long") exit {long} ;; *) exit {first} ;; esac
"""


@pytest.mark.parametrize(("first", "long"), [(0, 0), (1, 0), (0, 1), (2, 2)])
def test_both_halves_are_run_and_either_may_fail_it(tmp_path: Path, first: int, long: int) -> None:
    (tmp_path / ".ci").mkdir()
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    script = tmp_path / "scripts" / "test"
    script.write_text(FAKE.format(first=first, long=long))
    script.chmod(0o755)
    ended = subprocess.run([tmp_path / ".ci" / "run"], capture_output=True, text=True, check=False)
    assert ended.stdout.splitlines() == ["called with: ", "called with: -m long"]
    assert (ended.returncode != 0) == bool(first or long)
