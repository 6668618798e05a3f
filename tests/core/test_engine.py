"""The engine: chunks, memory, flags, chance, and answers that do not depend on how it runs."""

import copy
import gc
import weakref
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import zoo
from pellucid._core import (
    Batch,
    Compute,
    Explanation,
    InputSpec,
    Question,
    logit,
    margin,
    model_hash,
    unit,
)
from pellucid._core._chunk import Chunk, chunks
from pellucid.errors import CancelledError, InputError, MethodError, SiteError


class Small(nn.Module):
    """Counts the rows of each pass and fails where more than ``fits`` come at once."""

    def __init__(self, fits=None):
        super().__init__()
        self.body = nn.Linear(3, 2)
        self.fits, self.sizes = fits, []

    def forward(self, x):
        self.sizes.append(len(x))
        if self.fits is not None and len(x) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return self.body(x).tanh()


def small(fits=None):
    return zoo.seeded(lambda: Small(fits)).double()


def rows(n=5):
    return torch.randn(n, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(7))


def scaled(q, count):
    """Variants ``(1 + k) / count`` times the point."""
    return lambda ks, r: (1 + ks).view(-1, 1, 1) / count * q.point[r]


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 20))
def test_chunks_cover_each_variant_of_each_row_once(count, n, size):
    seen = torch.zeros(count, n, dtype=torch.int64)
    for chunk in chunks(count, n, size):
        assert 1 <= chunk.size <= size
        seen[chunk.k0 : chunk.k1, chunk.rows] += 1
    assert (seen == 1).all()


@given(st.integers(1, 9), st.integers(1, 9))
def test_halves_are_the_whole(c, n):
    chunk = Chunk(2, 2 + c, 3, 3 + n)
    if chunk.size > 1:
        first, second = chunk.halves()
        assert first.size + second.size == chunk.size
        assert min(first.size, second.size) >= 1


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(1, 7), st.integers(1, 16))
def test_scores_and_gradients_for_any_shape_and_batch_size(n, count, size):
    model, x = small(), rows(n)
    q = Question(model, x, 1, compute=Compute(size))
    weight = torch.linspace(-1, 2, count, dtype=torch.float64)
    factors = [(1 + k) / count for k in range(count)]
    points = [(f * x).requires_grad_() for f in factors]
    scores = [model.body(p).tanh()[:, 1] for p in points]
    slopes = [torch.autograd.grad(s.sum(), p)[0] for s, p in zip(scores, points, strict=True)]
    torch.testing.assert_close(q.scores(scaled(q, count), count), torch.stack(scores).detach())
    wanted = sum(w * g for w, g in zip(weight, slopes, strict=True))
    torch.testing.assert_close(q.gradient(scaled(q, count), count, weight), wanted)
    torch.testing.assert_close(q.gradient(scaled(q, count), count), sum(slopes) / count)
    streamed = torch.zeros(count, n, 3, dtype=torch.float64)
    for ks, r, grad in q.gradients(scaled(q, count), count):
        streamed[ks, r] = grad
    torch.testing.assert_close(streamed, torch.stack(slopes))


@pytest.mark.parametrize("size", [1, 4, 6, 64])
def test_no_more_rows_at_once_than_asked(size):
    model = small()
    q = Question(model, rows(), 0, compute=Compute(size))
    q.scores(scaled(q, 9), 9)
    q.gradient(scaled(q, 9), 9)
    assert max(model.sizes) <= size
    assert sum(model.sizes) == 2 * 9 * 5


@pytest.mark.parametrize("fits", [1, 2, 3, 10])
def test_running_out_of_memory_halves_the_chunk_and_goes_on(fits):
    wanted = Question(small(), rows(), 1)
    tight = small(fits)
    q = Question(tight, rows(), 1, compute=Compute(40))
    torch.testing.assert_close(q.scores(scaled(q, 9), 9), wanted.scores(scaled(wanted, 9), 9))
    torch.testing.assert_close(q.gradient(scaled(q, 9), 9), wanted.gradient(scaled(wanted, 9), 9))
    # after it has learned the size it does not try the large one again
    tight.sizes.clear()
    q.scores(scaled(q, 9), 9)
    assert sum(size > fits for size in tight.sizes) <= 6
    assert q.answer("x", q.point, {}).provenance.forward == 2 * 45 + 45 + 5


@pytest.mark.parametrize("text", ["not enough memory: you tried to allocate", "can't allocate memory"])
def test_other_words_for_memory_are_understood(text):
    model = small()
    model.body.register_forward_pre_hook(lambda m, args: _fail(text) if len(args[0]) > 2 else None)
    assert Question(model, rows(), 0).scores().shape == (1, 5)


