"""The life of one leg, as two tables.

`HEARD`: what came from the other end -> the next state and the word that the call is told. A pair that is not
in the table is a late or crossing message: it changes nothing.
`HANG_UP`: our wish to end the leg -> the next state and the command that does it.
"""

from enum import StrEnum

from ringback.domain.calls.types import LegState as S


class Word(StrEnum):
    """What the other end said, and what the call is told about it."""

    PROGRESS = "progress"
    ANSWERED = "answered"
    FAILED = "failed"
    GONE = "gone"
    LATE_ANSWER = "late_answer"
    NOTHING = "nothing"


class Exit(StrEnum):
    """How a leg is ended."""

    REJECT = "reject"
    CANCEL = "cancel"
    REFUSE_AND_BYE = "refuse_and_bye"
    BYE = "bye"


HEARD: dict[tuple[S, Word], tuple[S, Word]] = {
    (S.OFFERED, Word.GONE): (S.ENDED, Word.GONE),
    (S.INVITING, Word.PROGRESS): (S.RINGING, Word.PROGRESS),
    (S.INVITING, Word.ANSWERED): (S.UP, Word.ANSWERED),
    (S.INVITING, Word.FAILED): (S.ENDED, Word.FAILED),
    (S.RINGING, Word.ANSWERED): (S.UP, Word.ANSWERED),
    (S.RINGING, Word.FAILED): (S.ENDED, Word.FAILED),
    (S.ANSWERED, Word.GONE): (S.ENDED, Word.GONE),
    (S.UP, Word.GONE): (S.ENDED, Word.GONE),
    # CANCEL and 200 crossed: the leg stands, so it gets ACK and BYE (RFC 3261 9.1, 15.1.1).
    (S.CANCELLING, Word.ANSWERED): (S.ENDED, Word.LATE_ANSWER),
    (S.CANCELLING, Word.FAILED): (S.ENDED, Word.NOTHING),
}

HANG_UP: dict[S, tuple[S, Exit]] = {
    S.OFFERED: (S.ENDED, Exit.REJECT),
    S.INVITING: (S.CANCELLING, Exit.CANCEL),
    S.RINGING: (S.CANCELLING, Exit.CANCEL),
    S.ANSWERED: (S.ENDED, Exit.REFUSE_AND_BYE),
    S.UP: (S.ENDED, Exit.BYE),
}
