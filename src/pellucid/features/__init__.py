"""What hidden units would most like to see, and how far to believe the picture."""

from pellucid.features._accentuation import accentuation
from pellucid.features._atlas import ActivationAtlas, activation_atlas
from pellucid.features._caricature import caricature
from pellucid.features._choice import Choice
from pellucid.features._maximization import activation_maximization
from pellucid.features._objectives import (
    Channel,
    Concept,
    Difference,
    Direction,
    Logit,
    Objective,
    Unit,
)
from pellucid.features._pictures import FeaturePictures
from pellucid.features._token_maximization import token_maximization
from pellucid.features._trust import PictureTrust
from pellucid.features._views import Transforms

__all__ = [
    "ActivationAtlas",
    "Channel",
    "Choice",
    "Concept",
    "Difference",
    "Direction",
    "FeaturePictures",
    "Logit",
    "Objective",
    "PictureTrust",
    "Transforms",
    "Unit",
    "accentuation",
    "activation_atlas",
    "activation_maximization",
    "caricature",
    "token_maximization",
]
