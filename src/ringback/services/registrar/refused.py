"""The refusal of a REGISTER."""


class Refused(Exception):
    """The REGISTER is answered with this status."""

    def __init__(
        self, status: int, reason: str | None = None, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers
