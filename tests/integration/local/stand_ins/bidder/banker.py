"""Stands in for the banker: listens on its socket."""

import os
import signal
import socket
from pathlib import Path

path = Path(os.environ["BANKER_SOCKET"])
path.unlink(missing_ok=True)
with socket.socket(socket.AF_UNIX) as listening:
    listening.bind(str(path))
    listening.listen()
    signal.pause()
