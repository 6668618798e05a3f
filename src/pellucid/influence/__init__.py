"""Which training examples made an answer."""

from pellucid.influence._influence import Influence
from pellucid.influence._representer import representer_points
from pellucid.influence._tracin import tracin

__all__ = ["Influence", "representer_points", "tracin"]
