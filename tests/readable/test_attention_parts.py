"""Attention over patches and words: what has weight 0 is not used, and the certificate says so."""

import numpy as np
import pytest
import torch

import pellucid
from pellucid import data, figures, tasks
from pellucid.errors import InputError
from pellucid.networks import attention_patches, attention_words, build
from pellucid.readable import AttentionClassifier, attended, certify, part_names

GOOD, BAD, PLAIN = ("fine", "lovely", "great"), ("dull", "awful", "poor"), ("the", "film", "was", "a", "plot")


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    chance = np.random.default_rng(0)
    lines = ["text,label"]
    for k in range(300):
        telling = chance.choice(GOOD if k % 2 else BAD, 2)
        words = [*chance.choice(PLAIN, int(chance.integers(3, 8))), *telling]
        chance.shuffle(words)
        lines.append(f"{' '.join(words)},{'good' if k % 2 else 'bad'}")
    path = tmp_path_factory.mktemp("texts") / "films.csv"
    path.write_text("\n".join(lines))
    return data.texts(path, text="text", target="label")


@pytest.fixture(scope="module")
def reader(texts):
    return AttentionClassifier(epochs=30, learning_rate=1e-2).fit(texts)


@pytest.fixture(scope="module")
def seer():
    return AttentionClassifier(epochs=15).fit(data.digits())


def test_closed_words_may_be_any_other_closed_words_to_the_bit(reader, texts):
    network, x = reader.network_, texts.part("test").inputs
    with torch.no_grad():
        attention, plain = network.attention(x), network(x)
        unread = network.unread(x, attention)
        assert bool(unread.any())
        closed = (network.dictionary()[0] == 0).nonzero().flatten()
        for word in closed[closed > 0].tolist():
            assert torch.equal(network(torch.where(unread, word, x)), plain)
    assert reader.score(x, np.array(texts.classes)[texts.part("test").answers]) > 0.95


def test_a_word_is_weighed_the_same_wherever_it_stands(reader):
    words = reader.spec_.encode(["lovely", "the lovely plot", "awful awful lovely"])
    with torch.no_grad():
        asked, said = reader.network_.asks(words)
    at = [(0, 0), (1, 1), (2, 2)]
    assert len({float(asked[k]) for k in at}) == 1
    assert torch.allclose(said[0, 0], said[2, 2])


def test_padding_changes_nothing(reader):
    x = reader.spec_.encode(["a lovely film"])
    longer = torch.cat([x, torch.zeros(1, 7, dtype=x.dtype)], 1)
    with torch.no_grad():
        assert torch.allclose(reader.network_(x), reader.network_(longer), atol=1e-6)


def test_pixels_that_no_open_patch_reads_are_not_used(seer):
    network, x = seer.network_, data.digits().part("test").inputs
    with torch.no_grad():
        attention, plain = network.attention(x), network(x)
        unread = network.unread(x, attention)
        assert bool(unread.any())
        noise = torch.where(unread, torch.randn(x.shape, generator=torch.Generator().manual_seed(0)), x)
        opened = ((network.attention(noise) > 0) & (attention == 0)).any(1)
        assert torch.equal(network(noise)[~opened], plain[~opened])
        asked, said = network.asks(x)
        asked_again, said_again = network.asks(noise)
    heard = attention > 0  # gate and value of an open patch read that patch alone
    assert torch.equal(asked[heard], asked_again[heard])
    assert torch.equal(said[heard], said_again[heard])


def test_places_closed_for_good_are_never_used(seer):
    network, x = seer.network_, data.digits().part("test").inputs[:20]
    kept = network.open.clone()
    try:
        network.open[0] = 0
        corner = x.clone()
        corner[:, :, : network.step, : network.step] = 99.0  # read by the first patch alone
        with torch.no_grad():
            assert torch.equal(network(corner), network(x))
    finally:
        network.open.copy_(kept)


@pytest.mark.parametrize(
    ("shape", "step", "shrink"), [((1, 8, 8), 2, 1), ((3, 9, 13), 3, 1), ((1, 20, 18), 2, 2)]
)
def test_pixels_share_the_weight_of_the_patches_that_read_them(shape, step, shrink):
    """Oracle: a pixel is read where moving it moves what the patch says."""
    network = attention_patches(shape, 3, step=step, shrink=shrink).eval()
    x = torch.randn(2, *shape, generator=torch.Generator().manual_seed(1)).requires_grad_()
    for place in range(len(network.open)):
        (slope,) = torch.autograd.grad(network.patches(x)[:, place].sum(), x, retain_graph=True)
        one = torch.zeros(2, len(network.open))
        one[:, place] = 1
        assert torch.equal(network.shown(one, x) > 0, slope.abs().sum(1) > 0)
    with torch.no_grad():
        attention = network.attention(x)
        assert torch.allclose(network.shown(attention, x).flatten(1).sum(1), attention.sum(1), atol=1e-5)
    assert len(network.named()) == len(network.open)


