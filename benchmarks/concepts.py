"""False claims of ``concepts`` on random concepts, and how often a planted one is found.

A CNN trained on the 8 × 8 digits. Random concepts are random digits, drawn anew each time, so every claim
about them is false. Each is tested at three layers: by the effect (what ``concepts`` reports), and by what
is usual with TCAV, a t-test of 20 scores against those of 20 random directions, which share their inputs.
The planted concept is a bright left half.

Run: ``python benchmarks/concepts.py [concepts]``
"""

from __future__ import annotations

import torch
from asked import count
from inside import digits_network
from scipy.stats import ttest_ind
from torch import Tensor, nn

from pellucid._core import Compute, Question, activations, wilson
from pellucid.layers import concepts

SITES, SIZE, RUNS = ("activation1", "activation2", "activation3"), 40, 20


def drawn(x: Tensor, size: int, generator: torch.Generator) -> Tensor:
    return x[torch.randperm(len(x), generator=generator)[:size]]


def usual(network: nn.Module, asked: Tensor, shown: Tensor, pool: Tensor, site: str, seed: int) -> float:
    """p of a t-test of TCAV scores, as the tools around TCAV make it."""
    slopes = Question(network, asked, 3, at=site).gradient().flatten(1)
    generator = torch.Generator().manual_seed(seed)

    def seen(rows: Tensor) -> Tensor:
        return torch.cat([p[site].flatten(1) for _, p in activations(network, rows, [site], stop=site)])

    mine, others = seen(shown).mean(0), seen(pool)
    scores: list[list[float]] = [[], []]
    for _ in range(RUNS):
        a, b = torch.randperm(len(others), generator=generator)[: 2 * SIZE].split(SIZE)
        negative = others[b].mean(0)
        for kept, positive in zip(scores, (mine, others[a].mean(0)), strict=True):
            kept.append(float(((slopes @ (positive - negative)) > 0).float().mean()))
    # scores that are all alike differ for certain or not at all
    if len(set(scores[0])) == len(set(scores[1])) == 1:
        return float(scores[0] == scores[1])
    return float(ttest_ind(*scores).pvalue)


def main(count: int) -> None:
    torch.set_num_threads(1)
    network, x, y = digits_network()
    asked, pool = x[y == 3][:60], x[:1200]
    generator = torch.Generator().manual_seed(0)
    ours, theirs, holm = [], [], 0
    for k in range(count):
        shown, random = drawn(pool, 2 * SIZE, generator).split(SIZE)
        found = concepts(
            network, asked, 3, {"random": shown}, SITES, random=random, draws=199, untrained_copy=False,
            compute=Compute(256, seed=k),
        )  # fmt: skip
        ours += (found.p <= 0.05).flatten().tolist()
        holm += bool((found.p_holm <= 0.05).any())
        theirs.append(usual(network, asked, shown, pool, SITES[k % 3], k) <= 0.05)
    low, high = wilson(sum(ours), len(ours))
    print(f"{count} random concepts at {len(SITES)} layers, {SIZE} inputs a side, nominal 5 %")
    print(f"effect, permutation    {sum(ours) / len(ours):6.1%} [{low:.1%}, {high:.1%}] (goal: at most 6 %)")
    print(f"any layer, after Holm  {holm / count:6.1%}")
    print(f"t-test of scores       {sum(theirs) / len(theirs):6.1%}")
    hits = 0
    for k in range(40):
        shown, random = drawn(pool, 2 * SIZE, generator).split(SIZE)
        shown = shown.clone()
        shown[..., :4] = (shown[..., :4] + 0.3).clamp_max(1)
        found = concepts(
            network, asked, 3, {"bright left": shown}, SITES, random=random, draws=199, untrained_copy=False,
            compute=Compute(256, seed=k),
        )  # fmt: skip
        hits += int((found.p_holm <= 0.05).sum())
    print(f"planted concept found  {hits / (40 * len(SITES)):6.1%} of tests, after Holm")


if __name__ == "__main__":
    main(count(__doc__, 400))
