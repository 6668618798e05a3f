"""Networks that read texts: rebuilt from data, deaf to padding, explained by every kind of method."""

import pytest
import torch

from pellucid import attribution, training
from pellucid._core import Dataset, predict, probe, split, untrained
from pellucid.errors import InputError
from pellucid.inputs import TextSpec, WordTokenizer
from pellucid.networks import build, default_network, gru, text_cnn, transformer

KINDS = {
    "text_cnn": lambda **given: text_cnn(30, 3, width=8, channels=6, **given),
    "transformer": lambda **given: transformer(30, 3, width=8, heads=2, **given),
    "gru": lambda **given: gru(3, vocabulary=30, width=8, hidden=5, **given),
}


@pytest.fixture(params=list(KINDS))
def network(request):
    return KINDS[request.param]().double().eval()


@pytest.fixture
def ids():
    found = torch.randint(1, 30, (4, 9), generator=torch.Generator().manual_seed(0))
    found[1, 5:], found[2, 1:], found[3, :] = 0, 0, 0
    return found


def test_built_again_from_its_architecture(network):
    again = build(network.architecture).double()
    for (name, a), (other, b) in zip(network.state_dict().items(), again.state_dict().items(), strict=True):
        assert name == other
        assert torch.equal(a, b), name


def test_the_seed_decides_and_torch_stays_as_it_was():
    for make in KINDS.values():
        state = torch.get_rng_state()
        first, second = make(seed=1), make(seed=1)
        other = make(seed=2)
        assert torch.equal(first.embedding.weight, second.embedding.weight)
        assert not torch.equal(first.embedding.weight, other.embedding.weight)
        assert torch.equal(torch.get_rng_state(), state)


def test_padding_and_other_rows_change_nothing(network, ids):
    whole = network(ids)
    assert torch.isfinite(whole).all()
    longer = torch.nn.functional.pad(ids, (0, 4))
    torch.testing.assert_close(network(longer), whole)
    torch.testing.assert_close(network(ids[1:2, :5]), whole[1:2])
    torch.testing.assert_close(network(ids.flip(0)).flip(0), whole)


def test_order_matters_where_it_should(network, ids):
    turned = ids.clone()
    turned[0] = turned[0].flip(0)
    assert not torch.allclose(network(turned)[0], network(ids)[0])


def test_words_are_dropped_in_training_only(network, ids):
    assert network.dropped(ids) is ids
    network.train()
    dropped = network.dropped(ids)
    assert (dropped[ids == 0] == 0).all()
    assert ((dropped == ids) | (dropped == 1)).all()


def test_attention_adds_up_to_one_and_nobody_looks_at_padding(ids):
    net = KINDS["transformer"]().double().eval()
    with probe(net, read=["block1.attention.weights"]) as seen:
        net(ids)
    weights = seen["block1.attention.weights"].detach()
    assert weights.shape == (4, 2, 9, 9)
    torch.testing.assert_close(weights.sum(-1), torch.ones(4, 2, 9).double())
    assert float(weights[1, :, :, 5:].max()) == 0.0


def test_features_of_sounds_are_read_too():
    net = gru(3, features=5, hidden=4).double().eval()
    x = torch.randn(2, 5, 11, dtype=torch.float64)
    assert net(x).shape == (2, 3)
    assert build(net.architecture)(x.float()).shape == (2, 3)
    assert attribution.integrated_gradients(net, x, 1).values.shape == x.shape


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: transformer(30, 2, width=9), "multiple of heads"),
        (lambda: transformer(30, 2, input_dropout=1.0), "input_dropout is a share"),
        (lambda: transformer(30, 2, drawn=0.0), "drawn must be a number above 0"),
        (lambda: gru(2), "vocabulary=, a number of tokens, or features="),
        (lambda: gru(2, vocabulary=3, features=3), "vocabulary="),
        (lambda: text_cnn(30, 2, dropout=1.0), "dropout is a share"),
        (lambda: text_cnn(0, 2), "vocabulary must be at least 1"),
    ],
)
def test_sizes_that_cannot_be(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_first_vectors_of_words_are_as_small_as_asked():
    quiet, usual = (transformer(500, 2, drawn=share).embedding.weight[2:] for share in (0.05, 1.0))
    torch.testing.assert_close(quiet * 20, usual)
    assert float(usual.detach().std()) == pytest.approx(32**-0.5, rel=0.03)


@pytest.mark.parametrize("name", ["deep_lift", "lrp", "integrated_gradients", "kernel_shap", "smoothgrad"])
def test_explained_by_every_kind_of_method(network, ids, name):
    spec = TextSpec(str.split, vocabulary=tuple(map(str, range(30))), pad=0, unk=1)
    found = getattr(attribution, name)(network, ids[:3], 1, spec=spec)
    assert found.values.shape == ids[:3].shape
    assert torch.isfinite(found.values).all()
    if name in ("deep_lift", "integrated_gradients", "kernel_shap"):
        assert float(found.gap.abs().max()) < 0.02 * float((found.scores - found.reference).abs().max())
        assert (found.values[ids[:3] == 0] == 0).all()


def planted(n=300):
    """Texts whose class is decided by one word."""
    draw = torch.Generator().manual_seed(0)
    words = [f"w{k}" for k in range(20)]
    texts = [" ".join(words[int(k)] for k in torch.randint(2, 20, (7,), generator=draw)) for _ in range(n)]
    answers = torch.randint(2, (n,), generator=draw)
    texts = [f"{text} w{int(y)}" for text, y in zip(texts, answers, strict=True)]
    spec = TextSpec(WordTokenizer(("<pad>", "<unk>", *words)))
    return Dataset("planted", spec.encode(texts), answers, spec, ("a", "b"), split(answers, classes=True))


@pytest.mark.parametrize("kind", ["text_cnn", "transformer", "gru"])
def test_it_learns_and_the_deciding_word_is_found(kind):
    data = planted()
    net = default_network(data, kind=kind.replace("_", "-"))
    epochs = list(training.train(net, data, epochs=12, learning_rate=5e-3, batch_size=32, instruments=False))
    test = data.part("test")
    assert float((predict(net, test.inputs).argmax(1) == test.answers).double().mean()) > 0.95
    assert epochs[-1].best >= 0
    found = attribution.integrated_gradients(net, test.inputs, test.answers, spec=data.spec)
    assert float((found.values.argmax(1) == 7).double().mean()) > 0.9
    control = attribution.integrated_gradients(
        untrained(net, seed=3), test.inputs, test.answers, spec=data.spec
    )
    assert float((control.values.argmax(1) == 7).double().mean()) < 0.5


def test_a_default_network_for_texts():
    data = planted(40)
    assert default_network(data).architecture.kind == "text_cnn"
    with pytest.raises(InputError, match="mean transformer"):
        default_network(data, kind="transfomer")
    other = TextSpec(str.split, vocabulary=("a", "b"), pad=1)
    with pytest.raises(InputError, match="pads with 1"):
        default_network(Dataset("x", data.inputs, data.answers, other, data.classes, data.parts))
