"""Texts: numbers of tokens, words that can be taken away, tokenizers of our own and of others."""

import pytest
import torch

import pellucid
from pellucid._core import Dataset, predict
from pellucid.errors import InputError
from pellucid.inputs import TextSpec, WordTokenizer

TEXTS = ["A fine film.", "Isn't it a dull, dull film?", "3.5 stars"]


class Pieces:
    """Behaves like a Hugging Face tokenizer of word pieces, as far as it is asked."""

    VOCABULARY = (
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "film",
        "fine",
        "##ly",
        "un",
        "##watch",
        "##able",
    )
    name_or_path = "pieces"
    pad_token_id, unk_token_id, mask_token_id = 0, 1, 4
    all_special_ids = (0, 1, 2, 3, 4)

    def __len__(self):
        return len(self.VOCABULARY)

    def get_vocab(self):
        return {token: k for k, token in enumerate(self.VOCABULARY)}

    def convert_ids_to_tokens(self, ids):
        return [self.VOCABULARY[k] for k in ids]

    def __call__(self, text, truncation=False, max_length=None):
        found = []
        for word in text.split():
            rest, first = word, True
            while rest:
                known = [rest[:k] if first else f"##{rest[:k]}" for k in range(len(rest), 0, -1)]
                piece = next((p for p in known if p in self.VOCABULARY), None)
                found.append(1 if piece is None else self.VOCABULARY.index(piece))
                rest, first = ("", False) if piece is None else (rest[len(piece.removeprefix("##")) :], False)
        ids = [2, *found, 3]
        return {"input_ids": [*ids[: max_length - 1], 3] if truncation and len(ids) > max_length else ids}


@pytest.fixture
def own():
    return TextSpec(WordTokenizer.learn(TEXTS, least=1))


@pytest.fixture
def pieces():
    return TextSpec(Pieces(), ids_name="input_ids", mask_name="attention_mask")


def test_words_signs_and_numbers_are_tokens():
    words = WordTokenizer(("<pad>", "<unk>"))
    assert words.split("Isn't it 3.5 stars, really?!") == [
        "isn't",
        "it",
        "3.5",
        "stars",
        ",",
        "really",
        "?",
        "!",
    ]
    assert WordTokenizer(("<pad>", "<unk>"), lower=False).split("A b") == ["A", "b"]
    assert WordTokenizer.learn(["a a b", "b a c"], least=2).vocabulary == ("<pad>", "<unk>", "a", "b")
    assert len(WordTokenizer.learn(["a b c d"], least=1, size=4).vocabulary) == 4
    with pytest.raises(InputError, match="begins with"):
        WordTokenizer(("a", "b"))


def test_texts_there_and_back(own):
    x = own.encode(TEXTS)
    assert x.shape == (3, 8)
    assert own.decode(x) == ["a fine film .", "isn't it a dull , dull film ?", "3.5 stars"]
    assert own.text(x[0]) == own.text(x[:1]) == "a fine film ."
    assert own.tokens(x)[2] == ["3.5", "stars", *[""] * 6]
    assert own.encode("strange").tolist() == [[1]]
    assert own.decode(own.encode("strange film")) == ["⟨?⟩ film"]


def test_padding_is_held_and_words_turn_into_unknown_ones(own):
    x = own.encode(TEXTS)
    groups = own.groups(x)
    assert groups[0].tolist() == [0, 1, 2, 3, -1, -1, -1, -1]
    gone = own.absent(x)
    assert (gone[groups >= 0] == 1).all()
    assert torch.equal(gone[groups < 0], x[groups < 0])
    assert own.group_names(x[1:2]) == ("isn't", "it", "a", "dull", ",", "dull (2)", "film", "?")
    assert own.group_names(x)[:2] == ("word 1", "word 2")


def test_pieces_are_merged_to_words_and_special_tokens_held(pieces):
    x = pieces.encode(["unwatchable film", "finely strange"])
    assert x.tolist() == [[2, 8, 9, 10, 5, 3], [2, 6, 7, 1, 3, 0]]
    assert pieces.groups(x).tolist() == [[-1, 0, 0, 0, 1, -1], [-1, 0, 0, 1, -1, -1]]
    assert pieces.words(x) == [["unwatchable", "film"], ["finely", "[UNK]"]]
    assert pieces.absent(x).tolist() == [[2, 4, 4, 4, 4, 3], [2, 4, 4, 4, 3, 0]]
    name, along = pieces.companions(x)
    assert (name, along["attention_mask"].tolist()) == ("input_ids", [[1] * 6, [1, 1, 1, 1, 1, 0]])
    assert pieces.size == 11
    every = TextSpec(Pieces(), merge="tokens")
    assert every.groups(x).tolist() == [[-1, 0, 1, 2, 3, -1], [-1, 0, 1, 2, -1, -1]]
    short = TextSpec(Pieces(), length=4)
    assert short.encode("unwatchable film").tolist() == [[2, 8, 9, 3]]


def test_a_piece_behind_a_held_token_begins_a_word(pieces):
    assert pieces.groups(torch.tensor([[2, 7, 10, 3]])).tolist() == [[-1, 0, 0, -1]]


@pytest.mark.parametrize(
    ("mark", "tokens"), [("Ġ", ("a", "Ġfine", "Ġfilm", "s")), ("▁", ("▁a", "▁fine", "▁film", "s"))]
)
def test_other_marks_of_words(mark, tokens):
    vocabulary = ("<pad>", "<unk>", *tokens)
    spec = TextSpec(lambda text: [2, 3, 4, 5], vocabulary=vocabulary, pad=0, unk=1)
    x = spec.encode("a fine films")
    assert spec.groups(x).tolist() == [[0, 1, 2, 2]]
    assert spec.words(x) == [["a", "fine", "films"]]


