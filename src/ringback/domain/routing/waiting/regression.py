"""Least squares that are learned as outcomes come, forget slowly, and lean on a prior.

The normal equations are kept and solved anew after every batch, so nothing drifts however long it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from operator import mul

BATCH = 32
_FIRST_BATCHES = 4


def dot(left: Sequence[float], right: Sequence[float]) -> float:
    """The scalar product."""
    total: float = sum(map(mul, left, right))
    return total


class Regression:
    """Weights for `size` features. `memory`: observations after which one counts for 1/e of a new one.

    The weights are drawn to `prior` with the force of `strength` observations of the usual size.
    """

    def __init__(self, prior: Sequence[float], *, memory: float, strength: float) -> None:
        self.weights = list(prior)
        self.seen = 0
        self._memory = memory
        self._strength = strength
        self._size = len(prior)
        self._mass = 0.0
        self._squares = [[0.0] * (row + 1) for row in range(self._size)]
        self._products = [0.0] * self._size
        self._batch: list[tuple[float, ...]] = []

    def predict(self, features: Sequence[float]) -> float:
        """The expected outcome."""
        return dot(self.weights, features)

    def learn(self, features: Sequence[float], outcome: float, scale: float, prior: Sequence[float]) -> None:
        """An outcome is known. `scale`: the usual size of its error; those of large errors count less."""
        self._batch.append((*(value / scale for value in features), outcome / scale))
        self.seen += 1
        if len(self._batch) >= min(BATCH, _FIRST_BATCHES + self.seen // 4):
            self._fold()
            self.weights = self._solve(prior)

    def state(self) -> tuple[list[float], int, float, list[list[float]], list[float]]:
        """What `resume` takes: weights, outcomes seen, the normal equations. The open batch is folded in."""
        if self._batch:
            self._fold()
        return self.weights, self.seen, self._mass, self._squares, self._products

    def resume(
        self,
        weights: Sequence[float],
        seen: int,
        mass: float,
        squares: Sequence[Sequence[float]],
        products: Sequence[float],
    ) -> None:
        """Go on from a state of the same size."""
        self.weights, self.seen, self._mass = list(weights), seen, mass
        self._squares = [list(row) for row in squares]
        self._products = list(products)
        self._batch.clear()

    def _fold(self) -> None:
        *columns, outcomes = zip(*self._batch, strict=True)
        keep = 1.0 - len(self._batch) / self._memory
        self._mass = keep * self._mass + len(self._batch)
        for row, squares in enumerate(self._squares):
            column = columns[row]
            for other in range(row + 1):
                squares[other] = keep * squares[other] + dot(column, columns[other])
            self._products[row] = keep * self._products[row] + dot(column, outcomes)
        self._batch.clear()

    def _solve(self, prior: Sequence[float]) -> list[float]:
        size = self._size
        usual = sum(self._squares[row][row] for row in range(size)) / (size * self._mass)
        ridge = self._strength * usual + 1e-9
        squares = [list(row) for row in self._squares]
        for row in range(size):
            squares[row][row] += ridge
        target = [product + ridge * wanted for product, wanted in zip(self._products, prior, strict=True)]
        return solve(squares, target)


def solve(lower: list[list[float]], target: Sequence[float]) -> list[float]:
    """Solve a symmetric positive definite system, given by its lower triangle, by Cholesky's method."""
    size = len(target)
    factor: list[list[float]] = []
    for row in range(size):
        line: list[float] = []
        for column in range(row):
            above = factor[column]
            line.append((lower[row][column] - dot(line, above)) / above[column])
        line.append(sqrt(max(lower[row][row] - dot(line, line), 1e-12)))
        factor.append(line)
    middle: list[float] = []
    for row in range(size):
        middle.append((target[row] - dot(factor[row], middle)) / factor[row][row])
    for row in range(size - 1, -1, -1):
        below = sum(factor[later][row] * middle[later] for later in range(row + 1, size))
        middle[row] = (middle[row] - below) / factor[row][row]
    return middle
