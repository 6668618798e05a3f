"""What the network does when parts are taken away: measured once, then compared with any number of maps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid._core import Compute, InputSpec, Question, TargetLike, Variants, brief
from pellucid.errors import InputError
from pellucid.evidence._bank import Bank, bank
from pellucid.evidence._fill import constant, filling
from pellucid.inputs import AudioSpec

LEAST = 10  # columns at least: a row of them can be laid in 19 other ways, which p = .05 needs
STILL = 1e-5  # spread of the drops, relative to the score, that rounding alone can make


@dataclass(frozen=True, slots=True, eq=False)
class Responses:
    """The drop of the explained number under each mask of a bank.

    Args:
        bank: the masks.
        drops: ``[N, M]``, score of the input minus score with the mask's parts replaced, in units of the
            target.
        scores: ``[N]``, the score of the input.
        fill: what stood in the place of removed parts, in words.
        target: what was scored, in words.
        rows: rows that went through the network in all.
        lasting: ``[N]`` int64, in how many columns of the bank's grid a sound is heard, where silence may
            stand behind sounds; else ``None``.
    """

    bank: Bank
    drops: Tensor
    scores: Tensor
    fill: str
    target: str
    rows: int
    lasting: Tensor | None = None

    __repr__ = brief

    def __len__(self) -> int:
        """Number of inputs N."""
        return len(self.scores)

    @property
    def still(self) -> Tensor:
        """Rows whose score no mask changes, so that no map can be tested on them: bool ``[N]``."""
        low, high = torch.aminmax(self.drops, dim=1)
        size = (self.scores[:, None] - self.drops).abs().amax(1)
        return high - low <= STILL * size


def responses(
    model: nn.Module,
    inputs: Tensor,
    target: TargetLike,
    *,
    spec: InputSpec | None = None,
    fill: str | Tensor = "own",
    masks: int | Bank = 64,
    others: Tensor | None = None,
    compute: Compute | None = None,
) -> Responses:
    """How much the explained number drops under each random mask; one number is in units of the target.

    ``drops[i, j] = f(x_i) - f(x_i with the parts of mask j replaced)``.

    Args:
        model: any network.
        inputs: ``[N, *shape]``.
        target: the number that was explained; test exactly that one.
        spec: what an input means; it names the removable parts and what absent is.
        fill: ``"own"`` (what the spec calls absent, else zeros), ``"zero"``, ``"mean"``, ``"blur"``
            (pictures), ``"linear"`` (noisy linear interpolation of what is kept: pictures, sounds),
            ``"swap"`` (parts of one other input, drawn at random), ``"patch"`` (every column, word or square
            of a picture from another input of its own), ``"nearest"`` (for each mask, parts of the other
            input most alike in what is kept, which stays closest to real data), or contents ``[N, *shape]``.
        masks: how many, or a bank drawn before.
        others: inputs ``[P, *shape]`` that fills may take from; without them the inputs themselves.
        compute: how to run; ``seed`` draws the masks.

    Returns:
        The drops with their masks, to be compared with any number of maps.

    Raises:
        InputError: for a fill that does not exist or does not suit these inputs.

    Cost:
        M + 1 forward passes per input.

    Limits:
        The answer depends on the fill; so does every test built on it. A quarter of the parts is removed at
        once: what the network does with all parts but a few missing is not seen.

    Source:
        Bhatt et al. 2020, Evaluating and Aggregating Feature-based Model Explanations, arXiv 2005.00631
        (random subsets of equal size); Ancona et al. 2018, arXiv 1711.06104 (sensitivity-n).

    Example:
        >>> seen = responses(nn.Linear(8, 2), torch.randn(3, 8), 1, masks=40)
        >>> seen.drops.shape
        torch.Size([3, 40])
    """
    how = compute or Compute(batch_size=256)
    question = Question(model, inputs, target, spec=spec, compute=how)
    x = question.packed
    drawn = masks if isinstance(masks, Bank) else bank(x, spec, masks=masks, seed=how.seed)
    if isinstance(fill, Tensor):
        content, words = constant(_contents(fill, question)), "the contents given"
    else:
        content, words = filling(fill, question, drawn, others=others, seed=how.seed)
    scores = question.scores()[0]
    masked = question.scores(_masked(question, drawn, content), drawn.count)
    # half precision would leave the correlations too few digits
    exact = torch.promote_types(scores.dtype, torch.float32)
    drops = (scores.to(exact) - masked.to(exact)).T.contiguous()
    rows = drops.numel() + question.rows
    lasting = _lasting(x, spec, drawn)
    return Responses(drawn, drops, scores.to(exact), words, question.target.label, rows, lasting)


def _lasting(x: Tensor, spec: InputSpec | None, drawn: Bank) -> Tensor | None:
    if not isinstance(spec, AudioSpec) or drawn.grid is None:
        return None
    width = drawn.grid[1]
    last = (spec.ends(x) - 1).clamp(min=0)
    columns = drawn.units.reshape(-1, x.shape[-1])[0][last] % width + 1
    return columns.clamp(min=min(LEAST, width))


def _contents(fill: Tensor, q: Question) -> Tensor:
    try:
        return q.filled(fill)
    except InputError:
        raise InputError(
            f"Expected fill contents that broadcast to {list(q.packed.shape)}, got {list(fill.shape)}."
        ) from None


def _masked(q: Question, drawn: Bank, content: Variants) -> Variants:
    def variants(ks: Tensor, rows: slice) -> Tensor:
        return torch.where(q.grouped(drawn.elements(ks, rows)), content(ks, rows), q.point[rows])

    return variants
