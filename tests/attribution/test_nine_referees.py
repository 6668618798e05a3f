"""Nine tests, each of which would have caught a mistake that the peers' own suites let pass.

Here are those of quadrature and standard errors; ``NINE`` says where the others stand.
"""

import ast
from pathlib import Path

import pytest
import torch
from torch import nn

import propagated as nets
import zoo
from pellucid import attribution as a
from pellucid._core import Compute

NINE = {
    "1 a batch is its single rows": [
        "attribution/test_contract.py::test_contract",
        "attribution/test_deep_lift.py::test_a_row_is_explained_as_if_alone",
        "attribution/test_lrp.py::test_a_row_is_explained_as_if_alone",
    ],
    "2 values add up, relative to what they explain": [
        "attribution/test_deep_lift.py::test_adds_up",
        "attribution/test_lrp.py::test_relevance_is_kept_without_biases",
    ],
    "3 modules, functions and re-used modules are alike": [
        "models/test_matrix.py::test_right_or_refused",
        "models/test_matrix.py::test_plain_forms_give_the_same_scores",
    ],
    "4 linear networks at any budget": [
        "attribution/test_coalitions.py::test_linear_networks_are_exact_at_any_budget",
        "attribution/test_pains_of_others.py::test_pain_24_shap_3858_no_feature_is_dropped",
        "attribution/test_pains.py::test_pain_21_kernel_shap_of_one_feature_and_without_replacement",
    ],
    "5 quadrature on polynomials": [
        "attribution/test_nine_referees.py::test_5_quadrature_is_exact_on_polynomials"
    ],
    "6 Shapley values by enumeration": [
        "attribution/test_coalitions.py::test_values_are_shapley_values_by_all_orders_of_arrival"
    ],
    "7 state is unchanged, after an error too": [
        "attribution/test_contract.py::test_contract",
        "core/test_guard.py::test_everything_is_restored",
    ],
    "8 shap, zennit and ExactLine": [
        "attribution/test_propagation_referees.py::test_deep_lift_shap_agrees_with_shap",
        "attribution/test_referee_whole_nets.py::test_lrp_of_resnet_agrees_with_zennit",
        "attribution/test_gradient.py::test_kinked_networks_get_an_honest_bound_and_less_error_than_gauss",
    ],
    "9 standard errors cover the truth": [
        "attribution/test_nine_referees.py::test_9_standard_errors_of_noise_cover_the_truth",
        "attribution/test_nine_referees.py::test_9_standard_errors_of_drawn_baselines_cover_the_truth",
        "attribution/test_coalitions.py::test_standard_errors_cover_the_truth",
    ],
}


@pytest.mark.parametrize("referee", NINE)
def test_the_nine_stand_where_it_is_said(referee):
    for place in NINE[referee]:
        file, name = place.split("::")
        read = ast.parse((Path(__file__).parents[1] / file).read_text())
        assert name in {node.name for node in read.body if isinstance(node, ast.FunctionDef)}, place


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
