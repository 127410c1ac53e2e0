"""A tenant's numbers at hand, kept up by what has changed: a change costs no more with many numbers."""

from msgspec import Struct, field

from ringback.domain.configuration import DN, Trunk


class NumberChanges(Struct, omit_defaults=True):
    """The answer of ``GET /tenants/{t}/numbers?since=VERSION``.

    What was written and removed since then; with ``whole``, all that there is: config remembers so many
    changes and no more.
    """

    version: int
    whole: bool = False
    dns: list[DN] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


class TenantNumbers:
    """The same object as long as the process runs; `version` is that of the newest change taken in."""

    def __init__(self) -> None:
        self.all: dict[str, DN] = {}
        self.trunks: dict[str, Trunk] = {}
        self.version = -1
        self.trunk_changes = 0
        """Goes up with each change of a trunk."""

    def take(self, told: NumberChanges) -> None:
        """Take in an answer; one that is older than what is known changes nothing."""
        if told.whole:
            self.all, self.trunks = {}, {}
            self.trunk_changes += 1
        elif told.version < self.version:
            return
        for dn in told.dns:
            self._put(dn.id, dn)
        for name in told.removed:
            self._put(name, None)
        self.version = told.version

    def _put(self, name: str, dn: DN | None) -> None:
        before = self.trunks.pop(name, None)
        if isinstance(dn, Trunk):
            self.trunks[name] = dn
        if before is not None or isinstance(dn, Trunk):
            self.trunk_changes += 1
        if dn is None:
            self.all.pop(name, None)
        else:
            self.all[name] = dn
