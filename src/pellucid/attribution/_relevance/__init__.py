"""Layer-wise relevance propagation, operation by operation. Patented in some countries: see ``lrp``."""

from pellucid.attribution._relevance._composites import COMPOSITES, RULES, Composite, Numbers, composite
from pellucid.attribution._relevance._flow import by_relevance

__all__ = ["COMPOSITES", "RULES", "Composite", "Numbers", "by_relevance", "composite"]
