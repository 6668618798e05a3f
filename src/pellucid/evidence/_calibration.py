"""How often the card passes what it should not, and what it should: counted on maps known to be empty."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid._core import Card, Compute, InputSpec, TargetLike, brief, untrained, wilson
from pellucid.errors import InputError, MethodError
from pellucid.evidence._about import Copies, twin_maps
from pellucid.evidence._audited import Kind
from pellucid.evidence._bench import benches
from pellucid.evidence._cards import TWINS, answered
from pellucid.evidence._case import LEAST, Case, Method, Pool, case_of, out_of_reach
from pellucid.evidence._controls import CLASS, INPUT, TWIN, of_others
from pellucid.evidence._fill import absent, own_reference
from pellucid.evidence._free import free_maps
from pellucid.evidence._localisation import Measure
from pellucid.evidence._matters import BEATS, HOLDS, LEVEL, MATTERS, examined, fill_checks, margin_checks
from pellucid.evidence._nulls import EQUAL
from pellucid.evidence._responses import Responses
from pellucid.evidence._scalar import settled
from pellucid.evidence._stable import NOISES, STABLE
from pellucid.evidence._statistics import differ

OPPOSITE = "Does the model do the opposite?"
EVERYWHERE = "Does it hold under every kind of absence?"
ALLOWED = 0.065  # of controls that pass at a nominal 5 %, counted over some hundreds
SMOOTH = (0.0, 1.0, 2.0)  # of random maps, in parts


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    """How often the maps of one kind pass.

    Args:
        name: of the method or control.
        kind: ``method``, whose shares are power, or ``model-free`` or ``control``, whose are false positives.
        shares: of the maps that pass each question, with Wilson's interval.
        n: maps.
        draws: untrained networks or random maps per input; maps that share a network are not independent,
            so that with few draws the intervals are too narrow.
    """

    name: str
    kind: Kind
    shares: Mapping[str, Measure]
    n: int
    draws: int

    @property
    def worst(self) -> float:
        """The largest share over the questions."""
        return max((one.value for one in self.shares.values()), default=0.0)


@dataclass(frozen=True, slots=True)
class Calibration:
    """False positives and power of the card's tests on one network.

    Args:
        network, accuracy: what was calibrated on, in words; ``accuracy`` on the rows used, NaN if unknown.
        rows: methods, then controls.
        n: inputs.
        target, fills: what was explained and what replaced removed parts.
        masks, draws, twins, seed: settings.
        level: nominal.
    """

    network: str
    accuracy: float
    rows: tuple[CalibrationRow, ...]
    n: int
    target: str
    fills: tuple[str, ...]
    masks: int
    draws: int
    twins: int
    seed: int
    level: float = LEVEL

    __repr__ = brief

    @property
    def kept(self) -> bool:
        """Whether no control passes any question more often than 6.5 %."""
        return all(row.worst <= ALLOWED for row in self.rows if row.kind != "method")

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        from pellucid import figures

        return figures.mimebundle(self)


def calibration(
    model: nn.Module,
    inputs: Tensor,
    target: TargetLike | None,
    methods: Mapping[str, Method],
    *,
    spec: InputSpec | None = None,
    fills: Sequence[str] = ("mean", "swap"),
    others: Tensor | None = None,
    masks: int = 64,
    draws: int = 499,
    twins: int = TWINS,
    networks: int = 20,
    repeats: int = 5,
    name: str = "network",
    accuracy: float = float("nan"),
    watch: Callable[[CalibrationRow], None] | None = None,
    compute: Compute | None = None,
) -> Calibration:
    """Share of maps that pass each question of the card: of methods, and of maps that are known to be empty.

    Controls are maps of further untrained networks, of the class that comes next and of another input, each
    by every method; maps made without the network; random maps of growing smoothness. None of them should
    pass more often than the nominal 5 %.

    Args:
        model: any network.
        inputs: ``[N, *shape]``; 200 and more give useful intervals.
        target: what is explained; ``None`` is the log-odds of each row's top class, or the single output.
        methods: name to ``(model, inputs, target, *, spec, compute) -> Explanation``.
        spec: what the inputs mean.
        fills: kinds of absence beside the usual one.
        others: rows that fills may take from.
        masks, draws, twins: as for :func:`cards`.
        networks: untrained networks that serve as controls, other ones than those of the test.
        repeats: random maps for each input and smoothness.
        name, accuracy: of the network, kept with the result.
        watch: called with each finished row.
        compute: how to run.

    Returns:
        A :class:`Calibration`.

    Raises:
        InputError: for fewer than 20 inputs or no method that answers.

    Cost:
        Per input ``(M + 1) · (1 + fills)`` passes, and for each method ``9 + networks`` times itself.

    Limits:
        Holds for this network and these inputs. "Is it about this model?", "about this class?" and "does it
        add up?" are gates on a size and no tests of chance, so they have no false positive rate; of "is it
        stable?" the p is counted, not the gate.

    Source:
        Adebayo et al. 2018, arXiv 1810.03292; Wilson 1927.

    Example:
        >>> from pellucid.attribution import input_x_gradient
        >>> few = {"input_x_gradient": input_x_gradient}
        >>> found = calibration(nn.Linear(12, 3), torch.randn(40, 12), 0, few, networks=1, repeats=1)
        >>> found.rows[0].shares["Does it matter to the model?"].value
        1.0
    """
    how = compute or Compute(batch_size=256)
    if not methods or len(inputs) <= LEAST:
        raise InputError(
            f"Calibration needs at least one method and {LEAST + 1} inputs, "
            f"got {len(methods)} and {len(inputs)}."
        )
    what = settled(model, inputs, target, spec, how)
    (place,) = benches(model, inputs, [what], spec=spec, masks=masks, compute=how)
    x, reference = place.x, absent(place.x, spec)
    seen = {"usual": place.responses(*reference)} | {one: place.filled(one, others) for one in fills}
    main = seen["usual"]
    free = free_maps(x, reference[0], pictures=main.bank.grid is not None, known=x)
    trial = _Trial(tuple(seen.values()), free, differ(x, x), draws, how.seed)
    found: list[CalibrationRow] = []
    refused: list[str] = []

    def keep(row: CalibrationRow) -> None:
        found.append(row)
        if watch is not None:
            watch(row)

    for title, method in methods.items():
        try:
            made = method(model, x, what, spec=spec, compute=how)
            if out_of_reach(made):
                raise MethodError(out_of_reach(made))
        except MethodError as error:
            refused.append(f"{title}: {error}")
            continue
        case = case_of(model, made, method, target=what, spec=spec, others=others, bench=place, compute=how)
        first = place.responses(*own_reference(made, spec))
        copies = twin_maps(case, first, twins)
        answers = answered(case, made, first, [seen[one] for one in fills], draws, copies)[0]
        keep(_power(title, answers))
        for row in trial.of_method(title, case, copies, networks):
            keep(row)
    if not found:
        raise InputError(f"No method answers for this network: {'; '.join(refused)}")
    for title, maps in free.items():
        same = Copies(main.bank.reduce(maps).expand(2, -1, -1), twins, 0)
        keep(trial.row(f"without network: {title}", "model-free", [maps], same))
    generator = torch.Generator().manual_seed(how.seed * 1_000_003 + 86_028_121)
    for sigma in SMOOTH if x.ndim > 2 or main.bank.grid is not None else SMOOTH[:1]:
        drawn = [_smooth(x, sigma, generator) for _ in range(repeats + 2)]
        same = Copies(torch.stack([main.bank.reduce(one) for one in drawn[repeats:]]), twins, 0)
        keep(trial.row(f"random, smoothness {sigma:g}", "control", drawn[:repeats], same))
    texts = tuple(one.fill for one in seen.values())
    count = main.drops.shape[1]
    return Calibration(name, accuracy, tuple(found), len(x), what.label, texts, count, draws, twins, how.seed)


def _power(name: str, answers: Sequence[Card]) -> CalibrationRow:
    passed: dict[str, list[bool]] = {}
    for check in (check for card in answers for check in card.checks if check.value is not None):
        question = check.test if check.question == HOLDS else check.question
        passed.setdefault(question, []).append(check.word == "passed")
    return CalibrationRow(name, "method", _shares(passed), len(answers), 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """What the network did under each fill, and maps made without it."""

    seen: tuple[Responses, ...]
    free: Mapping[str, Tensor]
    strangers: Tensor
    draws: int
    seed: int

    def row(
        self,
        name: str,
        kind: Kind,
        maps: Sequence[Tensor],
        copies: Copies,
        among: Tensor | None = None,
    ) -> CalibrationRow:
        """The tests on one or several maps of every input (or of some, ``among`` those tested), with the
        method's maps on untrained copies.
        """
        passed: dict[str, list[bool]] = {}
        tested = ~self.seen[0].still if among is None else among & ~self.seen[0].still
        for one in maps:
            for question, hits in self._passing(self.seen[0].bank.reduce(one), copies).items():
                kept = [hit for hit, there in zip(hits, tested.tolist(), strict=True) if there]
                passed.setdefault(question, []).extend(kept)
        n = max((len(hits) for hits in passed.values()), default=0)
        return CalibrationRow(name, kind, _shares(passed), n, len(maps))

    def _passing(self, units: Tensor, copies: Copies) -> dict[str, list[bool]]:
        others = Pool(units, self.strangers, 0)
        twins = copies.maps if copies.enough else None
        main, *rest = [
            examined(one, units, others, twins, draws=self.draws, seed=self.seed) for one in self.seen
        ]
        open_ = [""] * len(units)
        columns = {
            MATTERS: [p <= LEVEL for p in main.p.tolist()],
            BEATS: [one.word == "passed" for one in margin_checks(main, self.free, open_)],
        }
        for other in rest:
            checks = fill_checks(main, other, open_)
            columns[checks[0].test] = [one.word == "passed" for one in checks]
        worst = torch.stack([one.p for one in (main, *rest)]).amax(0)
        columns[EVERYWHERE] = [p <= LEVEL for p in worst.tolist()]
        columns[OPPOSITE] = ((main.left <= LEVEL) & (main.value < 0)).tolist()
        return columns

    def of_method(self, name: str, case: Case, copies: Copies, networks: int) -> list[CalibrationRow]:
        """Its negative controls: untrained networks, the next class, another input."""
        bank, x = self.seen[0].bank, case.x
        rows: list[CalibrationRow] = []
        if copies.enough:
            maps: list[Tensor] = []
            for k in range(networks):
                net = untrained(case.model, seed=case.compute.seed * 1_009 + 700 + k, calibrate=case.sample)
                maps.append(case.again(net, x, case.scalar.target)[0])
            rows.append(self.row(f"{TWIN}, {name}", "control", maps, copies))
        runner = case.scalar.runner_up(case.outputs)
        wrong = case.maps if runner is None else case.again(case.model, x, runner)[0]
        right = torch.tensor(self._passing(bank.reduce(case.maps), copies)[MATTERS]).to(x.device)
        # a method that is blind to the class has no map of a wrong one, and where its map of the right class
        # is not right, that of the other is not wrong
        if not torch.allclose(wrong, case.maps, rtol=1e-3, atol=1e-9) and int(right.sum()) > LEAST:
            found = self.row(f"{CLASS}, {name}", "control", [wrong], copies, right)
            # that the model does the opposite of a map of the wrong class is true, and no false alarm
            told = {question: one for question, one in found.shares.items() if question != OPPOSITE}
            rows.append(CalibrationRow(found.name, "control", told, found.n, 1))
        units = bank.reduce(case.maps)
        found = self.row(f"{INPUT}, {name}", "control", [of_others(case.maps, self.seed)], copies)
        stable = _shares({STABLE: self._alike(units)})
        rows.append(CalibrationRow(found.name, "control", {**found.shares, **stable}, found.n, 1))
        return rows

    def _alike(self, units: Tensor) -> list[bool]:
        """The p of stability where maps of other inputs stand for those under noise."""
        table = self.seen[0].bank.pairs(units, units).masked_fill(~self.strangers, torch.nan)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + 122_949_823)
        found: list[bool] = []
        for row in table:
            others = row[~row.isnan()]
            picked = torch.randperm(len(others), generator=generator)
            worst, rest = others[picked[:NOISES]].min(), others[picked[NOISES:]]
            p = (1 + int((rest >= worst - EQUAL).sum())) / (len(rest) + 1)
            found.append(p <= LEVEL)
        return found


def _shares(passed: Mapping[str, Sequence[bool]]) -> dict[str, Measure]:
    return {
        question: Measure(sum(hits) / max(1, len(hits)), *wilson(sum(hits), len(hits)))
        for question, hits in passed.items()
    }


def _smooth(x: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """Random maps like ``x``: white noise under a Gaussian along every axis that has neighbours."""
    field = torch.randn(x.shape, generator=generator)
    if not sigma:
        return field.to(x.device)
    axes = (2, 3) if x.ndim == 4 else (x.ndim - 1,)
    for axis in axes:
        reach = min(int(3 * sigma) + 1, x.shape[axis] - 1)
        weight = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma).square())
        rows = field.movedim(axis, -1)
        flat = F.pad(rows.reshape(-1, 1, x.shape[axis]), (reach, reach), mode="circular")
        field = F.conv1d(flat, weight.view(1, 1, -1)).view(rows.shape).movedim(-1, axis)
    return field.to(x.device)
