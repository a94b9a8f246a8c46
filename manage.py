#!/usr/bin/env python
"""Django's command line. Without DATABASE_URL it speaks to the platform that `make run` keeps up in this checkout; a
wrong or missing setting ends it with a sentence instead of a traceback."""

from __future__ import annotations

import os
import sys

from rtbplatform.kernel.environment import SettingsError
from rtbplatform.local.attach import running_environment


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rtbplatform.settings")
    if not os.environ.get("DATABASE_URL"):
        for name, value in running_environment().items():
            os.environ.setdefault(name, value)
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except SettingsError as error:
        sys.stderr.write(f"{error}\nOr start the platform here first: make run\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
