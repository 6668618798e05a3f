"""Chance that belongs to one epoch of one training, and to nobody else."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import Tensor

_EPOCHS_PER_SEED = 1_000_003


def _number(seed: int, epoch: int) -> int:
    return seed * _EPOCHS_PER_SEED + epoch


@contextmanager
def private_chance(seed: int, epoch: int, device: torch.device) -> Generator[None]:
    """torch's random state follows from seed and epoch inside, and is as before afterwards.

    On CUDA the algorithms that add in a changing order are left out meanwhile.
    """
    cuda = [device] if device.type == "cuda" else []
    deterministic, benchmark = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(_number(seed, epoch))
        if cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(_number(seed, epoch))
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
        try:
            yield
        finally:
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = deterministic, benchmark


def shuffled_batches(rows: int, size: int, seed: int, epoch: int) -> list[Tensor]:
    """Row numbers of each batch; a last batch of one row joins the one before, since it has no variance."""
    generator = torch.Generator().manual_seed(_number(seed, epoch))
    batches = list(torch.randperm(rows, generator=generator).split(size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def sampled_steps(steps: int) -> frozenset[int]:
    """The steps whose updates are measured: one in eight, at least one, at most eight, evenly spread."""
    count = min(8, max(1, steps // 8))
    return frozenset(int((number + 0.5) * steps / count) for number in range(count))
