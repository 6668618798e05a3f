"""What hidden units would most like to see, and how far to believe the picture."""

from pellucid.features._maximization import activation_maximization
from pellucid.features._pictures import FeaturePictures
from pellucid.features._token_maximization import token_maximization

__all__ = ["FeaturePictures", "activation_maximization", "token_maximization"]
