"""Every kind of expectation by its name in a file."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pellucid.tasks._check._accuracy import Accuracy
from pellucid.tasks._check._attribution_share import AttributionShare
from pellucid.tasks._check._auc import Auc
from pellucid.tasks._check._calibration import Calibration
from pellucid.tasks._check._dead_units import DeadUnits
from pellucid.tasks._check._evidence_share import EvidenceShare
from pellucid.tasks._check._expectation import Expectation
from pellucid.tasks._check._monotone import Monotone
from pellucid.tasks._check._no_shortcut import NoShortcut
from pellucid.tasks._check._no_worse import NoWorse
from pellucid.tasks._check._regression import PredictionError, RSquared
from pellucid.tasks._check._stability import Stability
from pellucid.tasks._check._surrogate import SurrogateFidelity
from pellucid.tasks._check._swap import Swap

KINDS: Mapping[str, type[Expectation]] = MappingProxyType(
    {
        made.kind: made
        for made in (
            Accuracy,
            Auc,
            Calibration,
            RSquared,
            PredictionError,
            AttributionShare,
            Swap,
            Monotone,
            Stability,
            SurrogateFidelity,
            DeadUnits,
            EvidenceShare,
            NoShortcut,
            NoWorse,
        )
    }
)