def test_any_function_is_a_tokenizer():
    spec = TextSpec(str.split, vocabulary=("-", "a", "b"), pad=0, unk=2, length=3)
    assert spec.encode(["a z", "a b a b"]).tolist() == [[1, 2, 0], [1, 2, 1]]
    letters = TextSpec(lambda text: [ord(c) for c in text], pad=0, mask=1)
    assert letters.encode("ab").tolist() == [[97, 98]]
    assert letters.tokens(letters.encode("ab")) == [["token 97", "token 98"]]
    with pytest.raises(InputError, match="vocabulary="):
        TextSpec(str.split, pad=0).encode("a b")
    with pytest.raises(InputError, match="'z' is not in the vocabulary"):
        TextSpec(str.split, vocabulary=("-", "a"), pad=0).encode("a z")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TextSpec(3), "expected a Hugging Face tokenizer or a function"),
        (lambda: TextSpec(str.split), "mask=, unk= or pad="),
        (lambda: TextSpec(Pieces(), merge="word"), "words"),
        (lambda: TextSpec(Pieces(), pad=99), "run from 0 to 10"),
        (lambda: TextSpec(Pieces(), mask_name="m"), "ids_name"),
        (lambda: TextSpec(WordTokenizer.learn(TEXTS), vocabulary=("a",)), "leave vocabulary= away"),
        (lambda: TextSpec(Pieces()).encode([]), "got none"),
        (lambda: TextSpec(Pieces()).encode(["a", 3]), "int in row 2"),
        (lambda: TextSpec(str.split, vocabulary=("a",), unk=0).encode(["a", "a a"]), "say pad="),
        (lambda: TextSpec(Pieces()).check(torch.zeros(2, 3)), "spec.encode"),
        (lambda: TextSpec(Pieces()).check(torch.zeros(3, dtype=torch.int64)), r"x\[None\]"),
        (lambda: TextSpec(Pieces()).check(torch.full((1, 3), 11)), "0 to 10, got 11 to 11"),
        (lambda: TextSpec(WordTokenizer.learn(TEXTS)).with_tokenizer(str.split), "its own"),
    ],
)
def test_mistakes_are_named(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_the_own_tokenizer_is_stored_whole(own, tmp_path):
    read = pellucid.load(pellucid.save(own, tmp_path / "spec.safetensors"))
    assert read == own
    assert torch.equal(read.encode(TEXTS), own.encode(TEXTS))


def test_a_foreign_tokenizer_is_stored_by_name_and_handed_over_again(pieces, tmp_path):
    read = pellucid.load(pellucid.save(pieces, tmp_path / "spec.safetensors"))
    x = pieces.encode("unwatchable film")
    assert (read.pad, read.mask, read.special) == (0, 4, (0, 2, 3))
    for ask in (lambda: read.encode("film"), lambda: read.groups(x), lambda: read.tokens(x)):
        with pytest.raises(InputError, match=r"'pieces' is not stored"):
            ask()
    with pytest.raises(InputError, match="another tokenizer"):
        read.with_tokenizer(str.split)
    again = read.with_tokenizer(Pieces())
    assert torch.equal(again.groups(x), pieces.groups(x))
    assert again == pieces


def test_a_tokenizer_and_a_network_of_hugging_face(tmp_path):
    """What is told of an encoder by its names is what is told by hand."""
    transformers = pytest.importorskip("transformers", reason="extra text")
    (tmp_path / "vocab.txt").write_text("\n".join(Pieces.VOCABULARY))
    tokenizer = transformers.BertTokenizer(str(tmp_path / "vocab.txt"))
    spec = TextSpec(tokenizer, ids_name="input_ids", mask_name="attention_mask")
    x = spec.encode(["unwatchable film", "finely strange"])
    assert torch.equal(x, TextSpec(Pieces()).encode(["unwatchable film", "finely strange"]))
    assert spec.groups(x).tolist() == [[-1, 0, 0, 0, 1, -1], [-1, 0, 0, 1, -1, -1]]

    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=11, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    model = transformers.BertForSequenceClassification(config).double()
    held = {"attention_mask": (x != 0).long()}
    outputs = predict(model, x, spec=spec)
    alone = predict(model, x[1:, :5], spec=spec)
    torch.testing.assert_close(outputs[1:], alone)
    for name in ("integrated_gradients", "occlusion", "kernel_shap", "saliency"):
        method = getattr(pellucid.attribution, name)
        why = method(model, x, 1, spec=spec)
        assert why.values.shape == x.shape
        named = method(model, pellucid.Batch({"input_ids": x}, held), 1, spec=spec)
        torch.testing.assert_close(named.values["input_ids"], why.values)
        short = method(model, x[1:, :5], 1, spec=spec)
        torch.testing.assert_close(short.values, why.values[1:, :5], rtol=1e-5, atol=1e-7)
        if name != "saliency":
            assert (why.values[spec.held(x)] == 0).all()
    assert (pellucid.attribution.integrated_gradients(model, x, 1, spec=spec).gap.abs() < 1e-2).all()

    data = Dataset(
        "two", x.repeat(4, 1), torch.tensor([0, 1] * 4), spec, ("a", "b"), torch.tensor([0, 0, 1, 1] * 2)
    )
    before = model.classifier.weight.detach().clone()
    subject = pellucid.train(data, network=model.float(), epochs=2, batch_size=4)
    assert not torch.equal(before.float(), model.classifier.weight)
    assert pellucid.explain(subject, x[:1], method="occlusion", cards=False).values.shape == (1, 6)
