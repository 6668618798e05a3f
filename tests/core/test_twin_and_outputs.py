"""The untrained twin, and plain passes over many rows."""

import pytest
import torch
from torch import nn

import zoo
from pellucid._core import Batch, Compute, activations, predict, untrained
from pellucid.errors import CancelledError, MethodError


def test_a_twin_has_the_architecture_and_none_of_the_weights():
    model = zoo.reference().train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    torch.manual_seed(5)
    state = torch.get_rng_state()
    twin = untrained(model, seed=1)
    assert not twin.training
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all((v != before[k]).all() for k, v in twin.state_dict().items())
    assert {k: v.shape for k, v in twin.state_dict().items()} == {k: v.shape for k, v in before.items()}


def test_a_twin_belongs_to_its_seed():
    first, again, other = (untrained(zoo.reference(), seed=s).head.weight for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


class Own(nn.Module):
    """A parameter that no reset_parameters knows."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.arange(50.0))
        self.body = nn.Linear(50, 2)

    def forward(self, x):
        return self.body(x * self.scale)


def test_the_twin_of_a_network_built_under_the_same_seed_is_not_that_network():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    twin, again = untrained(model, seed=0), untrained(model, seed=0)
    for old, new, same in zip(model.parameters(), twin.parameters(), again.parameters(), strict=True):
        assert not torch.equal(old, new)
        assert torch.equal(new, same)


def test_parameters_without_a_way_to_draw_them_are_shuffled():
    twin = untrained(Own())
    assert torch.equal(twin.scale.sort().values, torch.arange(50.0))
    assert not torch.equal(twin.scale, torch.arange(50.0))


def test_statistics_of_norms_are_taken_anew():
    def make():
        return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Dropout())

    model, x = zoo.seeded(make).double().train(), zoo.inputs(20) * 3 + 1
    model(x)
    twin = untrained(model, calibrate=x)
    wanted = twin[0](x)
    torch.testing.assert_close(twin[1].running_mean, wanted.mean((0, 2, 3)))
    assert twin[1].momentum == model[1].momentum
    plain = untrained(model)
    assert (plain[1].running_mean == 0).all()


def test_a_network_that_cannot_be_copied():
    class Holds(nn.Module):
        def __init__(self):
            super().__init__()
            self.generator = (i for i in range(3))

    with pytest.raises(MethodError, match="Holds cannot be copied, so it has no untrained twin"):
        untrained(Holds())


@pytest.mark.parametrize("size", [1, 3, 256])
def test_predict_and_activations(size):
    model, x = zoo.reference().train(), zoo.inputs(7)
    wanted = zoo.reference()(x).detach()
    torch.testing.assert_close(predict(model, x, compute=Compute(size)), wanted)
    rows = [
        (r, seen["conv2"], seen["pool:in"])
        for r, seen in activations(model, x, ["conv2", "pool:in"], compute=Compute(size))
    ]
    assert [r for r, _, _ in rows][-1].stop == 7
    torch.testing.assert_close(torch.cat([b for _, _, b in rows]), model.conv1(x).relu().detach())
    assert all(not a.requires_grad for _, a, _ in rows)
    assert model.training


def test_predict_halves_where_memory_ends_and_can_be_cancelled():
    model, sizes = zoo.reference(), []

    def fits(module, args):
        sizes.append(len(args[0]))
        if len(args[0]) > 2:
            raise torch.OutOfMemoryError("simulated")

    model.conv1.register_forward_pre_hook(fits)
    torch.testing.assert_close(predict(model, zoo.inputs(7)), zoo.reference()(zoo.inputs(7)).detach())
    assert sizes == [7, 3, 1, 1, 1, 1, 1, 1, 1]

    def stop(done, total):
        raise CancelledError("enough")

    with pytest.raises(CancelledError):
        predict(zoo.reference(), zoo.inputs(7), compute=Compute(2, progress=stop))


def test_predict_chooses_the_output_and_takes_batches():
    (tuples,) = [t.model for t in zoo.twins() if t.name == "TupleOut"]
    torch.testing.assert_close(
        predict(tuples, zoo.inputs(), output=1), zoo.reference()(zoo.inputs()).detach()
    )
    assert predict(zoo.reference(), Batch({"x": zoo.inputs()})).shape == (5, 3)
