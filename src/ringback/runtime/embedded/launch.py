"""Turn this process into a server that ends with its parent: `launch.py PARENT SIGNAL IDENTITY PROGRAM …`.

Run as a script by `python -I -S`, standard library only. It is a program of its own because what it does
must happen between fork and exec, where a threaded parent may not run Python code.

IDENTITY is `self`, `user:UID:GID` (become that user) or `reader:UID:GID` (become that user but keep root's
right to pass file permissions, for a server that refuses to run as root in a folder only root can enter).
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


def become_user(uid: int, gid: int) -> None:
    """Drop root for good."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def become_reader(uid: int, gid: int) -> None:
    """Drop root but keep CAP_DAC_OVERRIDE, also for the program that comes after us (capabilities(7))."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    become_user(uid, gid)
    bit = 1 << CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    effective_permitted_inheritable = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    failed = libc.capset(header, effective_permitted_inheritable)
    failed = failed or libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)
    if failed:
        sys.exit("root may not pass file permissions here: choose a data folder that all users may enter")


def take_identity(identity: str) -> None:
    """Apply an IDENTITY argument."""
    kind, *numbers = identity.split(":")
    if kind == "user":
        become_user(*map(int, numbers))
    elif kind == "reader":
        become_reader(*map(int, numbers))


def die_with(parent: int, signal_number: int) -> None:
    """Ask for `signal_number` when the parent ends; the kernel forgets this when the user changes."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent is gone")


def main() -> None:
    """Take the identity, tie our life to the parent's and become the program."""
    parent, signal_number, identity, *command = sys.argv[1:]
    take_identity(identity)
    die_with(int(parent), int(signal_number))
    os.execv(command[0], command)  # noqa: S606 (the program is ours to choose)


if __name__ == "__main__":
    main()
