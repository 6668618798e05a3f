"""Rules over numbers that stand for an input: units of a layer, or concepts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from pellucid._core import Dataset
from pellucid.errors import InputError
from pellucid.inputs import Column, TabularSpec
from pellucid.rules._copied import KINDS, Copier, refuse
from pellucid.rules._frontier import APART, SIZES, Frontier, of_sizes
from pellucid.rules._judged import Cells, Judged
from pellucid.rules._material import Material, growth_of, null_growth, told, usual_of
from pellucid.rules._optimal import DEPTH
from pellucid.rules._rule_set import Kind, RuleSet


def rules_of_values(
    values: Tensor,
    outputs: Tensor,
    names: Sequence[str],
    dataset: Dataset,
    *,
    kind: Kind = "tree",
    size: int = 8,
    minimum_support: int = 5,
    seed: int = 0,
    regrown: int = 0,
) -> RuleSet:
    """Rules that tell a network's answers by other numbers than its inputs, such as what its units give.

    ``fidelity`` and all other figures are those of :func:`surrogate_rules`.

    Args:
        values: ``[N, U]``, finite, of each row of ``dataset``.
        outputs: ``[N, K]`` of the network for the same rows.
        names: of the ``U`` numbers.
        dataset: rows with a train part and held-out rows.
        kind: of rules, all but ``"layers"``.
        size: most rules.
        minimum_support, seed, regrown: as for :func:`surrogate_rules`.

    Returns:
        Rules over the named numbers.

    Raises:
        InputError: if the lengths differ or an argument cannot be.

    Cost:
        No pass of a network.

    Limits:
        A unit that tells the answer need not cause it; that is measured by switching it off.

    Source:
        Craven and Shavlik, "Extracting tree-structured representations of trained networks", NeurIPS 1995.

    Example:
        >>> import torch
        >>> from pellucid._core import split
        >>> values = torch.rand(300, 2, generator=torch.Generator().manual_seed(0))
        >>> y = (values[:, 1] > 0.5).long()
        >>> rows = TabularSpec((Column("a"), Column("b")))
        >>> data = Dataset("made", values, y, rows, ("no", "yes"), split(y, classes=True))
        >>> outputs = torch.nn.functional.one_hot(y).float()
        >>> print(rules_of_values(values, outputs, ["unit 0", "unit 1"], data).rules[1])
        IF unit 1 > 0.499 THEN yes
    """
    about = _about(values, outputs, names, dataset)
    refuse(about, kind, size, minimum_support, 0, regrown)
    how = _copier(about, outputs, about.parts != 0, kind, minimum_support, seed)
    return how.scored(how.grown(size, queried=False), size, queried=False, regrown=regrown)


def frontier_of_values(
    values: Tensor,
    outputs: Tensor,
    names: Sequence[str],
    dataset: Dataset,
    *,
    kind: Kind = "tree",
    sizes: Sequence[int] = SIZES,
    minimum_support: int = 5,
    seed: int = 0,
    regrown: int = 0,
) -> Frontier:
    """Rules over other numbers than a network's inputs in several sizes, so that a reader picks how much to
    read.

    Args:
        values, outputs, names, dataset, kind, minimum_support, seed, regrown: as for
            :func:`rules_of_values`.
        sizes: most rules of each set.

    Returns:
        The sets, chosen and judged as by :func:`rule_frontier`: picked on the validation rows, figures on
        the test rows; with fewer than 50 of either all held-out rows do both.

    Raises:
        InputError: as :func:`rules_of_values`.

    Cost:
        No pass of a network; two growths for each size.

    Limits:
        Those of :func:`rules_of_values`.

    Source:
        Craven and Shavlik, "Extracting tree-structured representations of trained networks", NeurIPS 1995.

    Example:
        >>> import torch
        >>> from pellucid._core import split
        >>> values = torch.rand(300, 2, generator=torch.Generator().manual_seed(0))
        >>> y = (values[:, 1] > 0.5).long()
        >>> rows = TabularSpec((Column("a"), Column("b")))
        >>> data = Dataset("made", values, y, rows, ("no", "yes"), split(y, classes=True))
        >>> outputs = torch.nn.functional.one_hot(y).float()
        >>> len(frontier_of_values(values, outputs, ["a", "b"], data).pick(fidelity=0.9))
        2
    """
    sizes = sorted(size for size in set(sizes) if kind != "optimal" or size <= 2**DEPTH)
    about = _about(values, outputs, names, dataset)
    refuse(about, kind, min(sizes, default=0), minimum_support, 0, regrown)
    choice, test = about.parts == 1, about.parts == 2
    apart = min(int(choice.sum()), int(test.sum())) >= APART
    held = test if apart else about.parts != 0
    how = _copier(about, outputs, held, kind, minimum_support, seed)
    judge = _judged(about, outputs, choice) if apart else how.held
    return of_sizes(how, judge, sizes, apart=apart, regrown=regrown)


def _about(values: Tensor, outputs: Tensor, names: Sequence[str], dataset: Dataset) -> Dataset:
    """The same rows, told by the values."""
    if not len(values) == len(outputs) == len(dataset) or values.shape[1] != len(names):
        raise InputError(
            f"Expected values and outputs for each of {len(dataset)} rows and a name for each value, got "
            f"{list(values.shape)}, {list(outputs.shape)} and {len(names)} names."
        )
    spec = TabularSpec(tuple(Column(name) for name in names))
    return Dataset(
        dataset.name, values.float(), dataset.answers, spec, dataset.classes, dataset.parts, dataset.answer
    )


def _copier(about: Dataset, outputs: Tensor, held: Tensor, kind: Kind, support: int, seed: int) -> Copier:
    """What rules over the values are grown from, and judged on in the rows ``held``."""
    if kind == "layers":
        raise InputError("'layers' reads inputs through layers; for values take another kind.")
    train, judge = about.part("train"), _judged(about, outputs, held)
    if not len(train) or not held.any():
        raise InputError(f"Rules need train and held-out rows, got {len(train)} and {int(held.sum())}.")
    asked = told(outputs[about.parts == 0], train)
    growth = growth_of(judge.columns, train, train.inputs, asked, support, seed)
    given = Material(
        judge.columns,
        growth,
        growth,
        null_growth(growth, train),
        usual_of(asked.answers, train),
        bool((asked.answers == asked.answers[0]).all()),
        np.zeros((0, 2), dtype=np.int64),
    )
    return Copier(about, given, judge, KINDS[kind], kind, seed)


def _judged(about: Dataset, outputs: Tensor, rows: Tensor) -> Judged:
    """Some rows with the network's answers to them."""
    held, spec = about.rows(rows), about.spec
    columns, raw = (spec.columns, spec.decode(held.inputs)) if isinstance(spec, TabularSpec) else ((), [])
    return Judged(held, columns, Cells.of(columns, raw), told(outputs[rows], held).answers)
