"""How good predictions were, by their outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import msgspec


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one predictor; seconds. `rrase`: RMSE over the mean wait. None: not known.

    `calls` were judged, for `unknown` more the predictor knew no answer. `p90_coverage`: the share served
    within the promised P90.
    """

    predictor: str
    calls: int
    unknown: int
    rmse: float | None
    rrase: float | None
    mae: float | None
    p90_coverage: float | None


@dataclass(slots=True)
class Score:
    """Sums over the outcomes of one predictor."""

    calls: int = 0
    unknown: int = 0
    waited: float = 0.0
    squares: float = 0.0
    absolute: float = 0.0
    promised: int = 0
    kept: int = 0

    def add(self, predicted: float | None, waited: float, p90: float | None = None) -> None:
        """One more outcome; seconds."""
        if predicted is None:
            self.unknown += 1
            return
        error = waited - predicted
        self.calls += 1
        self.waited += waited
        self.squares += error * error
        self.absolute += abs(error)
        if p90 is not None:
            self.promised += 1
            self.kept += waited <= p90

    def figures(self, name: str) -> Figures:
        """The means."""
        rmse = sqrt(self.squares / self.calls) if self.calls else None
        return Figures(
            predictor=name,
            calls=self.calls,
            unknown=self.unknown,
            rmse=rmse,
            rrase=rmse * self.calls / self.waited if rmse is not None and self.waited else None,
            mae=self.absolute / self.calls if self.calls else None,
            p90_coverage=self.kept / self.promised if self.promised else None,
        )
