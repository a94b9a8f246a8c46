"""Stands in for Django's commands: load_demo --migrate, collectstatic, run_treasury."""

import json
import os
import signal
import sys
from pathlib import Path

import psycopg

DEMO = {
    "exchange": {"slug": "demo", "key": "k" * 32},
    "logins": {"owner": {"email": "owner@example.com", "password": "correct horse"}},
    "dsps": [
        {"name": "alder", "seat": "a", "cids": [1], "crids": ["a-banner"], "adomain": ["a.example"]}
    ],
}

match sys.argv[1]:
    case "load_demo":
        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS runs (at timestamptz DEFAULT now())")
            connection.execute("INSERT INTO runs DEFAULT VALUES")
        if os.environ.get("BREAK") == "migrate":
            sys.exit("this migration cannot work")
        Path(os.environ["DEMO_FILE"]).write_text(json.dumps(DEMO))
    case "run_treasury":
        signal.pause()