def test_the_certificate_of_digits(seer):
    held = data.digits().part("test")
    found = seer.certificate(held, swaps=20)
    assert found.part == "patch"
    assert found.honest
    assert found.auc > 0.98
    assert found.sum_gap < 1e-4
    assert found.unused_change == 0
    assert found.replaced > 0
    assert found.worst is not None
    assert [w for _, w in found.weights] == sorted((w for _, w in found.weights), reverse=True)


def test_the_certificate_of_texts(reader, texts):
    found = reader.certificate(texts, swaps=20)
    assert found.part == "word"
    assert found.unused_change == 0
    assert found.reopened == 0
    assert set(found.unused) >= {"the", "film"}
    assert {name for name, _ in found.weights} <= {*GOOD, *BAD, *PLAIN}
    assert found.weights[0][0] in (*GOOD, *BAD)


def test_leaks_of_several_classes_cannot_cancel_out():
    """A gate that is the answer, with values that never change: every class leaks, in both directions."""
    network = attention_patches([1, 4, 4], 3, step=1).eval()
    places, y = len(network.open), torch.arange(60) % 3
    pick = torch.zeros(60, places)
    pick[torch.arange(60), y] = 1
    said = torch.zeros(60, places, 3)
    said[:, 0, 0] = said[:, 1, 1] = 1
    said[:, 2, 2] = 1
    network.weighed = lambda x: (pick, said)
    found = certify(network, torch.zeros(60, 1, 4, 4), y, network.named(), swaps=3)
    assert found.swap_auc == 1
    assert not found.honest


def test_other_seeds_are_compared_within_each_input(texts):
    train, held = texts, texts.part("test")
    model = AttentionClassifier(epochs=12, learning_rate=1e-2).fit(train)
    found = model.certificate(held, training=(train,), seeds=2, swaps=3)
    assert found.agreement is not None
    assert 0.3 < found.agreement <= 1


def test_runs_open_again_and_give_their_account(tmp_path, texts):
    for name, source in (("pictures", data.digits()), ("texts", texts)):
        subject = pellucid.train(source, network="attention", epochs=1, out=tmp_path / name)
        again = pellucid.open(tmp_path / name)
        x = subject.data.inputs[:20]
        assert torch.equal(again.model(x), subject.model(x))
        assert tasks.certificate(again, swaps=2).n == len(subject.data.part("test"))
        assert len(part_names(again.model, again.spec)) > 0


def test_architectures_build_again():
    for network in (attention_patches([1, 8, 8], 4, step=2, seed=3), attention_words(9, 3, seed=3)):
        again = build(network.architecture)
        assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))


def test_bad_calls(texts):
    with pytest.raises(InputError, match="one weight a column"):
        AttentionClassifier(gate="global").fit(texts)
    with pytest.raises(InputError, match="all must be among"):
        AttentionClassifier(epochs=1).fit(texts).certificate(texts.rows(texts.answers == 0))
    with pytest.raises(InputError, match="at least 1"):
        attention_patches([1, 8, 8], 2, step=0)


def test_figures_over_pictures_texts_and_rows(seer, reader, texts):
    held = data.digits().part("test").inputs[:2]
    drawn = figures.attended(attended(seer.network_, held, seer.spec_, seer._labels()), row=1)
    assert "not used" in drawn.alt
    assert len(drawn.chart["concat"]) == 3
    found = attended(reader.network_, texts.inputs[:2], texts.spec, texts.classes)
    drawn = figures.attended(found)
    assert drawn.table.rows[0][0] in (*GOOD, *BAD)
    assert found.weights[0].sum() + found.rest[0] == pytest.approx(1)
    x = np.random.default_rng(0).normal(size=(60, 3))
    model = AttentionClassifier(epochs=5).fit(x, x[:, 0] > 0)
    rows = attended(model.network_, model._encoded(x[:2]), model.spec_, model._labels())
    assert figures.attended(rows).table.columns[0] == "column"
    with pytest.raises(InputError, match="numbered 0 to 1"):
        figures.attended(rows, row=2)


def test_what_is_added_is_the_answer(seer):
    held = data.digits().part("test").inputs[:5]
    with torch.no_grad():
        logits = seer.network_(held)
    found = attended(seer.network_, held, seer.spec_, seer._labels())
    best = logits.argmax(1)
    total = seer.network_.constant[best] + found.adds.flatten(1).sum(1)
    assert torch.allclose(total, logits.amax(1), atol=1e-4)


def test_a_second_fit_is_made_where_it_is_quick(texts):
    subject = pellucid.train(texts, network="attention", epochs=2)
    found = tasks.own_account(subject)["certificate"]
    assert found.agreement is not None
    drawn = figures.figures_of(found)[0]
    assert "one fit" not in [cell for row in drawn.table.rows for cell in row]
    alone = figures.figures_of(tasks.certificate(subject, swaps=2))[0]
    assert "seeds=3" in alone.note
