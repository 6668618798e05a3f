"""The evidence card: all that is tested about one explanation, for many rows at once."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pellucid._core import Card, Compute, Explanation, InputSpec, TargetLike
from pellucid.errors import InputError
from pellucid.evidence._about import TRAINED, Copies, class_checks, training_checks, twin_maps
from pellucid.evidence._adds_up import completeness_checks
from pellucid.evidence._bank import Bank
from pellucid.evidence._bench import Bench
from pellucid.evidence._case import Case, Method, case_of, out_of_reach, pool
from pellucid.evidence._coarse import Design, design
from pellucid.evidence._exchange import Exchanged, Foretold, exchange_checks, exchanged, foretelling
from pellucid.evidence._fill import own_reference
from pellucid.evidence._free import free_maps
from pellucid.evidence._held import Held, held
from pellucid.evidence._held_masks import ROWS, held_by_masks
from pellucid.evidence._matters import (
    MATTERS,
    agreement_checks,
    constants,
    examined,
    fill_checks,
    margin_checks,
    not_run,
    obstacles,
)
from pellucid.evidence._nulls import agreement
from pellucid.evidence._reached import refutations
from pellucid.evidence._reading import as_contributions, is_contribution, reading, shields
from pellucid.evidence._responses import Responses, responses
from pellucid.evidence._stable import stability_checks
from pellucid.evidence._verdict import over_many, verdict

TWINS = 19  # untrained copies: fewer cannot give p = .05
SAME = 1e-3  # relative difference of scores below which the network is the one that was explained


def cards(
    model: nn.Module,
    explanation: Explanation,
    method: Method,
    *,
    target: TargetLike | None = None,
    spec: InputSpec | None = None,
    others: Tensor | None = None,
    fills: Sequence[str] = ("own",),
    masks: int = 64,
    draws: int = 499,
    twins: int = TWINS,
    seen: Responses | None = None,
    bench: Bench | None = None,
    on_data: bool | Tensor = False,
    compute: Compute | None = None,
) -> tuple[Card, ...]:
    """How far each row of an explanation can be believed: one card per row, never one score.

    The questions, each with its number, control and word:

    - *Does it matter to the model?* :func:`agreement` T of the map with the drops of the score when random
      quarters of the input are removed, with a bootstrap interval over the masks. Passed where p <= .05
      against the map laid elsewhere **and** the maps of other inputs **and** those of untrained copies: the
      largest p counts. Where one of these is missing it is mixed at best.
    - *Does it beat a map made without the model?* T minus that of ``|x - reference|`` (for pictures also
      edges), whose own T the control names. Passed where its interval lies above 0.
    - *Does it hold for another kind of absence?* T under each further fill. Passed with the same sign and
      p <= .05; failed where it is the opposite for more than chance.
    - *Is it about this model?* 1 - |rank correlation| with the maps of untrained copies, passed from .5.
    - *Is it about this class?* 1 - rank correlation with the map of the next class, passed above .1.
    - *Is it stable?* Worst rank correlation with the maps under 4 noises of .05 standard deviations that
      keep the class, passed from .5; beside it the maps of other inputs, and p that one of them is as alike.
      There is no word next to a word, so for token numbers the vectors in the network's table move instead.
    - *Does it add up?* Completeness gap relative to the change of the score, passed up to 5 %.
    - *Does it hold on data?* (``on_data``) T where single columns are exchanged for those of the real rows
      most alike in the rest, foretold by the map less that row's map. Passed with p <= .05 against the maps
      laid elsewhere; failed where it is refuted. A network that plays innocent on rows that cannot be (Slack
      et al. 2020) is caught here.

    *supported*: all that applies is passed. *partly supported*: the first is, another is not. *not
    supported*: not told apart from chance. *contradicted*: T < 0, lower than chance, or the opposite under
    another fill, or refuted although it is about this model: a map fitted to seven eighths of the reactions
    foretells the rest, and this one, with p > .05, surely less than half as well; or one of 20 or more maps
    that are refuted together (:class:`Held`), whatever it says of its own row. Sizes without a sign
    (variances, squares, lengths) and slopes that foretell what happens when multiplied by the way from the
    reference are not contradicted by removing, but *not supported*. *not testable*: a constant map, a score
    that no mask moves, or fewer than 32 masks.

    Args:
        model: the network that was explained.
        explanation: N rows; explained inputs, one tensor.
        method: makes the explanation again, ``(model, inputs, target, *, spec, compute) -> Explanation``.
        target: what was explained; by default as the explanation names it. The test is about exactly that
            number: a logit is tested as a logit, log-odds as log-odds.
        spec: what the inputs mean; by default the explanation's.
        others: further inputs ``[P, *shape]``, for maps of other inputs where there are fewer than 32 rows,
            and for fills.
        fills: what replaces removed parts, :func:`responses` has the names; the first is the main one.
        masks: M.
        draws: placements, and bootstrap samples.
        twins: untrained copies. From 19 on they are a null of the test and share the rows: two for each row,
            more where there are few rows. Fewer explain every row.
        seen: what the network did, where it was measured before for these rows.
        bench: where other methods are tested on these rows too, from :func:`benches`, so that nothing is
            asked twice; it names the target and the masks.
        on_data: whether to exchange columns with real rows too, those of ``others``, or rows ``[P, D]`` to
            exchange with; for tables.
        compute: how to run.

    Returns:
        N cards.

    Raises:
        InputError: where the explanation is not of this network, or nothing fits.
        TargetError: where the target cannot be asked again from its name; give ``target``.

    Cost:
        Per input M + 7 times the method + 6 forward passes: 77 for a one-gradient method. For fewer than 40
        rows also one map of each further input, and for fewer than 19 more untrained copies of each (19 for
        one row). Each further fill costs M + 1; ``on_data`` 65 rows (2 for each column, if that is more), and
        one map of 16 real rows for each input, of 128 at most, for each class explained. With a ``bench``
        each further method costs 7 times itself.

    Limits:
        "Supported" means: it predicts what the model does when parts are replaced by this fill, better than
        chance. Not that it is causal, complete, or useful to people.

    Source:
        Adebayo et al. 2018, arXiv 1810.03292 (untrained copies); Bhatt et al. 2020, arXiv 2005.00631;
        Yeh et al. 2019, arXiv 1901.09392 (stability); Slack et al. 2020, arXiv 1911.02508 (why ``on_data``).

    Example:
        >>> from pellucid._core import Question
        >>> def slope(model, inputs, target, *, spec=None, compute=None):
        ...     q = Question(model, inputs, target, spec=spec, compute=compute)
        ...     return q.answer("input_x_gradient", q.gradient() * q.point, {})
        >>> x, net = torch.randn(40, 9), nn.Linear(9, 2)
        >>> cards(net, slope(net, x, 0), slope)[0].checks[0].value > 0.99
        True
    """
    how = compute or Compute(batch_size=256)
    spec = explanation.spec if spec is None else spec
    hidden = out_of_reach(explanation)
    if hidden:
        check = not_run(MATTERS, "agreement with what the model does when parts are removed", "", hidden)
        return (Card("not testable", f"Not testable: {hidden}.", (check,), "", 0),) * len(explanation)
    target = bench.target if bench is not None and target is None else target
    case = case_of(
        model, explanation, method, target=target, spec=spec, others=others, bench=bench, compute=how
    )
    main = _measured(case, explanation, fills[0], masks) if seen is None else seen
    _same_network(explanation, main)
    further = [_measured(case, explanation, fill, main.bank) for fill in fills[1:]]
    asked = None if on_data is False else _exchanged(case, main, on_data)
    return answered(case, explanation, main, further, draws, twin_maps(case, main, twins), asked)[0]


def _exchanged(case: Case, main: Responses, on_data: bool | Tensor) -> Exchanged:
    known = case.x if case.others is None else case.others
    donors = on_data if isinstance(on_data, Tensor) else known
    units, target = main.bank.units, case.scalar.target
    return exchanged(case.model, case.x, target, units, donors, spec=case.spec, compute=case.compute)


def _measured(case: Case, explanation: Explanation, fill: str, masks: int | Bank) -> Responses:
    reference, words = own_reference(explanation, case.spec)
    if case.bench is not None and fill == "own":
        return case.bench.responses(reference, words)
    if case.bench is not None and masks is not case.bench.masks:
        # masks that were drawn for the main fill: the same for every method that is tested here
        return case.bench.filled(fill, case.others)
    found = responses(
        case.model,
        case.x,
        case.scalar.target,
        spec=case.spec,
        fill=reference if fill == "own" else fill,
        masks=masks,
        others=case.others,
        compute=case.compute,
    )
    return dataclasses.replace(found, fill=words) if fill == "own" else found


def _same_network(explanation: Explanation, main: Responses) -> None:
    if len(main) != len(explanation):
        raise InputError(f"Expected responses of {len(explanation)} rows, got {len(main)}.")
    before, now = explanation.scores.to(main.scores), main.scores
    far = (before - now).abs() > SAME * torch.maximum(before.abs(), now.abs()).clamp(min=SAME)
    if bool(far.any()):
        row = int(far.nonzero()[0])
        raise InputError(
            f"The explanation is of another network or target: row {row} scored {float(before[row]):.4g} "
            f"then and {float(now[row]):.4g} ({main.target}) now. Explain again, or give the target= "
            "that it was made with."
        )


def answered(
    case: Case,
    explanation: Explanation,
    main: Responses,
    further: Sequence[Responses],
    draws: int,
    copies: Copies,
    asked: Exchanged | None = None,
) -> tuple[tuple[Card, ...], Held | None]:
    """The cards of a case, from what the network did and the method's maps on untrained copies; and whether
    its maps hold over all rows, where there are 20 or more.
    """
    others = pool(case, main)
    twins = copies.maps if copies.enough else None
    units, seed = main.bank.reduce(case.maps), case.compute.seed
    blocked, constant = obstacles(main, units), constants(units)
    found, *rest = [examined(one, units, others, twins, draws=draws, seed=seed) for one in (main, *further)]
    reference, _ = own_reference(explanation, case.spec)
    free = free_maps(case.x, reference, pictures=main.bank.grid is not None, known=case.sample)
    steady, steady_rows = stability_checks(case, main, others, constant)
    classed, class_rows = class_checks(case, main, constant)
    columns = [
        agreement_checks(found, blocked),
        margin_checks(found, free, blocked),
        *(fill_checks(found, one, blocked) for one in rest),
        training_checks(main, units, copies, constant),
        classed,
        steady,
        completeness_checks(explanation),
    ]
    spent = len(case.x) + others.rows + copies.rows + steady_rows + class_rows
    told = None
    if asked is not None:
        told = foretelling(case, explanation, asked, units)
        columns.insert(-1, exchange_checks(case, asked, told, blocked, draws))
        spent += asked.seen.rows + (0 if told is None else told.rows)
    rows = math.ceil((spent + sum(one.rows for one in (main, *further))) / len(case.x))
    fitting = design(main.bank, units)
    left, refuted = found.left.tolist(), refutations(found, blocked, fitting)
    shield = shields(case, explanation, main, fitting, draws)
    made = tuple(
        Card(*verdict(checks, blocked[i], left[i], refuted[i], shield[i]), checks, main.fill, rows)
        for i, checks in enumerate(zip(*columns, strict=True))
    )
    over = _over_rows(case, explanation, main, units, blocked, made, asked, told, fitting)
    return over_many(made, over), over


def _over_rows(
    case: Case,
    explanation: Explanation,
    main: Responses,
    units: Tensor,
    blocked: Sequence[str],
    made: Sequence[Card],
    asked: Exchanged | None,
    told: Foretold | None,
    fitting: Design,
) -> Held | None:
    """By exchanged columns where there are some, else by the masks; tables are not asked by masks, since the
    slopes of an honest table say little of what removing a column does; nor are sizes without a sign.
    """
    if len(made) < ROWS:
        return None
    if asked is not None and told is not None:
        spec = case.spec
        names = [f"column {k}" for k in range(asked.width)] if spec is None else spec.group_names(case.x)
        return held(asked, told, names, case.compute.seed)
    if (case.x.ndim == 2 and case.x.is_floating_point()) or reading(explanation) == "sizes":
        return None
    read = as_contributions(case, explanation, main)
    if read is not None and bool(read[1].any()):
        # slopes below the reference: the reading that is kinder to them
        units = max(units, read[0], key=lambda one: float(agreement(main, one).nan_to_num().mean()))
    testable = torch.tensor([not why for why in blocked])
    trained = [check.word for card in made for check in card.checks if check.test == TRAINED]
    about = 2 * trained.count("passed") > len(trained)
    adds = _contributions(case, explanation)
    seed = case.compute.seed
    return held_by_masks(main, units, testable, fitting=fitting, adds=adds, about=about, seed=seed)


def _contributions(case: Case, explanation: Explanation) -> bool:
    """Whether the values are contributions against a reference, so that parts equal to it get nothing."""
    if is_contribution(explanation):
        return True
    if reading(explanation) != "contributions":
        return False
    same = case.x == own_reference(explanation, case.spec)[0].expand_as(case.x)
    return bool(same.any()) and not bool(case.maps[same].any())
