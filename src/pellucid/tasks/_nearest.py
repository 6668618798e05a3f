"""The verb ``nearest``: real inputs that the network takes for most alike, on both sides of the decision."""

from __future__ import annotations

from pellucid._core import Compute, Subject, only_subject, predict
from pellucid._core import sites as calls
from pellucid.errors import InputError
from pellucid.layers import NearestInputs, nearest_inputs
from pellucid.networks import Additive, AttentionGate, ConceptBottleneck, PrototypeNetwork, RuleNetwork
from pellucid.tasks._asked_rows import Asked, asked_rows
from pellucid.tasks._feature_sites import feature_sites
from pellucid.tasks._rows import sample

# where rows are alike to a network that is readable by design: the same rules hold, concepts or cases agree
OWN = {RuleNetwork: "rules", ConceptBottleneck: "head:in", PrototypeNetwork: "head:in"}
MOST = 5000  # training inputs that are looked through
MOST_NAMED = 6  # layers in a sentence


def nearest(
    subject: Subject,
    x: Asked = None,
    *,
    site: str | None = None,
    k: int = 3,
    most: int = MOST,
    compute: Compute | None = None,
) -> NearestInputs:
    """Training inputs nearest to one in a hidden layer, with its answer and with another.

    Args:
        subject: a network with classes and data, of any kind of input.
        x: numbers of held-out rows, raw rows of a table, or inputs ``[N, *shape]``.
        site: the layer; left out, the last one with weights before the answer; of a network that is readable
            by design which rules hold, or how strong each concept or prototype is.
        k: how many on each side.
        most: training inputs that are looked through, at random.
        compute: how to run.

    Returns:
        :class:`pellucid.layers.NearestInputs`, with how well nearest inputs agree, beside the inputs
        themselves and an untrained copy.

    Raises:
        InputError: where there are no data or no classes.
        SiteError: where the layer does not exist.

    Cost:
        Two passes over at most ``most`` training inputs, one more on an untrained copy.

    Example:
        >>> import pellucid
        >>> subject = pellucid.train("breast-cancer", epochs=2)
        >>> nearest(subject, 0).same.shape
        torch.Size([1, 3])
    """
    only_subject(subject)
    data, how = subject.needs_data("nearest"), compute or Compute(batch_size=256)
    known = (data.parts == 0).nonzero()[:, 0]
    rows = known[sample(len(known), most, seed=how.seed)]
    where = site if site is not None else _last(subject)
    return nearest_inputs(subject.model, data, asked_rows(subject, x), where, k=k, rows=rows, compute=how)


def _last(subject: Subject) -> str:
    network = subject.model
    for kind, site in OWN.items():
        if isinstance(network, kind):
            return site
    sites = feature_sites(subject)
    if not sites and isinstance(network, Additive | AttentionGate):
        raise InputError(
            f"{subject.name} adds up what single columns say and has no hidden layer in which rows lie near "
            "each other. A network of kind 'prototypes', 'concepts' or 'rules', or a plain one, has."
        )
    if not sites:
        row = subject.needs_data("nearest").inputs[:1]
        inside = calls(subject.model, lambda: predict(subject.model, row, spec=subject.spec))
        named = [each.site for each in inside if each.shape is not None and each.site != "."]
        raise InputError(
            "No hidden layer with weights was found. pellucid.nearest takes the name of another one (site=): "
            f"{', '.join(named[:MOST_NAMED]) or 'this network has none'}."
        )
    return sites[-1]
