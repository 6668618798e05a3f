"""Every method against its slow twin from the paper, in float64."""

import pytest
import torch

import oracles
import zoo
from pellucid._core import Compute, Question
from pellucid.attribution import (
    grad_cam,
    input_x_gradient,
    integrated_gradients,
    occlusion,
    saliency,
    smoothgrad,
)
from pellucid.attribution._noisy import Frames
from pellucid.attribution._noisy._frames import GAIN
from pellucid.inputs import ImageSpec

CLASSES = [0, 2, 1, 1, 0]


@pytest.fixture(params=["pictures", "rows"])
def case(request):
    """A network, its inputs, and the score of one row as the oracles want it."""
    if request.param == "pictures":
        model, x = zoo.reference(), zoo.inputs()
    else:
        model = zoo.seeded(
            lambda: torch.nn.Sequential(torch.nn.Linear(6, 9), torch.nn.SiLU(), torch.nn.Linear(9, 3))
        )
        model, x = (
            model.double().eval(),
            torch.randn(5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(4)),
        )
    return model, x, lambda row, i: model(row)[:, CLASSES[i]]


def close(a, b, *, within=1e-12):
    torch.testing.assert_close(a, b, rtol=within, atol=within)


def test_saliency(case):
    model, x, score = case
    close(saliency(model, x, CLASSES).values, oracles.saliency(score, x))
    close(saliency(model, x, CLASSES, absolute=True).values, oracles.saliency(score, x).abs())


def test_input_x_gradient(case):
    model, x, score = case
    close(input_x_gradient(model, x, CLASSES).values, oracles.input_x_gradient(score, x))


@pytest.mark.parametrize("rule", ["midpoint", "gauss_legendre"])
@pytest.mark.parametrize("baseline", [None, 0.3, "per row"])
def test_integrated_gradients(case, rule, baseline):
    model, x, score = case
    start = torch.zeros_like(x) + (baseline if isinstance(baseline, float) else 0)
    if baseline == "per row":
        start = baseline = x.flip(0) / 2
    found = integrated_gradients(model, x, CLASSES, baseline=baseline, steps=7, rule=rule)
    close(found.values, oracles.integrated_gradients(score, x, start, 7, rule))
    close(found.reference, torch.cat([score(start[i : i + 1], i) for i in range(5)]).detach())


def test_smoothgrad_and_its_error(case):
    model, x, score = case
    found = smoothgrad(model, x, CLASSES, samples=10, noise=0.2, compute=Compute(batch_size=3, seed=2))
    draws = Frames(Question(model, x, 0, compute=Compute(seed=2)), 5).draw(torch.arange(5))
    close(found.values, oracles.smoothgrad(score, x, draws, 0.2))
    # Student's quantile with 4 degrees of freedom over the normal one; 5 directions at right angles
    widened = 2.776445105 / 1.959964 * (1 - GAIN * 4 / (x[0].numel() - 1)) ** 0.5
    close(found.stderr, oracles.smoothgrad_error(score, x, draws, 0.2) * widened, within=1e-10)


def test_noise_comes_in_frames_of_normal_directions_at_right_angles():
    x = torch.zeros(1, 12, dtype=torch.float64)
    model = torch.nn.Linear(12, 1).double()
    drawn = torch.stack(
        [
            Frames(Question(model, x, 0, compute=Compute(seed=s)), 8).draw(torch.arange(8))[:, 0]
            for s in range(400)
        ]
    )
    products = drawn @ drawn.mT
    lengths = products.diagonal(dim1=1, dim2=2)
    close(products, torch.diag_embed(lengths), within=1e-10)
    # each direction alone is standard normal: squared lengths have mean 12 and variance 24
    assert abs(float(lengths.mean()) - 12) < 0.2
    assert abs(float(lengths.var()) - 24) < 2.5
    assert float(drawn.mean((0, 1)).abs().max()) < 0.08
    assert abs(float(drawn.pow(4).mean()) - 3) < 0.15


@pytest.mark.parametrize("at", [None, "conv1"])
def test_grad_cam(at):
    model, x = zoo.reference(), zoo.inputs()

    def upper(A, i):
        if at == "conv1":
            A = model.relu2(model.conv2(model.pool(model.relu1(A))))
        return model.head(A.flatten(1))[:, CLASSES[i]]

    found = grad_cam(model, x, CLASSES, at=at)
    assert found.provenance.params["at"] == (at or "relu2")
    close(found.values, oracles.grad_cam(model.conv1 if at else model.features, upper, x))
    positive = grad_cam(model, x, CLASSES, at=at, relu=True).values
    assert (positive >= 0).all()
    assert (positive > 0).any()


@pytest.mark.parametrize("baseline", [0.0, 0.7])
def test_occlusion_by_parts_of_a_spec(baseline):
    model, x = zoo.reference(), zoo.inputs().clamp(0, 1)
    spec = ImageSpec(channels=2, size=(8, 8), cell=3)
    groups = spec.groups(x).expand(x.shape)
    wanted = oracles.occlusion_by_part(
        lambda row, i: model(row)[:, CLASSES[i]], x, torch.full_like(x, baseline), groups
    )
    found = occlusion(model, x, CLASSES, spec=spec, baseline=baseline or None)
    close(found.values, wanted)


def test_occlusion_by_superpixels_that_differ_by_row():
    model, x = zoo.reference(), zoo.inputs().clamp(0, 1)
    spec = ImageSpec(channels=2, size=(8, 8), parts="superpixels", regions=6)
    wanted = oracles.occlusion_by_part(
        lambda row, i: model(row)[:, 0], x, spec.absent(x), spec.groups(x).expand(x.shape)
    )
    close(occlusion(model, x, 0, spec=spec).values, wanted)


def test_occlusion_without_a_spec(case):
    model, x, score = case
    groups = torch.arange(6) if x.ndim == 2 else torch.arange(64).view(8, 8)
    wanted = oracles.occlusion_by_part(score, x, torch.zeros_like(x), groups.expand(x.shape))
    close(occlusion(model, x, CLASSES).values, wanted)


@pytest.mark.parametrize(
    ("window", "stride", "full", "steps"),
    [
        (3, None, (2, 3, 3), (1, 1, 1)),
        (3, 2, (2, 3, 3), (2, 2, 2)),
        ((1, 4, 2), (1, 3, 2), (1, 4, 2), (1, 3, 2)),
        ((2, 8, 8), 5, (2, 8, 8), (5, 5, 5)),
    ],
)
def test_occlusion_by_window(window, stride, full, steps):
    model, x = zoo.reference(), zoo.inputs(3)
    score = lambda row, i: model(row)[:, CLASSES[i]]  # noqa: E731
    fill = torch.full_like(x, 0.4)
    found = occlusion(model, x, CLASSES[:3], window=window, stride=stride, baseline=0.4)
    close(found.values, oracles.occlusion_by_window(score, x, fill, full, steps))


@pytest.mark.parametrize("method", [saliency, input_x_gradient, smoothgrad, integrated_gradients, occlusion])
def test_hidden_layers_are_explained_like_inputs_of_what_follows(method):
    model, x = zoo.reference(), zoo.inputs()
    upper = torch.nn.Sequential(
        model.relu1, model.pool, model.conv2, model.relu2, torch.nn.Flatten(), model.head
    )
    hidden = method(model, x, CLASSES, at="conv1")
    assert hidden.provenance.at == "conv1"
    close(hidden.values, method(upper, model.conv1(x).detach(), CLASSES).values)