def _fail(text):
    raise RuntimeError(text)


def test_a_row_that_does_not_fit_is_an_error_with_words():
    with pytest.raises(MethodError, match="Memory does not suffice for a single row"):
        Question(small(fits=0), rows(), 0).scores()


def test_no_more_than_one_chunk_of_points_is_alive():
    model, x, alive, most = small(), rows(4), [], 0
    model.body.register_forward_pre_hook(lambda m, args: alive.append(weakref.ref(args[0])))

    def variants(ks, r):
        nonlocal most
        gc.collect()
        most = max(most, sum(ref() is not None for ref in alive))
        return q.point[r] * (1 + ks).view(-1, 1, 1)

    q = Question(model, x, 0, compute=Compute(4))
    q.gradient(variants, 6)
    q.scores(variants, 6)
    assert len(alive) == 12
    assert most == 0


def test_what_a_network_writes_into_its_input_reaches_nobody():
    class Writes(nn.Module):
        def forward(self, x, held):
            held.zero_()
            return x.mul_(0).sum(1, keepdim=True)

    x, held = rows(), torch.ones(5, 1)
    bank = torch.ones(2, 5, 3, dtype=torch.float64)
    q = Question(Writes(), Batch({"x": x}, {"held": held}), 0)
    q.scores()
    q.gradient()
    q.scores(lambda ks, r: bank[ks][:, r], 2)
    q.scores(lambda ks, r: bank, 2)
    q.gradient(lambda ks, r: bank, 2)
    assert torch.equal(x, rows())
    assert (held == 1).all()
    assert (bank == 1).all()
    assert not bank.requires_grad


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_any_mode_of_the_caller(mode):
    model, wanted = small(), Question(small(), rows(), 1).gradient()
    with mode():
        q = Question(model, rows(), 1)
        torch.testing.assert_close(q.gradient(), wanted)
        assert torch.is_grad_enabled() == (mode is torch.enable_grad)
        hidden = Question(model, rows(), 1, at="body")
        assert hidden.gradient().shape == (5, 2)
    assert str(q.answer("x", q.point, {}).provenance.inputs) == str(
        Question(small(), rows(), 1).answer("x", rows(), {}).provenance.inputs
    )


def test_an_unchanged_network_after_any_call():
    model, before = small().train(), None
    before = {k: v.clone() for k, v in model.state_dict().items()}
    torch.manual_seed(11)
    state = torch.get_rng_state()
    Question(model, rows(), 1).gradient()
    assert model.training
    assert model.body.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert model.body.weight.grad is None


def test_networks_that_draw_random_numbers_answer_alike():
    class Noisy(nn.Module):
        def forward(self, x):
            return x + torch.randn(x.shape[1:], dtype=x.dtype)

    q = Question(Noisy(), rows(), 0, compute=Compute(seed=3))
    assert torch.equal(q.scores(), q.scores())
    other = Question(Noisy(), rows(), 0, compute=Compute(seed=4))
    assert not torch.equal(q.scores(), other.scores())


def test_noise_belongs_to_its_number_and_seed():
    q = Question(small(), rows(), 0, compute=Compute(seed=1))
    whole = q.noise(torch.arange(6))
    assert whole.shape == (6, 1, 3)
    assert torch.equal(q.noise(torch.tensor([4, 2])), whole[[4, 2]])
    assert not torch.equal(Question(small(), rows(), 0).noise(torch.arange(6)), whole)


def test_progress_that_raises_ends_the_work_between_two_chunks():
    model, seen = small().train(), []

    def progress(done, total):
        seen.append((done, total))
        if done >= 20:
            raise CancelledError("the user had enough")

    q = Question(model, rows(), 0, compute=Compute(10, progress=progress))
    with pytest.raises(CancelledError, match="had enough"):
        q.gradient(scaled(q, 9), 9)
    assert seen == [(10, 45), (20, 45)]
    assert model.training
    assert not model._forward_hooks


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_in_a_pass_leaves_no_trace(kind):
    model = small().train()

    def interrupt(module, args):
        raise kind

    handle = model.body.register_forward_pre_hook(interrupt)
    state = torch.get_rng_state()
    with pytest.raises(kind):
        Question(model, rows(), unit("body", 0)).gradient()
    handle.remove()
    assert model.training
    assert not model.body._forward_hooks
    assert torch.equal(torch.get_rng_state(), state)


