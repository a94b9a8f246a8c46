"""Becomes another program that cannot outlive the supervisor: ``python -I -S child.py PARENT SIGNAL HOW -- program ...``

A separate tiny program, not a `preexec_fn`, because code between fork and exec is unsafe as soon as there are threads.
HOW is `plain`, `uid:N` (root becomes user N) or `userns` (root appears as user 1000 in a user namespace: the same
rights on files, and programs that refuse root are content). Imports only the standard library: it runs without site.
"""

import ctypes
import os
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
NAMESPACE_USER = 1000


def _change_user(uid: int) -> None:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _enter_user_namespace(libc: ctypes.CDLL) -> None:
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "this system does not allow user namespaces")
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{NAMESPACE_USER} {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{NAMESPACE_USER} {gid} 1", encoding="ascii")


def main() -> None:
    """Changes user, asks the kernel for `SIGNAL` when the parent dies, and executes the program."""
    parent, signal_number, how, _, *argv = sys.argv[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    if how.startswith("uid:"):
        os.chdir("/")
        _change_user(int(how.removeprefix("uid:")))
    elif how == "userns":
        _enter_user_namespace(libc)
    # After the change of user: changing credentials clears it.
    libc.prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
    if os.getppid() != int(parent):  # it died before we asked
        sys.exit(1)
    os.execvp(argv[0], argv)


if __name__ == "__main__":
    main()
