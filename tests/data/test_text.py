"""Texts from tables and folders: what is read, how it is divided, and what is said about it."""

import gzip

import pytest
import torch

from pellucid import data
from pellucid.errors import InputError, LoadError
from pellucid.inputs import TextSpec, WordTokenizer

FINE = ["a fine film", "truly fine", "what a warm and fine story"]
DULL = ["a dull film", "truly dull", "what a cold and dull story"]


def rows(times=10):
    """Texts that all differ, in two classes."""
    return [(f"{text} {k}", label) for k in range(times) for text, label in
            [*((t, "good") for t in FINE), *((t, "bad") for t in DULL)]]  # fmt: skip


def written(path, body, head="review,label"):
    path.write_text("\n".join([head, *(",".join(line) for line in body)]), encoding="utf-8")
    return path


@pytest.fixture
def table(tmp_path):
    return written(tmp_path / "reviews.csv", rows())


def test_a_column_of_texts(table):
    found = data.texts(table, text="review", target="label")
    assert (found.classes, found.answer, found.name) == (("bad", "good"), "label", "reviews")
    assert found.inputs.dtype == torch.int64
    assert found.parts.bincount().tolist() == [42, 9, 9] or abs(int((found.parts == 0).sum()) - 42) <= 2
    assert isinstance(found.spec, TextSpec)
    assert found.spec.text(found.inputs[0]).startswith("a fine film")
    assert found.classes[int(found.answers[0])] == "good"
    assert any("Vocabulary" in note for note in found.notes)


def test_the_vocabulary_is_that_of_the_training_rows(table):
    found = data.texts(table, text="review", target="label")
    train = [found.spec.text(x) for x in found.inputs[found.parts == 0]]
    known = set(found.spec.tokenizer.vocabulary[2:])
    assert known <= {word for text in train for word in text.split()}


def test_packed_tables_and_other_separators(tmp_path, table):
    packed = tmp_path / "reviews.csv.gz"
    packed.write_bytes(gzip.compress(table.read_bytes()))
    other = tmp_path / "reviews.tsv"
    other.write_text(table.read_text().replace(",", "\t"))
    plain = data.texts(table, text="review", target="label").inputs
    assert torch.equal(data.texts(packed, text="review", target="label").inputs, plain)
    assert torch.equal(data.texts(other, text="review", target="label").inputs, plain)


def test_equal_texts_lie_in_one_part(tmp_path):
    body = rows() + [(text.upper().replace(" ", "  "), label) for text, label in rows()[:30]]
    found = data.texts(written(tmp_path / "twice.csv", body), text="review", target="label")
    assert "30 of 90 rows repeat a text; equal texts lie in the same part." in found.notes
    assert torch.equal(found.parts[:30], found.parts[60:])


def test_given_parts_are_kept_and_texts_of_the_test_are_not_learned(tmp_path):
    body = [(text, label, "train" if k % 6 else "test") for k, (text, label) in enumerate(rows())]
    body += [(*body[0][:2], "train"), (*body[6][:2], "dev")]
    path = written(tmp_path / "parts.csv", body, "review,label,part")
    found = data.texts(path, text="review", target="label", parts="part")
    assert (found.parts == 2).sum() == 10
    assert (found.parts == 1).sum() == 1
    assert len(found) == 61
    assert any(note.startswith("1 training rows were left out") for note in found.notes)
    with pytest.raises(InputError, match="expected one of train"):
        data.texts(written(path, [*body, ("x", "good", "mars")], "review,label,part"), text="review",
                   target="label", parts="part")  # fmt: skip


def test_long_texts_are_cut_and_counted(tmp_path):
    body = [(" ".join([text] * (30 if k == 7 else 1)), label) for k, (text, label) in enumerate(rows(40))]
    path = written(tmp_path / "long.csv", body)
    found = data.texts(path, text="review", target="label")
    assert found.inputs.shape[1] < 10
    assert any("tokens" in note for note in found.notes)
    assert data.texts(path, text="review", target="label", length=3).inputs.shape[1] == 3


def test_numbers_as_answers(tmp_path):
    body = [(text, str(len(text) + 0.5)) for text, _ in rows()]
    found = data.texts(written(tmp_path / "n.csv", body), text="review", target="label")
    assert found.task == "regression"


def test_a_tokenizer_of_the_users_own(table):
    words = WordTokenizer(("<pad>", "<unk>", "fine", "dull"))
    found = data.texts(table, text="review", target="label", tokenizer=words)
    assert int(found.inputs.max()) == 3
    spec = TextSpec(words, length=2)
    assert data.texts(table, text="review", target="label", tokenizer=spec).spec is spec


def test_a_folder_per_class(tmp_path):
    for k, (text, label) in enumerate(rows()):
        (tmp_path / label).mkdir(exist_ok=True)
        (tmp_path / label / f"{k}.txt").write_text(text)
    found = data.from_path(tmp_path)
    assert found.classes == ("bad", "good")
    assert len(found) == 60
    with pytest.raises(InputError, match="of tables"):
        data.texts(tmp_path, target="label")


def test_folders_of_parts(tmp_path):
    for k, (text, label) in enumerate(rows()):
        place = tmp_path / ("test" if k < 12 else "train") / label
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{k}.txt").write_text(text)
    (tmp_path / "more").mkdir()
    found = data.texts(tmp_path)
    assert (found.parts == 2).sum() == 12
    assert "Folder 'more' beside train and test was not read." in found.notes


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"text": "review"}, "which column holds the answer"),
        ({"target": "label"}, r"which column holds the text to read. Columns: review, label"),
        ({"text": "reviw", "target": "label"}, "mean review"),
        ({"text": "label", "target": "label"}, "both the text and the answer"),
    ],
)
def test_mistakes_are_named(table, given, words):
    with pytest.raises(InputError, match=words):
        data.texts(table, **given)


def test_a_table_of_nothing_but_texts_says_how_to_read_it(table):
    with pytest.raises(InputError, match=r"text='review'"):
        data.from_path(table, "label")
    assert data.from_path(table, "label", text="review").spec.axes == ("T",)
    with pytest.raises(LoadError, match="does not exist"):
        data.texts(table.parent / "nothing.csv", text="review", target="label")


def test_sms_spam(real_file):
    found = data.texts(real_file("sms_spam.csv"), text="text", target="label")
    assert len(found) == 5574
    assert found.classes == ("ham", "spam")
    assert any(note.startswith("415 of 5574 rows repeat a text") for note in found.notes)
