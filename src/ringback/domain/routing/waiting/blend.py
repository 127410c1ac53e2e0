"""Between a simple estimate that is hard to beat and a rich one that can be better: as much of the rich one
as its outcomes prove.

Where callers and servers are always the same, the work ahead over the servers is the best that can be told,
and every further weight that is learned adds its own error. So the simple estimate, put right by one factor,
is what is told, and the difference that the rich one makes is added only in so far as it was not by chance:
its share is the regression of the simple one's errors on that difference, drawn to nothing while the variance
that it explains is of the size that chance explains (the positive part of James and Stein 1961).
"""

from __future__ import annotations

from dataclasses import dataclass

_FACTOR_MEMORY, _SHARE_MEMORY = 50_000.0, 5000.0
"""Outcomes after which one counts for 1/e of a new one."""
_TRUSTED = 4000.0
"""The weight with which the simple estimate is believed to be right on average, in seconds."""
_BY_CHANCE = 4.0
"""Explained variance, in units of that of one outcome, up to which it is taken for chance."""


@dataclass(slots=True)
class Blend:
    """Sums over the outcomes of one line, the oldest fading; each is divided by the size of its error."""

    outcomes: float = 0.0
    simples: float = 0.0
    count: float = 0.0
    errors: float = 0.0
    steps: float = 0.0
    products: float = 0.0

    @property
    def share(self) -> float:
        """How much of the difference between the two is told, 0 to 1."""
        if self.products <= 0 or self.errors <= 0:
            return 0.0
        explained = self.products**2 / self.steps / (self.errors / self.count)
        return min(1.0, self.products / self.steps) * max(0.0, 1.0 - _BY_CHANCE / max(explained, 1e-9))

    def righted(self, simple: float) -> float:
        """The simple estimate times what outcomes have been to it; seconds."""
        return simple * (self.outcomes + _TRUSTED) / (self.simples + _TRUSTED)

    def between(self, righted: float, rich: float) -> float:
        """What is told; seconds."""
        return righted + self.share * (rich - righted)

    def learn(self, simple: float, righted: float, rich: float, outcome: float, scale: float) -> None:
        """An outcome is known, `righted` and `rich` were; `scale`: the usual size of its error."""
        weight, error, step = scale**-2, outcome - righted, rich - righted
        keep = 1.0 - 1.0 / _FACTOR_MEMORY
        self.outcomes = keep * self.outcomes + weight * outcome * simple
        self.simples = keep * self.simples + weight * simple * simple
        keep = 1.0 - 1.0 / _SHARE_MEMORY
        self.count = keep * self.count + 1.0
        self.errors = keep * self.errors + weight * error * error
        self.steps = keep * self.steps + weight * step * step
        self.products = keep * self.products + weight * error * step
