"""Conference mixing: frames of several legs into one, with saturation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Sum = npt.NDArray[np.int32]


def mix(frames: Sequence[bytes]) -> bytes:
    """The sum of pcm frames of one length, limited to 16 bits. No frames give an empty frame.

    Raises ValueError when the lengths differ.
    """
    if not frames:
        return b""
    return _limited(_stack(frames).sum(axis=0, dtype=np.int32))


def mix_minus(frames: Sequence[bytes]) -> list[bytes]:
    """For each leg the sum of all others: a speaker does not hear himself.

    Raises ValueError when the lengths differ.
    """
    if not frames:
        return []
    legs = _stack(frames)
    total = legs.sum(axis=0, dtype=np.int32)
    return [_limited(total - leg) for leg in legs]


def _stack(frames: Sequence[bytes]) -> npt.NDArray[np.int16]:
    if len({len(frame) for frame in frames}) != 1:
        raise ValueError("frames of one mix must have one length")
    return np.frombuffer(b"".join(frames), "<i2").reshape(len(frames), -1)


def _limited(total: Sum) -> bytes:
    return np.clip(total, -32768, 32767).astype("<i2").tobytes()
