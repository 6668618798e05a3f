"""What one layer adds: how much better its output is read than its input, and for which inputs."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from pellucid._core import Batch, Compute, InputSpec, Site, brief
from pellucid.errors import InputError, SiteError
from pellucid.layers._effects import paired
from pellucid.layers._logistic import fitted, standardised
from pellucid.layers._probes import divided
from pellucid.layers._reach import along, chosen_sites, tokens_of, twin_of
from pellucid.layers._sketch import sketches


@dataclass(frozen=True, slots=True, eq=False)
class LayerGain:
    """What a linear probe reads off a layer's input and off its output, row by row.

    Args:
        site: the layer.
        before: its input, as an address.
        accuracy_before, accuracy: share of held-out rows read rightly off the input and the output.
        gain, low, high: their difference with its 95 % interval, over the same rows.
        untrained: the gain in an untrained copy; ``NaN`` where none was run.
        rows: int64 ``[M]``, held-out rows by their number in the inputs.
        truth: int64 ``[M]``, their class.
        read_before, read: int64 ``[M]``, the class that each probe gives.
        sure: ``[M]``, the second probe's probability for the class that it gives.
        n_train: rows that the probes were fitted on.
    """

    site: str
    before: str
    accuracy_before: float
    accuracy: float
    gain: float
    low: float
    high: float
    untrained: float
    rows: Tensor
    truth: Tensor
    read_before: Tensor
    read: Tensor
    sure: Tensor
    n_train: int

    __repr__ = brief

    def changed(self) -> Tensor:
        """Places in ``rows`` where the reading changes, those put right first, the surest first."""
        moved = (self.read != self.read_before).nonzero()[:, 0]
        right = (self.read[moved] == self.truth[moved]).double()
        wrong = (self.read_before[moved] == self.truth[moved]).double()
        return moved[(right - wrong + self.sure[moved].double()).argsort(descending=True, stable=True)]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def layer_gain(
    model: nn.Module,
    inputs: Tensor | Batch,
    answers: Tensor,
    site: str,
    *,
    held_out: Tensor | None = None,
    width: int = 64,
    untrained_copy: bool = True,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> LayerGain:
    """How much better the answers are read off what leaves a layer than off what enters it.

    Two linear probes, as in :func:`linear_probes`: one on the layer's input, one on its output.

    Args:
        model: any network; it comes back as it was.
        inputs: ``[N, *shape]``, or a :class:`~pellucid._core.Batch`.
        answers: class numbers int64 ``[N]``.
        site: a layer with one input.
        held_out: bool ``[N]``, rows to test on; ``None`` draws 30 % of each class.
        width: numbers per row that a probe sees at most.
        untrained_copy: whether to read an untrained copy too.
        spec: what an input means; says what goes along with texts, and where they end.
        compute: how to run.

    Returns:
        A :class:`LayerGain`.

    Raises:
        InputError: if lengths differ, there are not two classes, fewer than 30 rows on a side, or the site is
            a function inside a forward.
        SiteError: if the layer does not exist, is not reached, or takes several tensors.

    Cost:
        One pass up to the layer, one more on the untrained copy, and two small fits each.

    Limits:
        A layer that only rearranges (a flatten) adds nothing, and one that throws away what the answer does
        not need loses nothing: the gain says what becomes easier to read, not what is computed.

    Source:
        Alain & Bengio 2017, arXiv 1610.01644 (the probes); the difference along one layer is ours.

    Example:
        >>> import torch
        >>> net, x = nn.Sequential(nn.Linear(2, 3), nn.ReLU()), torch.randn(200, 2)
        >>> found = layer_gain(net, x, (x[:, 0] > 0).long(), "1")
        >>> found.before, len(found.rows)
        ('1:in', 60)
    """
    how = compute or Compute(batch_size=256)
    y, train, test = divided(inputs, answers, held_out, how.seed)
    real, inputs = tokens_of(inputs, spec), along(inputs, spec)
    place = Site.parse(site)
    if place.function:
        raise InputError(
            f"{site!r} is a function inside a forward; what enters it has no address. Compare the layers "
            "around it by linear_probes()."
        )
    before = str(Site(place.module, "in", place.call))
    classes = int(y.max()) + 1
    ends = (before, site)
    try:
        own = _read(model, inputs, ends, y, classes, train, test, width, real, how)
    except (SiteError, InputError) as error:
        reached = chosen_sites(model, inputs, None, how)[0]
        known = [name for name in reached if Site.parse(name).module == place.module]
        if not known:
            raise
        # to name an item is no way out here
        told = str(error).split(";")[0].rstrip(".")
        raise type(error)(
            f"{told}. layer_gain compares one tensor [N, …] that enters {place.module} with one that leaves "
            f"it; linear_probes(model, inputs, answers, {known[:3]}) reads what it gives."
        ) from error
    right = [(read.argmax(1) == y[test]).double() for read in own]
    gain = right[1] - right[0]
    low, high = paired(gain[None])
    untrained = float("nan")
    twin = twin_of(model, inputs, how, []) if untrained_copy else None
    if twin is not None:
        beside = _read(twin, inputs, ends, y, classes, train, test, width, real, how)
        hits = [float((read.argmax(1) == y[test]).double().mean()) for read in beside]
        untrained = hits[1] - hits[0]
    present = answers.cpu().unique()
    return LayerGain(
        site,
        before,
        float(right[0].mean()),
        float(right[1].mean()),
        float(gain.mean()),
        float(low),
        float(high),
        untrained,
        test.nonzero()[:, 0],
        present[y[test]],
        present[own[0].argmax(1)],
        present[own[1].argmax(1)],
        own[1].amax(1),
        int(train.sum()),
    )


def _read(
    model: nn.Module,
    inputs: Tensor | Batch,
    ends: tuple[str, str],
    y: Tensor,
    classes: int,
    train: Tensor,
    test: Tensor,
    width: int,
    real: Tensor | None,
    how: Compute,
) -> list[Tensor]:
    """Probabilities ``[M, K]`` of the held-out rows, read off each place."""
    read: list[Tensor] = []
    for found in sketches(model, inputs, ends, width, how, real, stop=ends[1]).values():
        fit, held = standardised(found[train], found[test])
        weight, bias = fitted(fit, y[train], classes)
        read.append((held @ weight + bias).softmax(1))
    return read
