"""``python -m bidder.banker``: one per machine, settings from the environment."""

from __future__ import annotations

import logging
import os
import sys

import apsw
import uvloop

from bidder.banker.app import EXIT_BROKEN, BankerApp
from bidder.banker.outbox import OutboxError
from rtbplatform.kernel import environment
from rtbplatform.kernel.settings import Banker

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


async def _serve(settings: Banker) -> int:
    return await BankerApp(settings).run()


def main() -> int:
    """The exit code: 0 stopped, 1 fenced by the treasury, 2 wrong settings, 70 could not go on."""
    os.umask(0o077)
    try:
        settings = environment.load(Banker, os.environ)
    except environment.SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logging.basicConfig(level=settings.log_level, format=FORMAT, stream=sys.stderr)
    try:
        return uvloop.run(_serve(settings))
    except (OutboxError, apsw.Error, OSError) as error:
        sys.stderr.write(f"The banker cannot start: {error}\n")
        return EXIT_BROKEN


if __name__ == "__main__":
    sys.exit(main())
