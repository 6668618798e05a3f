"""The audit: every test on every method over a sample that was declared before, beside its controls."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Card, Compute, Explanation, InputSpec, Target, TargetLike, brief
from pellucid.errors import InputError, MethodError
from pellucid.evidence._about import Copies, twin_maps
from pellucid.evidence._audited import AuditRow, filled, over_all, supported, under
from pellucid.evidence._bench import Bench, benches
from pellucid.evidence._cards import TWINS, answered
from pellucid.evidence._case import LEAST, Case, Method, case_of, out_of_reach
from pellucid.evidence._controls import negative_controls
from pellucid.evidence._exchange import Exchanged, exchanged
from pellucid.evidence._fill import absent, own_reference
from pellucid.evidence._free import free_maps
from pellucid.evidence._matters import MATTERS
from pellucid.evidence._metrics._chosen import measured, metric_named
from pellucid.evidence._nulls import agreement
from pellucid.evidence._plant import Plant, plant
from pellucid.evidence._responses import Responses
from pellucid.evidence._scalar import settled
from pellucid.evidence._survey import Survey, evidence_of, model_free, table
from pellucid.inputs import TabularSpec

USUAL = "usual"  # the main fill: what the spec calls absent


@dataclass(frozen=True, slots=True, eq=False)
class Audit:
    """Tests × methods on one sample.

    Args:
        rows: methods, the worst first; then maps made without the model; then negative controls.
        survey: the comparison of methods in pairs, and the one best supported with the reason.
        plant: the positive control.
        refused: methods that could not be audited, with the reason.
        sample: int64 ``[N]``, numbers of the rows that were declared; ``declared`` says how, in words.
        n: inputs; ``tested`` of them react to the masks at all.
        target, fills: what was explained, and what replaced removed parts, in words, the main one first.
        masks, draws, twins, q, seed: settings.
        network_rows: rows of the network per input, all told.
    """

    rows: tuple[AuditRow, ...]
    survey: Survey
    plant: Plant
    refused: Mapping[str, str]
    sample: Tensor
    declared: str
    n: int
    tested: int
    target: str
    fills: tuple[str, ...]
    masks: int
    draws: int
    twins: int
    q: float
    seed: int
    network_rows: int

    __repr__ = brief

    def of(self, kind: str) -> tuple[AuditRow, ...]:
        """The rows of one kind: ``method``, ``model-free`` or ``control``."""
        return tuple(row for row in self.rows if row.kind == kind)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def audit(
    model: nn.Module,
    inputs: Tensor,
    target: TargetLike | None,
    methods: Mapping[str, Method],
    *,
    spec: InputSpec | None = None,
    fills: Sequence[str] = ("mean", "swap", "nearest"),
    metrics: Sequence[str] = ("infidelity", "sparseness"),
    others: Tensor | None = None,
    masks: int = 64,
    draws: int = 499,
    twins: int = TWINS,
    q: float = 0.1,
    sample: Tensor | None = None,
    declared: str = "",
    watch: Callable[[AuditRow], None] | None = None,
    compute: Compute | None = None,
) -> Audit:
    """Every test of the card on every method, over one sample and one bank of masks, beside its controls.

    For each method: the share of inputs on which it is supported (largest p over the nulls, Storey's
    adaptive choice at the rate ``q``, Wilson's interval); each question of the card over all inputs; its
    agreement under several kinds of absence, and the share supported under all of them; metrics of the
    literature. In the same table maps made without the model, and negative controls made by the method best
    supported: of an untrained copy, of the class that comes next, of another input. They must not be
    supported. The positive control is the same network with a shortcut put in: its part of the map must rise.

    A method whose maps are refuted over all rows together is contradicted over the data set (:class:`Held`):
    for tables where single columns are exchanged for those of similar real rows and the maps hide one that
    turns answers, elsewhere by the masks. It is not called the best while another is left, and none of its
    maps comes out as supported alone.

    Args:
        model: any network.
        inputs: ``[N, *shape]``, the declared sample: at least 20 different ones; 100 and more give useful
            intervals.
        target: what is explained; ``None`` is the log-odds of each row's top class, or the single output.
        methods: name to ``(model, inputs, target, *, spec, compute) -> Explanation``.
        spec: what the inputs mean.
        fills: kinds of absence beside the main one, which is what the spec calls absent (else zeros).
        metrics: names of metrics of the literature. ``infidelity``, ``sparseness`` and ``complexity`` make no
            pass.
        others: rows that fills may take from, best of the training data.
        masks: M.
        draws: placements per row.
        twins: untrained copies; from 19 on they are a null of the test and share the rows, two for each row.
        q: false discovery rate.
        sample: numbers of the rows, kept with the result.
        declared: how the sample was chosen, in words.
        watch: called with each finished row.
        compute: how to run.

    Returns:
        An :class:`Audit`.

    Raises:
        InputError: for fewer than 20 inputs, no method that answers, unknown fills or metrics.

    Cost:
        Per input ``(M + 1) · (1 + fills)`` forward passes once, and for each method 8 times itself and 5
        passes; three maps for controls; M + 1 passes and a map for each method on the planted network. For
        tables also 65 passes once, and for each method maps of 128 rows.

    Limits:
        Says how well maps foretell what removal does to this network, on these inputs, under these fills. Not
        that a map is right, complete, causal, or of use to people; not that the network is fair or safe.

    Source:
        Storey et al. 2004; Wilson 1927; Adebayo et al. 2018, arXiv 1810.03292; Adebayo et al. 2022,
        Post hoc Explanations may be Ineffective for Detecting Unknown Spurious Correlation, arXiv 2212.04629.

    Example:
        >>> from pellucid.attribution import input_x_gradient
        >>> found = audit(nn.Linear(12, 3), torch.randn(40, 12), 0, {"input_x_gradient": input_x_gradient})
        >>> found.rows[0].evidence.share, [row.name for row in found.of("control")]
        (1.0, ['untrained copy', 'wrong class', 'other input'])
    """
    how = compute or Compute(batch_size=256)
    for name in metrics:
        metric_named(name)
    if not methods or len(inputs) <= LEAST:
        raise InputError(
            f"An audit needs at least one method and {LEAST + 1} inputs, "
            f"got {len(methods)} and {len(inputs)}."
        )
    what = settled(model, inputs, target, spec, how)
    (place,) = benches(model, inputs, [what], spec=spec, masks=masks, compute=how)
    run = _Run(place, what, tuple(fills), tuple(metrics), others, draws, twins, q, _exchanged(place, others))
    rows: dict[str, AuditRow] = {}
    maps: dict[str, tuple[Method, Tensor, Copies]] = {}
    refused: dict[str, str] = {}
    for name, method in methods.items():
        try:
            rows[name], maps[name] = run.method(name, method)
        except MethodError as error:
            refused[name] = str(error)
            continue
        if watch is not None:
            watch(rows[name])
    if not rows:
        raise InputError(f"No method answers for this network: {'; '.join(refused.values())}")
    free, survey = run.free(), _best(run.survey(list(rows.values())), rows)
    controls, control_rows = run.controls(survey.best, maps[survey.best][0], maps[survey.best][2])
    drawn = {name: (method, own) for name, (method, own, _) in maps.items()}
    planted = plant(model, inputs, what, drawn, run.seen[USUAL], spec=spec, compute=how)
    ordered = sorted(rows.values(), key=lambda row: (row.evidence.share, row.evidence.median))
    for row in (*free, *controls):
        if watch is not None:
            watch(row)
    asked = 0 if run.asked is None else run.asked.seen.rows
    spent = (asked + sum(one.rows for one in run.seen.values())) / len(inputs)
    spent += sum(row.evidence.rows for row in ordered)
    return Audit(
        (*ordered, *free, *controls),
        survey,
        planted,
        refused,
        torch.arange(len(inputs)) if sample is None else sample,
        declared or "all inputs that were given",
        len(inputs),
        survey.tested,
        what.label,
        tuple(one.fill for one in run.seen.values()),
        run.seen[USUAL].drops.shape[1],
        draws,
        twins,
        q,
        how.seed,
        round(spent + control_rows + planted.spent),
    )


def _exchanged(place: Bench, others: Tensor | None) -> Exchanged | None:
    """Columns of a table exchanged with real rows, once for all methods."""
    if not isinstance(place.spec, TabularSpec):
        return None
    donors, units = place.x if others is None else others, place.spec.groups(place.x)
    return exchanged(
        place.model, place.x, place.target, units, donors, spec=place.spec, compute=place.compute
    )


def _best(survey: Survey, rows: Mapping[str, AuditRow]) -> Survey:
    """A method whose maps do not hold over the data is not called the best while another is there."""
    refuted = [name for name, row in rows.items() if row.held is not None and row.held.word == "failed"]
    left = [one.method for one in survey.methods if one.method in rows and one.method not in refuted]
    if survey.best not in refuted:
        return survey
    against = f"{survey.best} is contradicted over the data: {rows[survey.best].held_reason}"
    if not left:
        return dataclasses.replace(survey, reason=f"{survey.reason} But {against}")
    instead = f"{left[0]} is taken instead, the best supported that is not."
    return dataclasses.replace(survey, best=left[0], reason=f"{against} {instead}")


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """One sample, bank and target, on which everything is tested alike."""

    place: Bench
    target: Target
    further: tuple[str, ...]
    metrics: tuple[str, ...]
    others: Tensor | None
    draws: int
    twins: int
    q: float
    asked: Exchanged | None

    @property
    def seen(self) -> dict[str, Responses]:
        """What the network did under each fill; asked once."""
        x, spec = self.place.x, self.place.spec
        found = {USUAL: self.place.responses(*absent(x, spec))}
        return found | {fill: self.place.filled(fill, self.others) for fill in self.further}

    def method(self, name: str, method: Method) -> tuple[AuditRow, tuple[Method, Tensor, Copies]]:
        """All tests of one method."""
        place, how = self.place, self.place.compute
        made = method(place.model, place.x, self.target, spec=place.spec, compute=how)
        why = out_of_reach(made)
        if why:
            raise MethodError(f"{why[:1].upper()}{why[1:]}.")
        case, seen = self._case(method, made), self.seen
        reference, words = own_reference(made, place.spec)
        main = place.responses(reference, words)
        copies = twin_maps(case, main, self.twins)
        found, over = answered(case, made, main, (), self.draws, copies, self.asked)
        row = self._row(name, method, made, case.maps, found, copies, seen)
        return dataclasses.replace(row, held=over), (method, case.maps, copies)

    def _case(self, method: Method, made: Explanation) -> Case:
        place = self.place
        return case_of(
            place.model,
            made,
            method,
            target=self.target,
            spec=place.spec,
            others=self.others,
            bench=place,
            compute=place.compute,
        )

    def _row(
        self,
        name: str,
        method: Method,
        made: Explanation,
        maps: Tensor,
        found: Sequence[Card],
        copies: Copies,
        seen: Mapping[str, Responses],
    ) -> AuditRow:
        x, seed = self.place.x, self.place.compute.seed
        fills, worst = under(seen, maps, x, copies, draws=self.draws, seed=seed)
        checks = [next(c for c in card.checks if c.question == MATTERS) for card in found]
        p = torch.tensor([1.0 if c.p is None else c.p for c in checks], dtype=torch.float64)
        usual = seen[USUAL]
        shared = usual.rows // len(maps)
        metrics = {
            wanted: measured(
                wanted,
                self.place.model,
                self.place.x,
                maps,
                method,
                self.target,
                usual,
                spec=self.place.spec,
                compute=self.place.compute,
            )
            for wanted in self.metrics
        }
        shared += 0 if self.asked is None else self.asked.seen.rows // len(maps)
        cost = max(0, found[0].rows - shared) + sum(one.rows for one in metrics.values())
        main = evidence_of(name, agreement(usual, maps), p, usual, self.q, None, cost)
        questions = over_all(found)
        verdicts = dict(Counter(card.verdict for card in found))
        everywhere = supported(worst, ~usual.still, self.q)
        return AuditRow(
            name,
            "method",
            main,
            tuple(fills),
            everywhere,
            questions,
            verdicts,
            metrics,
            questions[0].word,
            made.note,
        )

    def free(self) -> list[AuditRow]:
        """Maps made without the model."""
        x, spec, seen = self.place.x, self.place.spec, self.seen
        found = model_free(x, seen[USUAL], spec)
        maps = free_maps(x, absent(x, spec)[0], pictures=seen[USUAL].bank.grid is not None, known=x)
        rows: list[AuditRow] = []
        for one in found:
            values = {fill: agreement(each, maps[one.method]) for fill, each in seen.items()}
            fills = [filled(fill, seen[fill].fill, v, values[USUAL], None) for fill, v in values.items()]
            note = "made without the network: it is never supported, and a method has to beat it."
            rows.append(
                AuditRow(one.method, "model-free", one, tuple(fills), None, (), {}, {}, "not run", note)
            )
        return rows

    def survey(self, rows: Sequence[AuditRow]) -> Survey:
        """The comparison in pairs."""
        seen, x = self.seen[USUAL], self.place.x
        both = [*(row.evidence for row in rows), *model_free(x, seen, self.place.spec)]
        return table(both, seen, self.draws, self.twins, self.q)

    def controls(self, name: str, method: Method, copies: Copies) -> tuple[list[AuditRow], int]:
        """Negative controls of one method."""
        place = self.place
        made = method(place.model, place.x, self.target, spec=place.spec, compute=place.compute)
        return negative_controls(
            self._case(method, made), name, copies, self.seen, draws=self.draws, q=self.q
        )
