"""``python -m rtbplatform.local run`` | ``with-servers -- command ...``"""

from __future__ import annotations

import asyncio
import sys

from rtbplatform.local.folders import LocalError
from rtbplatform.local.say import complain

USAGE = "usage: python -m rtbplatform.local run | with-servers -- command ..."


def main(argv: list[str]) -> int:
    """The exit code: 0, 1 when the run failed, 2 for a wrong setting or command line."""
    try:
        match argv:
            case ["run"]:
                from rtbplatform.local.run import run

                return asyncio.run(run())
            case ["with-servers", "--", *command] if command:
                from rtbplatform.local.with_servers import run_with_servers

                return asyncio.run(run_with_servers(command))
            case _:
                complain(USAGE)
                return 2
    except LocalError as error:
        complain(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
