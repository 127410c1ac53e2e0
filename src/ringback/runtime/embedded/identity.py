"""As whom a server runs that refuses to run as root."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from ringback.runtime.embedded.errors import EmbeddedError


@dataclass(frozen=True, slots=True)
class Identity:
    """The launcher's IDENTITY argument and the owner that the server's files must have."""

    argument: str
    uid: int
    gid: int


def own() -> Identity:
    """The user that we are."""
    return Identity("self", os.geteuid(), os.getegid())


def nobody(*, pass_permissions: bool = False) -> Identity:
    """The user `nobody`, whom root becomes; `pass_permissions` lets it enter every folder (Linux).

    Raises `EmbeddedError` when the system has no such user.
    """
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedError("there is no user nobody to run as: start as an ordinary user.") from None
    kind = "reader" if pass_permissions else "user"
    return Identity(f"{kind}:{entry.pw_uid}:{entry.pw_gid}", entry.pw_uid, entry.pw_gid)


def can_enter(identity: Identity, path: Path) -> bool:
    """Whether `identity` may enter and read the folder `path`, by the permission bits on the way to it."""
    path = path.resolve()
    above = all(_allows(identity, folder.stat(), stat.S_IXOTH) for folder in path.parents)
    return above and _allows(identity, path.stat(), stat.S_IXOTH | stat.S_IROTH)


def _allows(identity: Identity, status: os.stat_result, others: int) -> bool:
    """Whether the bits for `others`, or the same bits for owner or group, are set for `identity`."""
    if status.st_uid == identity.uid:
        wanted = others << 6
    elif status.st_gid == identity.gid:
        wanted = others << 3
    else:
        wanted = others
    return status.st_mode & wanted == wanted


def give_tree(folder: Path, identity: Identity) -> None:
    """Make `identity` the owner of a folder and all that is in it, where it is not yet (needs root)."""
    if folder.stat().st_uid == identity.uid:
        return
    for root, names, files in os.walk(folder):
        for name in (*names, *files):
            os.chown(Path(root, name), identity.uid, identity.gid, follow_symlinks=False)
    os.chown(folder, identity.uid, identity.gid)
