"""What hidden units would most like to see, and how far to believe the picture."""

from pellucid.features._maximization import activation_maximization
from pellucid.features._pictures import FeaturePictures

__all__ = ["FeaturePictures", "activation_maximization"]
