"""Networks that give probabilities: told, and read as what went into their last step."""

import pytest
import torch
from torch import nn

import pellucid
from pellucid._core import predict
from pellucid.errors import InputError

ROWS = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
ANSWERS = (ROWS[:, 0] > 0).long()


class Sure(nn.Module):
    """One probability, by a function."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return torch.sigmoid(self.body(x)).squeeze(1)


def body(outputs):
    torch.manual_seed(outputs)
    return nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, outputs))


def exported(network):
    rows = {"x": {0: torch.export.Dim("rows")}}
    return torch.export.export(network, (ROWS[:3],), dynamic_shapes=rows).module()


def networks():
    one, several = body(1), body(2)
    return [
        (nn.Sequential(one, nn.Sigmoid()), one, "sigmoid"),
        (Sure(one), one, "sigmoid"),
        (exported(Sure(one)), one, "sigmoid"),
        (nn.Sequential(several, nn.Softmax(1)), several, "softmax"),
    ]


@pytest.mark.parametrize(("network", "inside", "step"), networks())
@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning", "ignore:.*LeafSpec.*:DeprecationWarning")
def test_probabilities_are_told_and_read_when_asked(network, inside, step):
    with pytest.raises(InputError, match=f"ends in a {step}: .* ends_in='{step}'"):
        pellucid.open(network, data=(ROWS, ANSWERS), classes=["no", "yes"])
    read = pellucid.open(network, data=(ROWS, ANSWERS), classes=["no", "yes"], ends_in=step)
    plain = pellucid.open(inside, data=(ROWS, ANSWERS), classes=["no", "yes"])
    target = pellucid.log_odds(1) if step == "softmax" else pellucid.logit(0)
    scores = [target.score(predict(one.model, ROWS), torch.arange(60)) for one in (read, plain)]
    torch.testing.assert_close(*scores, atol=2e-5, rtol=1e-5)
    maps = [
        pellucid.explain(one, ROWS[:3], method="occlusion", target=target).values for one in (read, plain)
    ]
    torch.testing.assert_close(*maps, atol=5e-5, rtol=1e-4)


def test_a_gate_inside_and_a_regression_are_left_alone():
    gated = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 2))
    pellucid.open(gated, data=(ROWS, ANSWERS), classes=["no", "yes"])
    pellucid.open(nn.Sequential(body(1), nn.Sigmoid()), data=(ROWS, ROWS[:, 0].sigmoid()))


def test_another_step_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="Did you mean softmax"):
        pellucid.open(body(2), data=(ROWS, ANSWERS), ends_in="softmx")
