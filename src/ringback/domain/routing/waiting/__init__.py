"""Prediction of waiting times: ours, the simple ones beside it, and the replay that judges them."""

from .floor import Floor
from .predictor import Prediction, Predictor, Promise, Unknown
from .promises import Experience, Promises, Told
from .replay import PREDICTORS, LogError, LoggedCall, Replay, Report
from .score import Figures, Score

__all__ = [
    "PREDICTORS",
    "Experience",
    "Figures",
    "Floor",
    "LogError",
    "LoggedCall",
    "Prediction",
    "Predictor",
    "Promise",
    "Promises",
    "Replay",
    "Report",
    "Score",
    "Told",
    "Unknown",
]