def test_half_precision_is_summed_in_single():
    model = nn.Linear(1, 1, bias=False).bfloat16()
    model.weight.data.fill_(1.0)
    q = Question(model, torch.ones(1, 1, dtype=torch.bfloat16), 0)
    # in bfloat16 a running sum of 1/300 would stop growing long before 1
    assert q.gradient(lambda ks, r: q.point[r].expand(len(ks), -1, -1), 300).item() == 1.0


def test_explaining_a_layer_equals_explaining_what_follows():
    model, x = zoo.reference(), zoo.inputs()
    q = Question(model, x, 1, at="relu1")
    torch.testing.assert_close(q.point, model.relu1(model.conv1(x)).detach())
    upper = nn.Sequential(model.pool, model.conv2, model.relu2, nn.Flatten(), model.head)
    torch.testing.assert_close(q.gradient(), Question(upper, q.point, 1).gradient())
    torch.testing.assert_close(q.scores(), Question(model, x, 1).scores())


def test_a_module_called_twice_must_be_addressed_by_its_call():
    (shared,) = [t.model for t in zoo.twins() if t.name == "SharedRelu"]
    for options in ({"target": 1, "at": "relu1"}, {"target": unit("relu1", 0)}):
        with pytest.raises(SiteError, match=r"called 2 times.*'relu1#0', 'relu1#1'"):
            Question(shared, zoo.inputs(), **options).gradient()


def test_a_unit_before_the_explained_layer_is_refused():
    with pytest.raises(SiteError, match=r"settled before the pass reaches 'conv2'"):
        Question(zoo.reference(), zoo.inputs(), unit("conv1", 0), at="conv2").gradient()


def test_a_score_that_does_not_depend_on_the_input_is_refused():
    class Cut(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(3, 2)

        def forward(self, x):
            return self.body(x.detach().round())

    for frozen in (False, True):
        model = Cut().double().requires_grad_(not frozen)
        with pytest.raises(MethodError, match="does not depend on the input in a differentiable way"):
            Question(model, rows(), 0).gradient()
        assert Question(model, rows(), 0).scores().shape == (1, 5)


class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(2, 2), nn.Linear(4, 2)

    def forward(self, a, b, *, mask, factor):
        return self.a(a).tanh() * self.b(b.flatten(1)) * mask * factor


def batch():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(5, 2, generator=generator), torch.randn(5, 2, 2, generator=generator)
    return Batch({"a": a, "b": b}, {"mask": torch.arange(5.0)[:, None]}, {"factor": 2.0})


@pytest.mark.parametrize("size", [1, 3, 64])
def test_several_inputs(size):
    model, given_ = zoo.seeded(Both), batch()
    q = Question(model, given_, margin(1, 0), compute=Compute(size))
    found = q.answer("x", q.gradient(), {})
    a, b = (part.clone().requires_grad_() for part in given_.varied.values())
    output = model(a, b, mask=given_.held["mask"], factor=2.0)
    wanted = torch.autograd.grad((output[:, 1] - output[:, 0]).sum(), (a, b))
    torch.testing.assert_close(found.values["a"], wanted[0])
    torch.testing.assert_close(found.values["b"], wanted[1])
    torch.testing.assert_close(found.inputs["b"], given_.varied["b"])
    with pytest.raises(InputError, match="Several inputs were explained"):
        found.map


def test_values_by_name_for_several_inputs():
    q = Question(zoo.seeded(Both), batch(), 0)
    filled = q.filled({"a": 1.0, "b": torch.full((2, 2), 2.0)})
    assert filled.tolist() == [[1.0] * 2 + [2.0] * 4] * 5
    with pytest.raises(InputError, match=r"No varied input is called 'mask'"):
        q.filled({"mask": 1.0})
    with pytest.raises(InputError, match="none for 'b'"):
        q.filled({"a": 1.0})
    with pytest.raises(InputError, match=r"fits \[5, 2\], got \[3\]"):
        q.filled({"a": torch.ones(3), "b": 0.0})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (torch.ones(4), r"fits \[5, 3\], got \[4\]"),
        (float("nan"), "finite"),
        ("zero", "a number or a tensor"),
        ({"x": 0.0}, "a mapping for a single input"),
    ],
)
def test_fillings_that_do_not_fit(value, words):
    with pytest.raises(InputError, match=words):
        Question(small(), rows(), 0).filled(value)


def test_a_number_is_filled_in_without_rounding():
    assert Question(small(), rows(), 0).filled(0.3)[0, 0].item() == 0.3


