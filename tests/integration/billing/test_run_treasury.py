"""`manage.py run_treasury` with a setting that cannot be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from rtbplatform.local.folders import ROOT


def test_a_journal_that_cannot_be_written_ends_it_with_a_sentence(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_bytes(b"a file where a folder should be")
    command = [sys.executable, str(ROOT / "manage.py"), "run_treasury"]
    env = {**os.environ, "TREASURY_JOURNAL": str(taken / "eu.journal")}
    ended = subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("TREASURY_JOURNAL must be a file that the treasury can make")
    assert "Traceback" not in ended.stderr
