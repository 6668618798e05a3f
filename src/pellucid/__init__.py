"""See what a network learned, why it decided, and how far to believe each explanation.

The verbs are here, everything they stand on is in the folders below::

    import pellucid
    subject = pellucid.open(model, data=(x, y))
    why = pellucid.explain(subject, x[:1])

    from pellucid.attribution import integrated_gradients
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import TYPE_CHECKING

from pellucid._version import __version__

if TYPE_CHECKING:
    from pellucid import (
        attribution,
        data,
        errors,
        evidence,
        expect,
        figures,
        importance,
        inputs,
        loading,
        networks,
        training,
    )
    from pellucid._core import (
        Batch,
        Compute,
        Dataset,
        Explanation,
        Subject,
        Target,
        load,
        log_odds,
        logit,
        margin,
        probability,
        save,
        several_targets,
        top,
        unit,
    )
    from pellucid.report import report
    from pellucid.tasks import (
        anchor,
        atlas,
        audit,
        check,
        compare,
        concepts,
        counterfactual,
        decision,
        dictionary_of,
        dissect,
        estimate,
        explain,
        explain_several,
        explain_to,
        features,
        importance_of,
        influence,
        layer,
        layers,
        load_explanations,
        nearest,
        open,
        open_run,
        patch,
        reason_codes,
        rules,
        save_run,
        shortcuts,
        train,
        unit_of,
    )

__all__ = [
    "__version__",
    # the verbs
    "open",
    "train",
    "estimate",
    "explain",
    "explain_several",
    "explain_to",
    "load_explanations",
    "importance_of",
    "layers",
    "layer",
    "unit_of",
    "dictionary_of",
    "features",
    "atlas",
    "dissect",
    "patch",
    "rules",
    "counterfactual",
    "anchor",
    "reason_codes",
    "nearest",
    "decision",
    "compare",
    "concepts",
    "influence",
    "audit",
    "check",
    "shortcuts",
    "report",
    "save_run",
    "open_run",
    # values and targets
    "Batch",
    "Compute",
    "Dataset",
    "Explanation",
    "Subject",
    "Target",
    "load",
    "save",
    "log_odds",
    "logit",
    "margin",
    "probability",
    "several_targets",
    "top",
    "unit",
    # the folders below
    "attribution",
    "data",
    "errors",
    "evidence",
    "expect",
    "figures",
    "importance",
    "inputs",
    "loading",
    "networks",
    "training",
]

_BOTH = frozenset({"layers", "features", "rules", "influence", "report"})  # a verb, and a folder


class _Package(ModuleType):
    """Keeps ``pellucid.features`` the verb when ``pellucid.features``, the folder, is imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in _BOTH and isinstance(value, ModuleType):
            return
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for: ``import pellucid`` stays fast."""
    if name not in __all__:
        raise AttributeError(f"module 'pellucid' has no attribute {name!r}")
    if name not in _BOTH and importlib.util.find_spec(f"pellucid.{name}") is not None:
        return importlib.import_module(f"pellucid.{name}")
    core = importlib.import_module("pellucid._core")
    home = "report" if name == "report" else "_core" if name in core.__all__ else "tasks"
    found = getattr(importlib.import_module(f"pellucid.{home}"), name)
    setattr(sys.modules[__name__], name, found)
    return found


def __dir__() -> list[str]:
    return list(__all__)
