"""Is a network better than a trivial answer at all? Else explanations explain chance."""

from __future__ import annotations

from pellucid._core import Subject, each_class, percent, predict
from pellucid.inputs import TabularSpec
from pellucid.inputs._tabular import WIDE
from pellucid.tasks._check._intervals import auc
from pellucid.tasks._performance import Performance, performance
from pellucid.tasks._rows import held_out, sample

RANKED = 2000  # most rows that are compared in pairs


def no_better(subject: Subject, found: Performance | None = None) -> str:
    """A plain sentence where the network is not shown to be better than a trivial answer; else empty.

    A network whose answers are no better, but which ranks rows of a class before others beyond chance (area
    under the curve, all classes tried), does tell something: of it nothing is said. Without ``found``, the
    score is taken; where there are no data, nothing is said.

    Example:
        >>> import pellucid
        >>> no_better(pellucid.train("breast-cancer", epochs=2))
        ''
    """
    if subject.data is None:
        return ""
    score = performance(subject) if found is None else found
    if score.low > score.baseline or ranks(subject):
        return ""
    whole = percent if score.metric == "accuracy" else lambda value: f"{value:.2f}"
    said = (
        f"On {score.n:,} held-out rows this network is not shown to be better than {score.baseline_name}: "
        f"{score.metric} {whole(score.value)} [{whole(score.low)}, {whole(score.high)}] against "
        f"{whole(score.baseline)}. What explains its answers may explain chance."
    )
    spec, rows = subject.spec, int((subject.data.parts == 0).sum())
    plain = getattr(getattr(subject.model, "architecture", None), "kind", "") == "mlp"
    if isinstance(spec, TabularSpec) and plain and len(spec.columns) > max(WIDE, rows):
        said += (
            f" With {len(spec.columns):,} columns and {rows:,} rows to learn from it learns rows by heart; "
            "where few columns tell, network 'additive', which reads those alone, may do better."
        )
    return said


def ranks(subject: Subject) -> bool:
    """Whether rows of some class surely score higher for it than others; the level is shared by all tried.

    Example:
        >>> import pellucid
        >>> ranks(pellucid.train("breast-cancer", epochs=2))
        True
    """
    if subject.task != "classification":
        return False
    held = held_out(subject.needs_data("no_better"))
    rows = sample(len(held), RANKED)
    scores = each_class(predict(subject.model, held.inputs[rows], spec=subject.spec)).softmax(1).cpu()
    true = held.answers[rows]
    able = [k for k in range(scores.shape[1]) if 0 < int((true == k).sum()) < len(true)]
    # two classes are one question
    tried = able[:1] if scores.shape[1] == 2 else able
    level = 1 - 0.05 / max(1, len(tried))
    return any(auc(scores[:, k], true == k, level)[1][0] > 0.5 for k in tried)
