"""The audit of a run, kept in its folder, from which later explanations take their method."""

from __future__ import annotations

from pathlib import Path

from pellucid._core import Subject, load, model_hash, save
from pellucid.errors import StoreError
from pellucid.evidence import Audit
from pellucid.loading import is_run

NAME = "audit.safetensors"


def keep_audit(subject: Subject, found: Audit) -> Path | None:
    """Put an audit beside the run that it is about; ``None`` where the subject has no run folder.

    Raises:
        StoreError: where the folder cannot be written.
    """
    if not is_run(subject.origin):
        return None
    kept = {"network": str(model_hash(subject.model)), "audit": found}
    return save(kept, Path(subject.origin) / NAME)


def kept_audit(subject: Subject) -> Audit | None:
    """The audit that was kept with the subject's run, if it is of this very network."""
    path = Path(subject.origin) / NAME
    if not is_run(subject.origin) or not path.is_file():
        return None
    try:
        kept = load(path)
    except StoreError:
        return None  # an audit that cannot be read is no audit; explanations then choose anew
    if not isinstance(kept, dict) or kept.get("network") != str(model_hash(subject.model)):
        return None
    found = kept.get("audit")
    return found if isinstance(found, Audit) else None
