"""Non-negative matrix factorisation: the dictionary for few inputs."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from pellucid._core import Batch, Compute, InputSpec
from pellucid.errors import InputError, MethodError
from pellucid.layers._dictionary import Dictionary
from pellucid.layers._sparse import NOTHING, with_quality

MOST = 8192  # vectors that are factorised


def matrix_factorisation(
    model: nn.Module,
    inputs: Tensor | Batch,
    site: str,
    *,
    width: int = 10,
    steps: int = 300,
    shuffled_control: bool = True,
    spec: InputSpec | None = None,
    compute: Compute | None = None,
) -> Dictionary:
    """Directions of a layer that add up, never cancel, to its activations: ``x ≈ codes · decoder``, all ≥ 0.

    Args:
        model: any network; it comes back as it was.
        inputs: ``[N, *shape]``; a fifth is held out to measure on.
        site: a layer without negative values, such as a ReLU.
        width: number of elements.
        steps: most steps of coordinate descent.
        shuffled_control: whether to do it all again on the network with shuffled weights.
        spec: what an input means; says what goes along with texts, and where they end.
        compute: how to run.

    Returns:
        A :class:`Dictionary` of kind ``"nmf"``; rows of its decoder have length one.

    Raises:
        MethodError: if the layer has negative values.
        InputError: if there are fewer than 50 inputs or ``width`` is not positive.

    Cost:
        One pass, a factorisation of at most 8,192 vectors, three passes over at most 512 held-out inputs;
        twice with the control.

    Limits:
        Elements depend on their number. Nothing makes codes sparse but the sign, so more elements are in use
        at once than in a sparse autoencoder.

    Source:
        Lee & Seung 1999; Fel et al. 2023, CRAFT, arXiv 2211.10154 (of activations).

    Example:
        >>> made = matrix_factorisation(nn.ReLU(), torch.rand(80, 4), ".", width=3)
        >>> made.kind, made.decoder.shape
        ('nmf', torch.Size([3, 4]))
    """
    how = compute or Compute(batch_size=256)
    if width < 1 or steps < 1:
        raise InputError(f"width and steps must be positive, got {width} and {steps}.")

    def learn(x: Tensor) -> Dictionary:
        return _factorised(x, site, width, steps, how.seed)

    return with_quality(model, inputs, site, learn, how, control=shuffled_control, spec=spec)


def _factorised(x: Tensor, site: str, width: int, steps: int, seed: int) -> Dictionary:
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    without_negatives(x, site)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    some = x[order[:MOST]].double()
    scale = float(some.mean()) or 1.0
    # its usual start has no more parts than the layer has units
    start = "nndsvda" if width <= min(x.shape) else "random"
    solver = NMF(width, init=start, max_iter=steps, random_state=seed)  # pyright: ignore[reportArgumentType]
    with warnings.catch_warnings():
        # fewer steps than it asks for give a slightly worse dictionary, whose error is reported
        warnings.simplefilter("ignore", ConvergenceWarning)
        solver.fit((some / scale).numpy())
    decoder = torch.from_numpy(solver.components_).float()
    decoder = decoder / decoder.norm(dim=1, keepdim=True).clamp_min(1e-12)
    nothing, zero = torch.zeros(x.shape[1], 0), torch.zeros(width)
    params: dict[str, int | float | str] = {"steps": steps, "seed": seed, "vectors": len(some)}
    centre = torch.zeros(x.shape[1])
    return Dictionary(
        site, "nmf", nothing, zero, zero.clone(), decoder, centre, scale, width, NOTHING, None, 0, params
    )


def without_negatives(x: Tensor, site: str) -> None:
    """Raise :class:`MethodError` where a layer's values are below zero.

    Example:
        >>> without_negatives(torch.ones(2, 3), "relu")
    """
    if float(x.min()) < 0:
        raise MethodError(
            f"{site!r} has negative values, which cannot be sums of non-negative parts. "
            "Take the ReLU after it, or a sparse autoencoder (topk, batchtopk, jumprelu)."
        )
