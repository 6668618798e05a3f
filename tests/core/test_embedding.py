"""Whole-number inputs: explained at the embedding that they go through, with values like the numbers."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from pellucid import Batch, attribution
from pellucid._core import Compute, InputSpec, Question, predict
from pellucid.errors import InputError, MethodError

TARGET = [0, 2, 1, 1, 0]
PAD, MASK = 0, 19


class Reader(nn.Module):
    """Two tables: of words, and of places, which is not what is explained; a mask made from the numbers."""

    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(20, 6), nn.Embedding(9, 6)
        self.body, self.out = nn.Sequential(nn.Linear(6, 8), nn.Tanh()), nn.Linear(8, 3)

    def forward(self, ids, mask=None):
        there = (ids != PAD).to(self.out.weight)[..., None] if mask is None else mask[..., None]
        h = self.words(ids) + self.places(torch.arange(ids.shape[1]))
        return self.out((self.body(h) * there).sum(1) / there.sum(1))


@dataclass(frozen=True)
class Tokens(InputSpec):
    """The first token and padding are held; neighbours 1 and 2 are one word."""

    named: bool = False

    @property
    def axes(self):
        return ("T",)

    def check(self, x):
        if x.dtype != torch.int64:
            raise InputError("Expected token numbers.")

    def groups(self, x):
        place = torch.arange(x.shape[1]).expand_as(x)
        return torch.where((x == PAD) | (place == 0), -1, (place - 1).clamp(min=1) - 1)

    def absent(self, x):
        return torch.where(self.groups(x) < 0, x, MASK)

    def group_names(self, x):
        return tuple(f"word {k}" for k in range(int(self.groups(x).max()) + 1))

    def companions(self, x) -> tuple[str, dict[str, Tensor]]:
        return ("ids", {"mask": (x != PAD).double()}) if self.named else ("", {})


@pytest.fixture(scope="module")
def reader():
    torch.manual_seed(0)
    return Reader().double().train()


@pytest.fixture(scope="module")
def ids():
    found = torch.randint(1, 19, (5, 7), generator=torch.Generator().manual_seed(1))
    found[0, 4:], found[3, 6:] = PAD, PAD
    return found


def by_hand(net, ids, start, steps=200):
    """Integrated gradients from the definition, at the table, summed over what a vector holds."""
    end = net.words(ids).detach()
    total = torch.zeros_like(end)
    for k in range(steps):
        point = (start + (k + 0.5) / steps * (end - start)).requires_grad_()
        there = (ids != PAD).double()[..., None]
        h = point + net.places(torch.arange(ids.shape[1]))
        out = net.out((net.body(h) * there).sum(1) / there.sum(1))
        total += torch.autograd.grad(out[torch.arange(len(ids)), TARGET].sum(), point)[0] / steps
    return ((end - start) * total).sum(-1)


def test_integrated_gradients_are_those_at_the_table(reader, ids):
    found = attribution.integrated_gradients(reader, ids, TARGET, tolerance=1e-6)
    wanted = by_hand(reader, ids, torch.zeros(5, 7, 6, dtype=torch.float64))
    torch.testing.assert_close(found.values, wanted, atol=1e-5, rtol=1e-5)
    assert torch.equal(found.inputs, ids)
    assert found.provenance.at is None
    assert (found.gap.abs() < 1e-6).all()


def test_taking_words_away_is_exchanging_their_numbers(reader, ids):
    spec = Tokens()
    found = attribution.feature_ablation(reader, ids, TARGET, spec=spec)
    rows, groups = torch.arange(5), spec.groups(ids)
    full = predict(reader, ids)[rows, TARGET]
    wanted = torch.zeros(5, 7, dtype=torch.float64)
    for part in range(int(groups.max()) + 1):
        inside = groups == part
        # padding is known by its number, so what is exchanged must not be padding
        fall = full - predict(reader, torch.where(inside, MASK, ids))[rows, TARGET]
        wanted += inside * (fall / inside.sum(1).clamp(min=1))[:, None]
    torch.testing.assert_close(found.values, wanted)
    torch.testing.assert_close(attribution.occlusion(reader, ids, TARGET, spec=spec).values, wanted)


# slopes are not differences from the absent input, idgi weighs by slopes alone, and LRP has no absent input
SLOPES = {"saliency", "input_x_gradient", "guided_backpropagation", "deconvnet", "lrp", "vargrad"}
SLOPES |= {"smoothgrad", "smoothgrad_squared", "internal_influence", "idgi"}


def asked(method, reader, ids, spec):
    try:
        return method(reader, ids, TARGET, spec=spec)
    except MethodError as refused:
        return refused


@pytest.mark.parametrize("name", attribution.__all__)
def test_every_method_reads_whole_numbers_or_refuses_in_a_sentence(reader, ids, name):
    method, spec = getattr(attribution, name), Tokens()
    found = asked(method, reader, ids, spec)
    if isinstance(found, MethodError):
        assert name in str(found)
        assert str(found).endswith(".")
        return
    assert found.values.shape == ids.shape
    assert found.values.is_floating_point()
    assert torch.equal(found.inputs, ids)
    assert found.stderr is None or found.stderr.shape == ids.shape
    if name not in SLOPES:
        assert (found.values[spec.groups(ids) < 0] == 0).all()
    if found.gap is not None:
        left = found.scores - found.reference - found.values.sum(1)
        torch.testing.assert_close(found.gap, left)
    torch.testing.assert_close(
        method(reader, ids, TARGET, spec=spec, compute=Compute(3)).values, found.values, rtol=1e-9, atol=1e-11
    )
    batch = Batch({"ids": ids}, held={"mask": (ids != PAD).double()})
    torch.testing.assert_close(
        method(reader, batch, TARGET, spec=spec).values["ids"], found.values, rtol=1e-9, atol=1e-11
    )


@pytest.mark.parametrize("name", ["integrated_gradients", "kernel_shap", "occlusion", "deep_lift", "lime"])
def test_longer_padding_changes_nothing(reader, ids, name):
    method = getattr(attribution, name)
    longer = torch.nn.functional.pad(ids, (0, 2), value=PAD)
    found = method(reader, longer, TARGET, spec=Tokens())
    torch.testing.assert_close(found.values[:, :7], method(reader, ids, TARGET, spec=Tokens()).values)
    assert (found.values[:, 7:] == 0).all()


def test_a_row_that_is_all_held_gets_zero(reader):
    ids = torch.tensor([[3, PAD, PAD, PAD], [3, 4, 5, 6]])
    for name in ("kernel_shap", "shapley_sampling", "exact_shapley", "lime", "occlusion", "feature_ablation"):
        found = getattr(attribution, name)(reader, ids, 1, spec=Tokens())
        assert (found.values[0] == 0).all()
        assert (found.values[1, 1:] != 0).all()


@pytest.mark.parametrize("baseline", [MASK, torch.tensor([MASK] * 7), torch.full((5, 7), MASK)])
def test_a_baseline_is_a_token_numbers_or_vectors(reader, ids, baseline):
    wanted = by_hand(reader, ids, reader.words(torch.full((5, 7), MASK)).detach())
    found = attribution.integrated_gradients(reader, ids, TARGET, baseline=baseline, tolerance=1e-6)
    torch.testing.assert_close(found.values, wanted, atol=1e-5, rtol=1e-5)
    vector = reader.words.weight[MASK].detach()
    again = attribution.integrated_gradients(reader, ids, TARGET, baseline=vector, tolerance=1e-6)
    torch.testing.assert_close(again.values, found.values)


def test_background_rows_are_numbers(reader, ids):
    held = torch.randint(1, 19, (4, 7), generator=torch.Generator().manual_seed(2))
    mean = predict(reader, torch.where(ids[1:2] == PAD, PAD, held))[:, 2].mean()
    full = predict(reader, ids[1:2])[:, 2]
    for name in ("expected_gradients", "deep_lift_shap", "kernel_shap"):
        found = getattr(attribution, name)(reader, ids[1:2], 2, background=held)
        torch.testing.assert_close(found.scores, full)
        torch.testing.assert_close(found.reference, mean[None])


def test_companions_go_along(reader, ids):
    told = attribution.integrated_gradients(reader, ids, TARGET, spec=Tokens(named=True))
    plain = attribution.integrated_gradients(reader, ids, TARGET, spec=Tokens())
    torch.testing.assert_close(told.values, plain.values)
    torch.testing.assert_close(predict(reader, ids, spec=Tokens(named=True)), predict(reader, ids))


def test_the_standard_error_is_that_of_the_sum(reader, ids):
    # the spread of the answers over seeds is what the standard error speaks of
    runs = [
        attribution.smoothgrad(reader, ids, TARGET, samples=20, compute=Compute(seed=s)) for s in range(40)
    ]
    spread = torch.stack([run.values for run in runs]).std(0)
    told = torch.stack([run.stderr for run in runs]).square().mean(0).sqrt()
    assert 0.75 < float((told / spread).nanmedian()) < 1.35


class Two(Reader):
    """Two tables are given the same numbers."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Embedding(20, 3)

    def forward(self, ids):
        return super().forward(ids) + self.bias(ids).mean(1)


def test_several_tables_are_named(ids):
    with pytest.raises(InputError, match=r"at='words' or at='bias'"):
        Question(Two().double(), ids, 0)
    assert attribution.saliency(Two().double(), ids, 0, at="words").values.shape == (5, 7, 6)


def test_a_table_called_twice_is_named_by_call(ids):
    class Twice(Reader):
        def forward(self, ids):
            return super().forward(ids) + super().forward(ids).tanh()

    with pytest.raises(InputError, match=r"at='words#0' or at='words#1'"):
        Question(Twice().double(), ids, 0)


def test_numbers_beyond_the_table_are_said(reader, ids):
    with pytest.raises(InputError, match="rows 0 to 19"):
        attribution.integrated_gradients(reader, ids, 0, baseline=20)


def test_flags_and_pixels_stay_what_they_are(reader):
    q = Question(nn.Linear(7, 2), torch.ones(3, 7), 0)
    assert q.groups.tolist() == list(range(7))
    flags = torch.ones(5, 7, dtype=torch.uint8)

    class Cast(Reader):
        def forward(self, ids):
            return super().forward(ids.long())

    assert Question(Cast().double(), flags, 0).point.dtype == torch.uint8
