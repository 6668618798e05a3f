"""Rules over numbers that stand for an input: units of a layer, or concepts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from pellucid._core import Dataset
from pellucid.errors import InputError
from pellucid.inputs import Column, TabularSpec
from pellucid.rules._copied import KINDS, Copier, refuse
from pellucid.rules._judged import Cells, Judged
from pellucid.rules._material import Material, growth_of, null_growth, told, usual_of
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
    if not len(values) == len(outputs) == len(dataset) or values.shape[1] != len(names):
        raise InputError(
            f"Expected values and outputs for each of {len(dataset)} rows and a name for each value, got "
            f"{list(values.shape)}, {list(outputs.shape)} and {len(names)} names."
        )
    if kind == "layers":
        raise InputError("'layers' reads inputs through layers; for values take another kind.")
    refuse(dataset, kind, size, minimum_support, 0, regrown)
    columns = tuple(Column(name) for name in names)
    about = Dataset(
        dataset.name, values.float(), dataset.answers, TabularSpec(columns), dataset.classes, dataset.parts,
        dataset.answer,
    )  # fmt: skip
    train, held = about.part("train"), about.rows(about.parts != 0)
    if not len(train) or not len(held):
        raise InputError(f"Rules need train and held-out rows, got {len(train)} and {len(held)}.")
    asked = told(outputs[about.parts == 0], train)
    growth = growth_of(columns, train, train.inputs, asked, minimum_support, seed)
    given = Material(
        columns,
        growth,
        growth,
        null_growth(growth, train),
        usual_of(asked.answers, train),
        bool((asked.answers == asked.answers[0]).all()),
        np.zeros((0, 2), dtype=np.int64),
    )
    rows = about.spec.decode(held.inputs) if isinstance(about.spec, TabularSpec) else []
    judged = Judged(held, columns, Cells.of(columns, rows), told(outputs[about.parts != 0], held).answers)
    how = Copier(about, given, judged, KINDS[kind], kind, seed)
    return how.scored(how.grown(size, queried=False), size, queried=False, regrown=regrown)