class Ones(InputSpec):
    """Everything absent is one."""

    @property
    def axes(self):
        return ("D",)

    def check(self, x):
        if x.shape[1] != 3:
            raise InputError("three columns")

    def groups(self, x):
        return torch.arange(3)

    def absent(self, x):
        return torch.ones_like(x)

    def group_names(self, x):
        return ("a", "b", "c")


def test_the_spec_is_asked():
    q = Question(small(), rows(), 0, spec=Ones())
    assert (q.absent == 1).all()
    assert (Question(small(), rows(), 0).absent == 0).all()
    assert (Question(small(), rows(), 0, spec=Ones(), at="body").absent == 0).all()
    with pytest.raises(InputError, match="three columns"):
        Question(nn.Linear(2, 2).double(), rows()[:, :2], 0, spec=Ones())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: (small(), rows().float()), r"torch.float32, the network computes in torch.float64"),
        (lambda: (small(), rows()[:0]), "at least one row"),
        (lambda: (small(), torch.tensor(1.0).double()), "at least one row"),
        (lambda: (small(), rows().numpy()), r"got ndarray. Say torch.as_tensor\(numpy.asarray\(x\)"),
        (lambda: (small(), (rows(), rows())), r"got tuple. .* pellucid.Batch\(\{'x': …\}\)"),
        (lambda: (small(), {"x": rows(), "m": rows()}), r"got dict. .*\{'x': …\}, held=\{'m': …\}"),
        (lambda: (SimpleNamespace(model=small()), rows()), "Its network is its .model"),
        (lambda: (small(), rows().log()), r"NaN or infinity in row 0"),
        (lambda: (small().forward, rows()), "Expected a torch.nn.Module, got method"),
        (lambda: (small().half(), rows()), "torch.float64, the network computes in torch.float16"),
    ],
)
def test_wrong_inputs(make, words):
    with pytest.raises(InputError, match=words):
        Question(*make(), 0)


def test_infinity_is_found_and_large_numbers_are_not_mistaken_for_it():
    large = torch.full((5, 3), 3e38)
    assert Question(nn.Linear(3, 2), large * torch.tensor([1.0, -1.0, 0.0]), 0).rows == 5
    assert Question(nn.Linear(3, 2), large, 0).rows == 5
    bad = rows()
    bad[2, 1], bad[4, 0] = float("inf"), float("-inf")
    with pytest.raises(InputError, match="row 2 and 1 more"):
        Question(small(), bad, 0)


def test_whole_numbers_without_one_embedding_for_each_have_no_gradient():
    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.bag, self.head = nn.EmbeddingBag(9, 4), nn.Linear(4, 2)

        def forward(self, tokens):
            return self.head(self.bag(tokens))

    model, tokens = zoo.seeded(Bag), torch.tensor([[1, 2, 3], [4, 5, 6]])
    with pytest.raises(InputError, match="at='bag'"):
        Question(model, tokens, 0).gradient()
    q = Question(model, tokens, 0, at="bag")
    torch.testing.assert_close(q.gradient(), model.head.weight[0].expand(2, 4))


def test_a_network_that_raises_is_quoted():
    class Raises(nn.Module):
        def forward(self, x):
            raise ValueError("the third wheel is missing")

    with pytest.raises(MethodError, match=r"Raises raised ValueError when given \(5, 3\): the third wheel"):
        Question(Raises(), rows(), 0).scores()


class Described(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(2, 2, 3), nn.Linear(8, 3)

    def forward(self, image, meta, extra=None):
        return self.head(self.conv(image).flatten(1)) + meta


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (torch.rand(3, 2, 4, 4), r"pellucid.Batch\(\{'image': …\}, held=\{'meta': …\}\)"),
        (Batch({"img": torch.rand(3, 2, 4, 4)}), r"takes image, meta, extra.$"),
        (Batch({"image": torch.rand(3, 2, 4, 4)}), r"takes image, meta, extra.$"),
        (Batch({"image": torch.rand(3, 4, 4, 2), "meta": torch.rand(3, 1)}), r"channels instead$"),
    ],
)
def test_a_network_that_wants_other_arguments_says_which(given, advice):
    with pytest.raises(MethodError, match=advice):
        Question(Described(), given, 0).scores()


