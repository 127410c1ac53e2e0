"""Prediction of waiting times: ours, the simple ones beside it, and the replay that judges them."""

from .floor import Floor
from .memory import (
    CommonMemory,
    ForgottenError,
    QueueMemory,
    keep_common,
    keep_queue,
    recall_common,
    recall_queue,
)
from .predictor import Prediction, Predictor, Promise, Unknown
from .promises import Experience, Promises, Told
from .replay import PREDICTORS, LogError, LoggedCall, Replay, Report
from .score import Figures, Score

__all__ = [
    "PREDICTORS",
    "CommonMemory",
    "Experience",
    "Figures",
    "Floor",
    "ForgottenError",
    "LogError",
    "LoggedCall",
    "Prediction",
    "Predictor",
    "Promise",
    "Promises",
    "QueueMemory",
    "Replay",
    "Report",
    "Score",
    "Told",
    "Unknown",
    "keep_common",
    "keep_queue",
    "recall_common",
    "recall_queue",
]
