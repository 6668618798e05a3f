"""Nine tests, each of which would have caught a mistake that the peers' own suites let pass.

Here are those of quadrature and standard errors. The others: batch and single row, and unchanged state,
in ``test_contract``; relative completeness in ``test_deep_lift`` and ``test_lrp``; module, functional and
re-used forms in ``models/test_matrix``; linear networks at any budget and Shapley values by enumeration
in ``test_coalitions``; agreement with shap, zennit and ExactLine in ``test_propagation_referees``,
``test_referee_whole_nets`` and ``test_gradient``.
"""

import pytest
import torch
from torch import nn

import propagated as nets
import zoo
from pellucid import attribution as a
from pellucid._core import Compute


def polynomial(degree):
    """``sum_i (i + 1) x_i ** degree``, whose integrated gradients are its terms."""
    return nets.Written(
        lambda m, x: ((x**degree) * torch.arange(1.0, 5.0, dtype=x.dtype)).sum(1)[:, None], nn.Identity()
    )


@pytest.mark.parametrize(
    ("rule", "degree", "steps"),
    [("midpoint", 1, 1), ("midpoint", 2, 1), ("midpoint", 2, 7)]
    + [("gauss_legendre", 2 * n, n) for n in (1, 2, 3, 5)]
    + [("auto", 8, 15), ("auto", 3, 7)],
)
def test_5_quadrature_is_exact_on_polynomials(rule, degree, steps):
    x = nets.rows((4,))
    why = a.integrated_gradients(polynomial(degree), x, 0, rule=rule, steps=steps)
    wanted = x**degree * torch.arange(1.0, 5.0).double()
    torch.testing.assert_close(why.values, wanted, rtol=1e-13, atol=1e-14)
    assert float(why.gap.abs().max()) < 1e-13 * float(wanted.abs().max())


def covered(runs, truth):
    """Share of the elements whose 95 % interval holds the truth."""
    inside = [(run.values - truth).abs() <= 1.96 * run.stderr for run in runs]
    return float(torch.stack(inside).double().mean())


@pytest.fixture(scope="module")
def smooth():
    model = zoo.seeded(lambda: nn.Sequential(nn.Linear(5, 9), nn.Tanh(), nn.Linear(9, 3))).double()
    return model, nets.rows((5,), 2)


def test_9_standard_errors_of_noise_cover_the_truth(smooth):
    model, x = smooth
    truth = a.smoothgrad(model, x, 1, samples=40_000, compute=Compute(4096)).values
    runs = [a.smoothgrad(model, x, 1, samples=50, compute=Compute(256, seed=s)) for s in range(1, 300)]
    # with ten elements that share their noise, 300 runs are known to ± 0.025
    assert 0.92 <= covered(runs, truth) <= 0.98


def test_9_standard_errors_of_drawn_baselines_cover_the_truth(smooth):
    model, x = smooth
    background = nets.rows((5,), 12, seed=3)
    truth = a.expected_gradients(
        model, x, 1, background=background, rounds=1000, compute=Compute(4096)
    ).values
    runs = [
        a.expected_gradients(model, x, 1, background=background, rounds=8, compute=Compute(256, seed=s))
        for s in range(1, 200)
    ]
    assert 0.92 <= covered(runs, truth) <= 0.98
