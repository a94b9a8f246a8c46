"""``python -m tests.acceptance.start FOLDER GUARDIAN``: the whole platform as `make run`, with another folder than var/.

It ends when the process GUARDIAN ends, so that a killed test run leaves nothing behind.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from rtbplatform.local.folders import Folders
from rtbplatform.local.run import run


async def guarded(var: Path, guardian: int) -> int:
    """The exit code of the run."""

    def alone() -> None:
        asyncio.get_running_loop().remove_reader(handle)
        os.kill(os.getpid(), signal.SIGTERM)

    handle = os.pidfd_open(guardian)
    asyncio.get_running_loop().add_reader(handle, alone)
    return await run(Folders(var=var))


if __name__ == "__main__":
    sys.exit(asyncio.run(guarded(Path(sys.argv[1]), int(sys.argv[2]))))
