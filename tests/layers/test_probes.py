"""Linear probes: against scikit-learn, and their two controls."""

from __future__ import annotations

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from layers.nets import deep, gaussian, left_alone, trained
from pellucid import figures
from pellucid._core import Batch, Compute, load, save
from pellucid.errors import InputError, SiteError
from pellucid.layers import layer_gain, linear_probes
from pellucid.layers._logistic import fitted
from pellucid.layers._probes import control_answers
from pellucid.layers._sketch import Sketch


def test_the_probe_is_logistic_regression_of_scikit_learn() -> None:
    x = gaussian(150, 5, 0).double()
    y = (x[:, :3] + 0.5 * gaussian(150, 3, 1)).argmax(1)
    weight, bias = fitted(x, y, 3)
    peer = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(x.numpy(), y.numpy())
    ours = (x @ weight + bias).softmax(1)
    assert torch.allclose(ours, torch.tensor(peer.predict_proba(x.numpy())), atol=1e-3)


def test_a_known_answer_is_read_where_it_is_and_not_where_it_was_lost() -> None:
    class Forgets(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.all, self.rest = nn.Identity(), nn.Identity()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.rest(self.all(x)[:, 1:])

    x = gaussian(400, 4, 0)
    found = linear_probes(Forgets(), x, (x[:, 0] > 0).long(), untrained_copy=False)
    assert found.accuracy[0] > 0.95
    assert found.low[1] < 0.5 < found.high[1]
    assert found.untrained.isnan().all()
    assert found.control[0] < 0.7


def test_the_untrained_line_meets_the_trained_one_where_nothing_was_learned() -> None:
    x = gaussian(400, 6, 2)
    y = (x[:, 0] * x[:, 1] > 0).long()
    net = trained(deep((6, 24, 24, 2)), x, y, 300)
    found = linear_probes(net, x, y, ["0", "3"])
    assert found.gain_low[0] < 0.1
    assert found.gain_low[1] > 0.1
    assert left_alone(net)


def test_control_answers_are_alike_for_equal_inputs_and_as_frequent_as_the_answers() -> None:
    x = gaussian(2000, 3, 0)
    x[1] = x[0]
    y = torch.tensor([0] * 1500 + [1] * 500)
    drawn = control_answers(x, y, 2, seed=0)
    assert drawn[0] == drawn[1]
    assert float(drawn.double().mean()) == pytest.approx(0.25, abs=0.03)
    assert not torch.equal(drawn, control_answers(x, y, 2, seed=1))
    batch = Batch({"a": x}, held={"mask": torch.ones(2000)})
    assert len(control_answers(batch, y, 2, seed=0)) == 2000


def test_inputs_that_come_again_can_be_memorised() -> None:
    few = gaussian(12, 40, 0)
    x = few.repeat(20, 1)
    y = torch.arange(12).repeat(20) % 3
    found = linear_probes(nn.Identity(), x, y, ["."], untrained_copy=False)
    assert found.control[0] > 0.95
    assert found.accuracy[0] > 0.95


def test_the_answer_does_not_depend_on_the_batch_size_and_is_stored(tmp_path: object) -> None:
    net, x = deep(), gaussian(120, 6, 0)
    y = (x.sum(1) > 0).long()
    one, other = (linear_probes(net, x, y, width=8, compute=Compute(b)) for b in (5, 120))
    assert torch.equal(one.accuracy, other.accuracy)
    assert torch.equal(one.untrained, other.untrained)
    back = load(save(one, f"{tmp_path}/p.safetensors"))
    assert torch.equal(back.accuracy, one.accuracy)  # pyright: ignore
    drawn = figures.probes(one)
    assert "untrained copy" in drawn.alt
    assert [row[0] for row in drawn.table.rows] == list(one.sites)
    assert len(drawn.svg()) > 1000


def test_a_sketch_keeps_distances_on_average() -> None:
    x = gaussian(2, 3000, 0)
    true = float((x[0] - x[1]).square().sum())
    seen = [float((s[0] - s[1]).square().sum()) for s in (Sketch(64, seed)(x) for seed in range(60))]
    assert sum(seen) / 60 == pytest.approx(true, rel=0.1)


def test_what_cannot_be_probed_is_refused() -> None:
    x = gaussian(40, 6, 0)
    with pytest.raises(InputError, match="two classes"):
        linear_probes(deep(), x, torch.zeros(40).long())
    with pytest.raises(InputError, match="30 rows to fit"):
        linear_probes(deep(), x, torch.arange(40) % 2)
    with pytest.raises(InputError, match="class numbers"):
        linear_probes(deep(), x, torch.zeros(40))


class Steps(nn.Module):
    """A cell that takes two tensors, and a layer that takes steps first."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.first, self.out = nn.GRUCell(4, 6), nn.GRU(4, 6), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        state = x.new_zeros(len(x), 6)
        for step in x.unbind(1):
            state = self.cell(step, state)
        return self.out(state + self.first(x.transpose(0, 1))[0][-1])


@pytest.mark.parametrize(
    ("site", "error", "told"),
    [
        ("cell#1", SiteError, r"2 items \(Tensor, Tensor\)\. .*\['cell#0', 'cell#1', 'cell#2'\]\) reads"),
        ("first[0]", InputError, r"row axis first\. .*\['first\[0\]', 'first\[h\]'\]\) reads"),
        ("fist", SiteError, r"first"),
    ],
)
def test_a_layer_without_one_input_is_told_what_reads_it(
    site: str, error: type[Exception], told: str
) -> None:
    x, y = gaussian(120, 12, 0).unflatten(1, (3, 4)), torch.arange(120) % 2
    with pytest.raises(error, match=told) as found:
        layer_gain(Steps(), x, y, site)
    assert ("linear_probes" in str(found.value)) == (site != "fist")
    if site != "fist":
        named = str(found.value).split("answers, ")[1].split(") reads")[0]
        assert linear_probes(Steps(), x, y, eval(named), untrained_copy=False).accuracy.isfinite().all()
