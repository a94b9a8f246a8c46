#!/usr/bin/env python
"""Django's command line; a wrong or missing setting ends it with a sentence instead of a traceback."""

from __future__ import annotations

import os
import sys

from rtbplatform.kernel.environment import SettingsError


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rtbplatform.settings")
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
