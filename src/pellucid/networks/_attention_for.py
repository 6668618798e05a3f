"""The attention network that suits a data set: over columns, patches or words."""

from __future__ import annotations

import dataclasses

from torch import Tensor

from pellucid._core import Dataset
from pellucid.errors import InputError
from pellucid.inputs import TabularSpec, TextSpec
from pellucid.networks._additive_for import CROWD, MANY
from pellucid.networks._attention_gate import AttentionGate, Gate, attention
from pellucid.networks._attention_patches import AttentionPatches, attention_patches
from pellucid.networks._attention_words import AttentionWords, attention_words
from pellucid.networks._shape_nets import knots_of, padded, shares_at
from pellucid.networks._text import PAD
from pellucid.networks._wide import columns_read, slots_read, told_of

GRID = 8  # patches along the shorter side, about
KNOTS = 128  # most knots of a number
STEPS, MOST = 300, 120  # of few texts: 30 passes over 168 are 90 steps, which learn too little
LARGEST = 64  # pixels along the shorter side above which some are averaged to one


def attention_for(
    dataset: Dataset,
    *,
    seed: int = 0,
    gate: Gate | None = None,
    swap: float = 1.0,
    penalty: float = 0.01,
    epochs: int | None = None,
) -> AttentionGate | AttentionPatches | AttentionWords:
    """An untrained attention network: over the columns of a table, patches of pictures or words of texts.

    Raises:
        InputError: if the data are none of these, or a global gate is asked for pictures or texts.
    """
    answers = _scale(dataset)
    if isinstance(dataset.spec, TabularSpec):
        made = _columns(dataset, dataset.spec, seed, gate or "global", swap, penalty, answers)
    else:
        if gate == "global":
            raise InputError(
                "gate='global' is one weight a column. Patches and words are weighed in each picture or text "
                "by what they show themselves; leave gate= out."
            )
        made = _parts(dataset, seed, swap, answers)
    passes = _passes(made, dataset) if epochs is None else epochs
    rows = int((dataset.parts == 0).sum())
    batch = 512 if made.part == "column" and rows >= 5000 else made.recipe.batch_size
    made.recipe = dataclasses.replace(made.recipe, epochs=passes, batch_size=batch)
    return made


def _columns(
    dataset: Dataset,
    spec: TabularSpec,
    seed: int,
    gate: Gate,
    swap: float,
    penalty: float,
    answers: tuple[float, float] | None,
) -> AttentionGate:
    kept = columns_read(dataset)
    columns = slots_read(spec, kept)
    x = dataset.part("train").inputs
    spiked = [k for k in kept if not spec.columns[k].levels and len(x) >= MANY]
    made = attention(
        columns, dataset.outputs, gate=gate, swap=swap, penalty=penalty, seed=seed, answers=answers,
        numbers=spiked, knots=KNOTS,
    )  # fmt: skip
    made.told = told_of(spec, kept)
    if spiked:
        _measure(made, x)
    return made


def _measure(made: AttentionGate, x: Tensor) -> None:
    """Knots of the training rows, and which of them enough rows share."""
    slots = [made.columns[k][0] for k in made.numbers]
    there = made.there(x)
    seen = [x[there[:, j] > 0.5, slot] for j, slot in enumerate(slots)]
    made.knots = padded([knots_of(v if len(v) else v.new_zeros(1), KNOTS) for v in seen], KNOTS)
    made.crowded = (shares_at(x[:, slots], there, made.knots) >= CROWD / len(x)).float()


def _parts(
    dataset: Dataset, seed: int, swap: float, answers: tuple[float, float] | None
) -> AttentionPatches | AttentionWords:
    shape, spec = [*dataset.inputs.shape[1:]], dataset.spec
    if isinstance(spec, TextSpec):
        if spec.pad not in (None, PAD):
            raise InputError(
                f"The attention network takes token {PAD} as padding, this tokenizer pads with {spec.pad}."
            )
        size = spec.size or int(dataset.inputs.max()) + 1
        return attention_words(size, dataset.outputs, seed=seed, answers=answers)
    if spec.axes != ("C", "H", "W") or len(shape) != 3:
        raise InputError(
            f"{dataset.name} holds neither columns nor pictures nor texts, which is what attention gates: "
            f"got inputs of shape {shape} with axes {spec.axes}."
        )
    shrink = -(-min(shape[1:]) // LARGEST)
    side = min(shape[1:]) // shrink
    step = max(1, min(side // 2, round(side / GRID)))
    return attention_patches(
        shape, dataset.outputs, step=step, shrink=shrink, swap=swap, hidden=32 if side < 16 else 64,
        seed=seed, answers=answers,
    )  # fmt: skip


def _passes(made: AttentionGate | AttentionPatches | AttentionWords, dataset: Dataset) -> int:
    rows = max(1, int((dataset.parts == 0).sum()))
    if made.part == "column":
        batch = 128 if rows < 5000 else 512
        return max(12, min(60, -(-600 * batch // rows)))
    if made.part == "patch":
        return max(8, min(60, -(-60_000 // rows)))
    usual = max(6, min(30, -(-60_000 // rows)))
    return max(usual, min(MOST, -(-STEPS * made.recipe.batch_size // rows)))


def _scale(dataset: Dataset) -> tuple[float, float] | None:
    if dataset.task != "regression":
        return None
    train = dataset.part("train").answers.double()
    return float(train.mean()), float(train.std(correction=0)) or 1.0
