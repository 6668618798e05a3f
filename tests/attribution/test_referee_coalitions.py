"""Coalition methods against captum's numbers, and against captum, shap and shapiq."""

import warnings

import pytest
import torch
from torch import nn

import zoo
from pellucid._core import Compute
from pellucid.attribution import (
    exact_shapley,
    feature_ablation,
    kernel_shap,
    lime,
    odd_regression,
    shapley_sampling,
)

CLASSES = [0, 2, 1, 1, 0]
CELLS = torch.arange(4).view(2, 2).repeat_interleave(4, 0).repeat_interleave(4, 1)


def referee(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=f"the referee {name} is not installed (extra: peers)")


@pytest.fixture(scope="module")
def captum():
    return referee("captum.attr")


class MultiLayer(nn.Module):
    """captum's BasicModel_MultiLayer, as its test helpers write it."""

    def __init__(self):
        super().__init__()
        self.linear0, self.linear1, self.linear2 = nn.Linear(3, 3), nn.Linear(3, 4), nn.Linear(4, 2)
        state = {
            "linear0.weight": torch.eye(3),
            "linear0.bias": torch.zeros(3),
            "linear1.weight": torch.ones(4, 3),
            "linear1.bias": torch.tensor([-10.0, 1.0, 1.0, 1.0]),
            "linear2.weight": torch.ones(2, 4),
            "linear2.bias": torch.tensor([-1.0, 1.0]),
        }
        self.load_state_dict(state)

    def forward(self, x):
        return self.linear2(self.linear1(self.linear0(x)).relu())


@pytest.mark.parametrize("method", [exact_shapley, kernel_shap, odd_regression, shapley_sampling])
@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, [76.6667, 196.6667, 116.6667]),
        ({"groups": torch.tensor([0, 0, 1])}, [275 / 2, 275 / 2, 115]),
        ({"baseline": torch.tensor([10.0, 20.0, 10.0])}, [40, 120, 80]),
    ],
)
def test_numbers_of_captums_own_tests(method, options, wanted):
    extra = {"budget": 4000} if method is shapley_sampling else {}
    found = method(MultiLayer(), torch.tensor([[20.0, 50.0, 30.0]]), 0, **options, **extra)
    slack = 4 * found.stderr + 1e-2 if method is shapley_sampling else 1e-3
    assert ((found.values - torch.tensor([wanted])).abs() <= slack).all()


@pytest.fixture
def pictures():
    return zoo.reference(), zoo.inputs()


def test_feature_ablation_equals_captum(captum, pictures):
    model, x = pictures
    theirs = captum.FeatureAblation(model).attribute(
        x,
        baselines=0.4,
        target=torch.tensor(CLASSES),
        feature_mask=CELLS[None, None],
        perturbations_per_eval=4,
    )
    ours = feature_ablation(model, x, CLASSES, groups=CELLS[None], baseline=0.4).values
    # captum writes a part's fall at each of its elements
    torch.testing.assert_close(ours * 32, theirs, rtol=1e-6, atol=1e-6, check_dtype=False)


def test_kernel_shap_agrees_with_captum_and_is_closer(captum, pictures):
    model, x = pictures
    torch.manual_seed(0)
    algorithm = captum.KernelShap(model)
    theirs = torch.cat(
        [
            algorithm.attribute(
                x[i : i + 1],
                target=CLASSES[i],
                feature_mask=CELLS[None, None],
                n_samples=2000,
                perturbations_per_eval=500,
            )
            for i in range(2)
        ]
    )
    ours = kernel_shap(model, x[:2], CLASSES[:2], groups=CELLS[None]).values
    exact = exact_shapley(model, x[:2], CLASSES[:2], groups=CELLS[None]).values
    assert (theirs / 32 - ours).norm() / ours.norm() < 0.15
    torch.testing.assert_close(ours, exact)


def test_shapley_sampling_agrees_with_captum(captum):
    model = zoo.seeded(lambda: nn.Sequential(nn.Linear(5, 9), nn.SiLU(), nn.Linear(9, 3))).double()
    x = torch.randn(5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    torch.manual_seed(0)
    theirs = captum.ShapleyValueSampling(model).attribute(
        x, target=torch.tensor(CLASSES), n_samples=400, perturbations_per_eval=100
    )
    ours = shapley_sampling(model, x, CLASSES, budget=2 + 8 * 400)
    assert (theirs - ours.values).norm() / ours.values.norm() < 0.1
    assert ((exact_shapley(model, x, CLASSES).values - ours.values).abs() <= 4 * ours.stderr).all()


def test_lime_agrees_with_captum_under_the_same_kernel(captum):
    from captum._utils.models.linear_model import SkLearnLinearRegression

    model = zoo.seeded(lambda: nn.Sequential(nn.Linear(5, 9), nn.SiLU(), nn.Linear(9, 3))).double()
    x = torch.randn(2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3))

    def near(original, perturbed, bits, **_):
        return torch.exp(-(((1 - (bits.sum() / 5).sqrt()) / 0.5) ** 2))

    algorithm = captum.Lime(model, interpretable_model=SkLearnLinearRegression(), similarity_func=near)
    torch.manual_seed(0)
    theirs = torch.cat(
        [
            algorithm.attribute(x[i : i + 1], target=CLASSES[i], n_samples=3000, perturbations_per_eval=500)
            for i in range(2)
        ]
    )
    ours = lime(model, x, CLASSES[:2], budget=3000, width=0.5)
    assert (theirs - ours.values).norm() / ours.values.norm() < 0.05


def test_marginal_values_equal_shaps_exact_explainer():
    shap = referee("shap")
    model = zoo.seeded(lambda: nn.Sequential(nn.Linear(6, 9), nn.SiLU(), nn.Linear(9, 1))).double()
    x = torch.randn(3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    background = torch.randn(7, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    answer = lambda rows: model(torch.from_numpy(rows)).detach().numpy()[:, 0]  # noqa: E731
    theirs = shap.explainers.ExactExplainer(answer, shap.maskers.Independent(background.numpy()))(
        x.numpy()
    ).values
    ours = exact_shapley(model, x, 0, background=background).values
    torch.testing.assert_close(ours, torch.from_numpy(theirs), rtol=1e-8, atol=1e-8)


def test_all_estimators_equal_shapiqs_exact_computer():
    shapiq = referee("shapiq")
    model = zoo.seeded(lambda: nn.Sequential(nn.Linear(7, 9), nn.Tanh(), nn.Linear(9, 1))).double()
    x = torch.randn(1, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    answer = lambda bits: model(torch.from_numpy(bits).double() * x).detach().numpy()[:, 0]  # noqa: E731
    theirs = shapiq.ExactComputer(n_players=7, game=answer)("SV", 1)
    wanted = torch.tensor([[theirs[(i,)] for i in range(7)]], dtype=torch.float64)
    for method in (exact_shapley, kernel_shap, odd_regression):
        torch.testing.assert_close(method(model, x, 0).values, wanted, rtol=1e-6, atol=1e-6)
    pairs = shapiq.ExactComputer(n_players=7, game=answer)("FSII", 2)
    from pellucid.importance import shapley_interactions

    found = shapley_interactions(model, x, 0, compute=Compute(128)).values[0]
    for i in range(7):
        for j in range(i + 1, 7):
            assert found[i, j].item() == pytest.approx(pairs[(i, j)], abs=1e-4)
