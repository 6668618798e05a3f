"""What a network that is readable by design says of itself, whatever its kind."""

from __future__ import annotations

from pellucid._core import Subject
from pellucid.networks import (
    Additive,
    ConceptBottleneck,
    Gated,
    PrototypeNetwork,
    RuleNetwork,
)
from pellucid.tasks._certificate import certificate
from pellucid.tasks._own_readable import own_concepts, own_prototypes
from pellucid.tasks._rows import held_out
from pellucid.tasks._rule_path import rule_path
from pellucid.tasks._rules import own_rules
from pellucid.training import TrainingRecord

QUICK = 10.0  # seconds that a training may have taken for another to be made, to see what seeds agree on
PATH_ROWS = 5000  # rows up to which the worth of further rules takes seconds


def own_account(subject: Subject) -> dict[str, object]:
    """The values that show what a readable network computes, by name; empty for any other network.

    Rules of a rule network and what each further rule is worth (up to 5000 rows), shapes of an additive one,
    the certificate of an attention network (with a second fit where the first took at most 10 seconds) and
    where it looks, evidence of a concept bottleneck, evidence and
    pairs of a prototype network; each is drawn by ``figures_of``.

    Raises:
        InputError: where this network's own account cannot be given, such as shapes of more than two classes.

    Example:
        >>> import pellucid
        >>> own_account(pellucid.train("breast-cancer", epochs=1))
        {}
    """
    network = subject.model
    if isinstance(network, RuleNetwork):
        return {"rules": own_rules(subject), **_path(subject)}
    if isinstance(network, Additive):
        from pellucid.readable import shapes_of  # scikit-learn takes a second to import

        unit = "" if subject.data is None else subject.data.unit
        return {"shapes": shapes_of(network, subject.spec, subject.classes, unit)}
    if isinstance(network, Gated):
        from pellucid.readable import attended

        held = held_out(subject.needs_data("own_account")).inputs[:4]
        looked = attended(network, held, subject.spec, subject.classes)
        again = isinstance(subject.record, TrainingRecord) and subject.record.seconds <= QUICK
        return {"certificate": certificate(subject, seeds=2 if again else 1), "attention": looked}
    if isinstance(network, ConceptBottleneck):
        return {"concepts": own_concepts(subject)}
    if isinstance(network, PrototypeNetwork):
        evidence, pairs = own_prototypes(subject)
        return {"prototypes": evidence, "pairs": pairs}
    return {}


def _path(subject: Subject) -> dict[str, object]:
    """What each further rule is worth, where that is quick and there are held-out rows of each class."""
    data = subject.needs_data("own_account")
    test = data.part("test")
    if len(data) > PATH_ROWS or len(test.answers.unique()) < len(data.classes):
        return {}
    return {"path": rule_path(subject)}
