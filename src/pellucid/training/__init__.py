"""Training a network and watching its layers while it learns."""

from pellucid.training._diagnosis import diagnosis
from pellucid.training._findings import Finding, Signal
from pellucid.training._train import collect, train
from pellucid.training._training import Training
from pellucid.training._values import Epoch, LayerHealth, TrainingRecord
from pellucid.training._watch import Watch, watch

__all__ = [
    "Epoch",
    "Finding",
    "LayerHealth",
    "Signal",
    "Training",
    "TrainingRecord",
    "Watch",
    "collect",
    "diagnosis",
    "train",
    "watch",
]