def test_a_tensor_stands_in_for_the_only_varied_input_and_never_for_two():
    two = Batch({"image": torch.rand(3, 2, 4, 4), "meta": torch.rand(3, 1)})
    one = Batch({"image": two.varied["image"]}, held={"meta": two.varied["meta"]})
    gone = torch.rand(2, 4, 4)
    assert torch.equal(Question(Described(), one, 0).filled(gone), gone.flatten().expand(3, -1))
    with pytest.raises(InputError, match=r"\{'image': …, 'meta': …\}; got a tensor"):
        Question(Described(), two, 0).filled(gone)


@pytest.mark.parametrize(
    ("shape", "advice"),
    [
        ((2, 4, 4), r"As x\[None\] it goes through"),
        ((3, 4, 4, 2), r"As x.permute\(0, 3, 1, 2\) it goes through"),
        ((3, 2, 4, 5), r"8x3\)$"),
    ],
)
def test_pictures_with_other_axes_are_tried_the_other_way(shape, advice):
    with pytest.raises(MethodError, match=advice):
        Question(
            nn.Sequential(nn.Conv2d(2, 2, 3), nn.Flatten(), nn.Linear(8, 3)), torch.rand(shape), 0
        ).scores()


@pytest.mark.parametrize(
    "output", [lambda x: x[0], lambda x: x.sum(1), lambda x: x[:, :, None], lambda x: "text"]
)
def test_scores_of_a_wrong_shape_are_refused(output):
    class Odd(nn.Module):
        def forward(self, x):
            return output(x)

    with pytest.raises(Exception, match=r"(?s)one number per|does not exist|without tensors"):
        Question(Odd(), rows(4), logit(1)).scores()


def test_layers_that_do_not_keep_the_rows_are_refused():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.turn, self.head = nn.Identity(), nn.Linear(3, 2)

        def forward(self, x):
            return self.head(self.turn(x.T).T)

    with pytest.raises(InputError, match="3 rows for 5 inputs"):
        Question(Mixed().double(), rows(), 0, at="turn")


def test_an_answer_carries_what_is_needed_to_check_it():
    model, x = small(), rows()
    q = Question(model, x, 1, compute=Compute(seed=9))
    found = q.answer("mine", 2 * q.point, {"a": 1}, reference=torch.ones(5).double())
    assert isinstance(found, Explanation)
    torch.testing.assert_close(found.gap, found.scores - 1 - 2 * x.sum(1))
    made = found.provenance
    assert (made.method, made.params, made.target, made.at, made.seed) == (
        "mine",
        {"a": 1},
        "logit(1)",
        None,
        9,
    )
    assert made.forward == 5
    assert made.backward == 0
    assert str(made.model) == model_hash(model)
    assert found.classes.tolist() == [1] * 5
    assert copy.deepcopy(found).provenance.model == made.model


def test_passes_are_counted():
    q = Question(small(), rows(), 1)
    q.gradient(scaled(q, 3), 3)
    made = q.answer("mine", q.point, {}).provenance
    assert (made.forward, made.backward) == (15 + 5, 15)


@pytest.mark.parametrize("target", [[0, 1, 1, 0, 1], unit("body", 1), logit(1)])
def test_points_that_rows_share_pass_once(target):
    model, x = small(), rows()
    q = Question(model, x, target, compute=Compute(3))
    points = rows(7) * 2
    model.sizes.clear()
    found = q.everywhere(points)
    assert sum(model.sizes) == 7
    torch.testing.assert_close(found, q.scores(lambda ks, _: points[ks][:, None], 7))
    hidden = Question(model, x, 1, at="body")
    assert hidden.everywhere(hidden.point).shape == (5, 5)


ALONG = {
    "rows apart": (nn.Softmax(1), 12),
    "mixed by a softmax": (nn.Softmax(0), 7),
    "mixed by a norm": (nn.BatchNorm2d(2, track_running_stats=False), 7),
}


@pytest.mark.parametrize("size", [2, 64])
@pytest.mark.parametrize("what", ALONG)
def test_rows_go_along_with_points_where_none_is_mixed(what, size):
    part, passed = ALONG[what]
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), part, nn.Flatten(), nn.Linear(32, 3)).double().eval()
    x, points = torch.rand(5, 1, 6, 6).double(), torch.rand(7, 1, 6, 6).double()
    q = Question(model, x, [0, 1, 2, 1, 0], compute=Compute(size))
    found = q.everywhere(points)
    assert q.answer("mine", q.point, {}, scores=found[0]).provenance.forward == passed
    torch.testing.assert_close(q.base, q.scores()[0], rtol=1e-12, atol=0)
    if passed == 12:
        torch.testing.assert_close(found, model(points)[:, [0, 1, 2, 1, 0]].detach())
