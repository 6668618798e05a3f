import gzip
import sys

import numpy as np
import pytest
import torch

import pellucid
from pellucid import data
from pellucid._core import load, save
from pellucid.errors import InputError, LoadError
from pellucid.inputs import MISSING, TabularSpec

ROWS = [
    ("30.5", "own", "yes"),
    ("12", "rent", "no"),
    ("?", "rent", "no"),
    ("41", "", "yes"),
    ("18", "own", "no"),
]


def text(rows, names=("income", "home", "paid"), separator=","):
    return "\n".join(separator.join(row) for row in (names, *rows)) + "\n"


@pytest.fixture
def loans(written):
    return written(text(ROWS * 12))


def notes_of(made, word):
    found = [note for note in made.notes if word in note]
    assert found, f"no note says {word!r}: {made.notes}"
    return found[0]


def test_reads_types_classes_and_says_so(loans):
    made = data.table(loans, "paid", units={"income": "k€"}, immutable=["home"], monotone={"income": 1})
    assert made.classes == ("no", "yes")
    assert made.answer == "paid"
    assert made.answers.tolist()[:5] == [1, 0, 0, 1, 0]
    assert made.source == str(loans)
    assert made.spec.slots == ("income", "income is missing", "home = own", "home = rent", "home = (missing)")
    income, home = made.spec.columns
    assert (income.unit, income.monotone, home.immutable) == ("k€", 1, True)
    assert notes_of(made, "Read as numbers") == "Read as numbers: income."
    assert notes_of(made, "Read as categories") == "Read as categories: home (2 levels)."
    assert "income 12, home 12" in notes_of(made, "Missing values")


def test_encoded_rows_decode_to_what_stands_in_the_file(loans):
    made = data.table(loans, "paid")
    made.spec.check(made.inputs)
    assert made.spec.decode(made.inputs[:5]) == [
        {"income": 30.5, "home": "own"},
        {"income": 12.0, "home": "rent"},
        {"income": None, "home": "rent"},
        {"income": 41.0, "home": MISSING},
        {"income": 18.0, "home": "own"},
    ]


def test_moments_come_from_training_rows_only(written):
    values = np.random.default_rng(0).normal(50, 9, 200).round(2)
    made = data.table(written(text([(str(v), "ab"[k % 2]) for k, v in enumerate(values)], ("x", "y"))), "y")
    train = values[(made.parts == 0).numpy()]
    (column,) = made.spec.columns
    assert column.mean == pytest.approx(train.mean(), abs=1e-12)
    assert column.std == pytest.approx(train.std(), abs=1e-12)
    assert (column.low, column.high, column.median) == (train.min(), train.max(), np.median(train))
    assert column.mean != pytest.approx(values.mean(), abs=1e-6)
    assert made.inputs[made.parts == 0].mean().item() == pytest.approx(0, abs=1e-6)
    assert made.spec.background.shape == (128, 1)
    background = {v.item() for v in made.spec.background}
    assert background <= {v.item() for v in made.part("train").inputs}


def test_shares_come_from_training_rows_only(loans):
    made = data.table(loans, "paid")
    home = made.spec.column("home")
    train = made.part("train").inputs[:, 2:].mean(0)
    assert home.shares == pytest.approx(train.tolist())


def test_missing_number_is_imputed_with_the_training_median(loans):
    made = data.table(loans, "paid")
    income = made.spec.column("income")
    gone = made.inputs[2]
    assert gone[1] == 1
    assert gone[0].item() == pytest.approx((income.median - income.mean) / income.std)


@pytest.mark.parametrize("marker", ["", "NA", "n/a", "?", "nan", "NULL", "#N/A", " NaN "])
def test_every_usual_marker_is_missing(written, marker):
    made = data.table(
        written(text([("1.5", "a"), (marker, "b"), ("2", "a"), ("3", "b")] * 9, ("x", "y"))), "y"
    )
    assert made.spec.slots == ("x", "x is missing")


def test_none_is_a_word_like_any_other(written):
    made = data.table(written(text([("none", "a"), ("car", "b"), ("none", "b")] * 9, ("x", "y"))), "y")
    assert made.spec.columns[0].levels == ("car", "none")


def test_own_markers(written):
    path = written(text([("-9", "a"), ("4", "b"), ("5", "a")] * 9, ("x", "y")))
    assert data.table(path, "y").spec.width == 1
    assert "x 9" in notes_of(data.table(path, "y", missing=("-9",)), "Missing values")
    with pytest.raises(InputError, match="missing takes several"):
        data.table(path, "y", missing="-9")


def test_rows_without_answer_are_left_out_and_counted(written):
    made = data.table(written(text([("1", "a"), ("2", "b"), ("3", ""), ("4.5", "a")] * 9, ("x", "y"))), "y")
    assert len(made) == 27
    assert notes_of(made, "left out") == "9 of 36 rows have no value in 'y' and were left out."


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (["0", "1"] * 20, "classification", ("0", "1")),
        (["2", "10", "1"] * 20, "classification", ("1", "2", "10")),
        (["0.0", "1.0"] * 20, "classification", ("0", "1")),
        ([str(k) for k in range(40)], "regression", ()),
        ([f"{k}.5" for k in range(20)] * 2, "regression", ()),
        (["b", "a"] * 20, "classification", ("a", "b")),
    ],
)
def test_task_is_inferred_from_the_target(written, values, task, classes):
    rows = [(f"{k * 7 % 11}.5", v) for k, v in enumerate(values)]
    made = data.table(written(text(rows, ("x", "y"))), "y")
    assert (made.task, made.classes) == (task, classes)


def test_task_can_be_said(written):
    path = written(text([(f"{k % 7}.5", str(k % 2)) for k in range(40)], ("x", "y")))
    made = data.table(path, "y", task="regression", units={"y": "mm"})
    assert (made.task, made.unit, made.answers.dtype) == ("regression", "mm", torch.float32)
    assert made.answers.tolist()[:3] == [0, 1, 0]
    with pytest.raises(InputError, match="Did you mean regression"):
        data.table(path, "y", task="regresion")


def test_types_can_be_said(written):
    path = written(text([(str(1000 + k % 4), f"{k}.5", "ab"[k % 2]) for k in range(40)], ("zip", "x", "y")))
    assert data.table(path, "y").spec.slots == ("zip", "x")
    made = data.table(path, "y", types={"zip": "category", "x": "ignore"})
    assert made.spec.slots == ("zip = 1000", "zip = 1001", "zip = 1002", "zip = 1003")
    assert "as asked" in notes_of(made, "'x'")


def test_levels_can_be_ordered(loans):
    assert data.table(loans, "paid", levels={"home": ["rent", "own"]}).spec.columns[1].levels == (
        "rent",
        "own",
        MISSING,
    )
    with pytest.raises(InputError, match="levels= lists no"):
        data.table(loans, "paid", levels={"home": ["rent"]})


def test_classes_can_be_ordered(loans, written):
    made = data.table(loans, "paid", levels={"paid": ["yes", "no"]})
    assert (made.classes, made.answers.tolist()[:3]) == (("yes", "no"), [0, 1, 1])
    numbers = data.table(
        written(text([("1.5", "0"), ("2", "1")] * 9, ("x", "y")), "n.csv"), "y", levels={"y": ["1", "0"]}
    )
    assert (numbers.classes, numbers.answers.tolist()[:2]) == (("1", "0"), [1, 0])
    with pytest.raises(InputError, match=r"no row has the class 'ye'\. Did you mean yes"):
        data.table(loans, "paid", levels={"paid": ["ye", "no"]})
    with pytest.raises(InputError, match="levels= lists no 'no'"):
        data.table(loans, "paid", levels={"paid": ["yes"]})


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ([str(k + 1) for k in range(40)], "row number or key"),
        ([f"person {k}" for k in range(40)], "names or free text"),
        (["7"] * 40, "'7' in every row"),
        ([""] * 40, "holds no value"),
    ],
)
def test_columns_that_teach_nothing_are_left_out_by_name(written, column, kind):
    rows = [(c, f"{k % 9}.5", "ab"[k % 2]) for k, c in enumerate(column)]
    made = data.table(written(text(rows, ("thing", "x", "y"))), "y")
    assert made.spec.slots == ("x",)
    assert kind in notes_of(made, "Column 'thing' was left out")


def test_a_key_is_known_by_its_name_and_can_be_kept(written):
    rows = [(str(k * k + 3), f"{k % 9}.5", "ab"[k % 2]) for k in range(12)]
    path = written(text(rows, ("patient_id", "x", "y")))
    assert data.table(path, "y").spec.slots == ("x",)
    assert data.table(path, "y", types={"patient_id": "number"}).spec.slots == ("patient_id", "x")


@pytest.mark.parametrize("name", ["malic acid", "paid", "humid", "grid"])
def test_measures_whose_names_end_like_keys_stay(written, name):
    rows = [(str(k * k + 3), "ab"[k % 2]) for k in range(12)]
    assert data.table(written(text(rows, (name, "y"))), "y").spec.slots == (name,)


def test_leading_zeros_are_codes(written):
    made = data.table(written(text([("007", "a"), ("012", "b"), ("007", "b")] * 9, ("x", "y"))), "y")
    assert made.spec.columns[0].levels == ("007", "012")
    assert "is a code" in notes_of(made, "categories") or "codes" in notes_of(made, "categories")


def test_a_level_seen_once_goes_to_training(written):
    rows = [("ab"[k % 2], f"{k % 9}.5", "uv"[k % 2]) for k in range(60)]
    for rare in range(60):
        changed = [("rare", *row[1:]) if k == rare else row for k, row in enumerate(rows)]
        made = data.table(written(text(changed, ("c", "x", "y"))), "y")
        assert made.parts[rare] == 0
        assert made.spec.columns[0].levels == ("a", "b", "rare")


def test_moved_rows_are_noted(written):
    rows = [("ab"[k % 2], f"{k % 9}.5", "uv"[k % 2]) for k in range(60)]
    held = int((data.table(written(text(rows, ("c", "x", "y"))), "y").parts == 2).nonzero()[0])
    rows[held] = ("rare", *rows[held][1:])
    made = data.table(written(text(rows, ("c", "x", "y"))), "y")
    assert notes_of(made, "moved") == "1 rows were moved to training, which lacked their level (c = rare)."


def test_parts_can_be_given(written):
    rows = [(f"{k % 9}.5", "ab"[k % 2], ("train", "train", "Test")[k % 3]) for k in range(90)]
    made = data.table(written(text(rows, ("x", "y", "split"))), "y", parts="split")
    assert made.spec.slots == ("x",)
    assert set((made.parts == 2).nonzero().flatten().tolist()) == set(range(2, 90, 3))
    assert int((made.parts == 1).sum()) == 8  # 15 % of the 30 training rows of each class


def test_given_parts_leave_out_rows_with_unknown_levels(written):
    rows = [("ab"[k % 2], "uv"[k % 2], "test" if k > 40 else "train") for k in range(60)]
    rows[50] = ("new", "u", "test")
    made = data.table(written(text(rows, ("c", "y", "split"))), "y", parts="split")
    assert len(made) == 59
    assert "c = new" in notes_of(made, "left out")
    made.spec.check(made.inputs)


def test_parts_that_are_no_parts(written):
    path = written(text([("1.5", "a", "x"), ("2", "b", "train")] * 9, ("x", "y", "split")))
    with pytest.raises(InputError, match="row 1 says 'x'; expected one of train, validation, test"):
        data.table(path, "y", parts="split")
    with pytest.raises(InputError, match=r"no column 'spli' for parts\. Did you mean split"):
        data.table(path, "y", parts="spli")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_separators_marks_and_packing(written, separator, packed, bom, newline):
    content = bom + text(ROWS * 9, separator=separator).replace("\n", newline).encode()
    path = written(gzip.compress(content) if packed else content, "t.csv.gz" if packed else "t.csv")
    made = data.table(path, "paid")
    assert [c.name for c in made.spec.columns] == ["income", "home"]
    assert made.spec.decode(made.inputs[:1]) == [{"income": 30.5, "home": "own"}]
    assert (separator == ",") == (not any("separated" in note for note in made.notes))


def test_quotes_keep_separators_and_lines_together(written):
    row = '"Rome, Italy","two\nlines ""quoted""",{}\n'
    path = written(
        '"city","note","y"\n'
        + "".join(row.format("ab"[k % 2]) + f"Oslo,short,{'ba'[k % 2]}\n" for k in range(9))
    )
    made = data.table(path, "y")
    assert made.spec.columns[0].levels == ("Oslo", "Rome, Italy")
    assert made.spec.columns[1].levels == ("short", 'two\nlines "quoted"')


def test_decimal_commas(written):
    path = written("x;y\n" + "1,5;a\n2,25;b\n3;a\n" * 9)
    assert data.table(path, "y").spec.decode(data.table(path, "y").inputs[:3]) == [
        {"x": 1.5},
        {"x": 2.25},
        {"x": 3.0},
    ]


def test_encodings(written):
    path = written("stadt,y\nKöln,a\nBonn,b\n".encode("cp1252") + "Köln,b\nBonn,a\n".encode("cp1252") * 9)
    made = data.table(path, "y")
    assert made.spec.columns[0].levels == ("Bonn", "Köln")
    assert "read as Windows text (cp1252), so that line 2 has 'Köln" in made.notes[0]
    with pytest.raises(InputError, match=r"line 2: not utf-8 text. Save it as UTF-8"):
        data.table(path, "y", encoding="utf-8")
    assert data.table(path, "y", encoding="cp1252").spec.columns[0].levels == ("Bonn", "Köln")
    with pytest.raises(InputError, match="No text encoding is called"):
        data.table(path, "y", encoding="klingon")
    wide = written(("x,y\n" + "1.5,a\n2,b\n" * 9).encode("utf-16"), "wide.csv")
    assert len(data.table(wide, "y")) == 18


BAD = [
    ("income,home,paid\n", r"names \(income, home, paid\) but no rows"),
    ("", "is empty; expected a line of names"),
    ("\n\n", "is empty; expected a line of names"),
    (text([("1", "own", "yes"), ("2", "own", "yes")] * 9), "every row has the same answer, 'yes'"),
    (text([("1", "own", ""), ("2", "own", "")] * 9), "'paid' holds no value"),
    (text([("1", "own", "5"), ("2", "own", "5")] * 9), "every row has the same answer, '5'"),
    (
        text([(f"{k}.5", "own", "no") for k in range(9)] + [("abc", "own", "yes")]),
        r"1 of 10 values are no numbers: 'abc' \(row 10\)",
    ),
    (text(ROWS, ("income", "income", "paid")), "columns 1 and 2 are both called 'income'"),
    (text([*ROWS, ("1", "own")]), r"line 7: 2 fields, but 3 names"),
    (text([*ROWS, ('"1', "own", "no")]), "quote that is not closed"),
    (text(ROWS * 3, ("1", "2.5", "3")), "first line holds numbers"),
    (b"PK\x03\x04\0\0\0\0", "binary data"),
    (text([("1", "x", f"name {k}") for k in range(40)]), "are no classes"),
    (text([("7", "own", "ab"[k % 2]) for k in range(40)]), "nothing is left to learn 'paid' from"),
]


@pytest.mark.parametrize(("content", "message"), BAD, ids=[message[:25] for _, message in BAD])
def test_bad_tables_end_in_one_clear_sentence(written, content, message):
    with pytest.raises(InputError, match=message):
        data.table(written(content), "paid")


def test_text_among_numbers_can_be_resolved_both_ways(written):
    rows = [(f"{k}.5", "uv"[k % 2]) for k in range(30)] + [("abc", "u")]
    path = written(text(rows, ("x", "y")))
    with pytest.raises(
        InputError, match=r"--missing abc, in Python missing=\), or .* as text \(--type x=category"
    ):
        data.table(path, "y")
    assert data.table(path, "y", missing=("abc",)).spec.slots == ("x", "x is missing")
    assert data.table(path, "y", types={"x": "category"}).spec.width > 20
    with pytest.raises(InputError, match="are no numbers"):
        data.table(path, "y", types={"x": "number"})


def test_missing_target_lists_near_misses(loans):
    with pytest.raises(InputError, match=r"no column 'payd' for target\. Did you mean paid"):
        data.table(loans, "payd")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"types": {"incom": "number"}}, "types names 'incom'.*Did you mean income"),
        ({"types": {"income": "numbr"}}, "cannot be 'numbr'. Did you mean number"),
        ({"units": {"incom": "€"}}, "units names 'incom'.*Did you mean income"),
        ({"immutable": ["hom"]}, "immutable names 'hom'"),
        ({"monotone": {"hom": 1}}, "monotone names 'hom'"),
        ({"monotone": {"home": 1}}, "'home', which holds categories; .* There are: income"),
        ({"monotone": {"income": 1}, "types": {"income": "ignore"}}, "'income', which is not learned from"),
        ({"absence": "meen"}, "Did you mean mean"),
        ({"monotone": {"income": 5}}, "monotone must be"),
    ],
)
def test_names_that_no_column_has(loans, given, message):
    with pytest.raises(InputError, match=message):
        data.table(loans, "paid", **given)


def test_regression_needs_numbers(loans):
    with pytest.raises(InputError, match="regression needs numbers, got 'yes', 'no'"):
        data.table(loans, "paid", task="regression")


def test_paths_that_are_not_there(loans, tmp_path):
    with pytest.raises(LoadError, match=r"tabel.csv does not exist .* Did you mean table.csv"):
        data.table(tmp_path / "tabel.csv", "paid")
    with pytest.raises(LoadError, match="nor does its folder"):
        data.table(tmp_path / "nowhere" / "table.csv", "paid")
    with pytest.raises(LoadError, match="is a folder"):
        data.table(tmp_path, "paid")


def test_damaged_gzip(written):
    path = written(gzip.compress(text(ROWS * 50).encode())[:-20], "t.csv.gz")
    with pytest.raises(LoadError, match="damaged gzip"):
        data.table(path, "paid")


def test_absence_background(loans):
    made = data.table(loans, "paid", absence="background")
    row = made.spec.absent(made.inputs[:1])
    assert any(torch.equal(row[0], other) for other in made.part("train").inputs)


def test_the_same_seed_gives_the_same_data(loans):
    one, two, other = (data.table(loans, "paid", seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.parts, two.parts)
    assert torch.equal(one.inputs, two.inputs)
    assert torch.equal(one.spec.background, two.spec.background)
    assert not torch.equal(one.parts, other.parts)


def test_a_table_survives_the_store(loans, tmp_path):
    made = data.table(loans, "paid", units={"income": "k€"}, monotone={"income": 1})
    back = load(save(made, tmp_path / "made.safetensors"))
    assert back.spec.columns == made.spec.columns
    assert isinstance(back.spec, TabularSpec)
    assert torch.equal(back.inputs, made.inputs)
    assert back.notes == made.notes
    assert back.spec.text(back.inputs[0]) == made.spec.text(made.inputs[0])


def frames():
    columns = {
        "x": [1.5, None, 3.0, 4.5] * 9,
        "whole": [1, 2, 3, 7] * 9,
        "flag": [True, False, True, True] * 9,
        "word": ["a", "b", None, "a"] * 9,
        "y": ["u", "v", "u", "v"] * 9,
    }
    pandas, pyarrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    return {"pandas": pandas.DataFrame(columns), "pyarrow": pyarrow.table(columns)}


@pytest.mark.parametrize("library", ["pandas", "pyarrow"])
def test_frames_of_any_library(library):
    made = data.frame(frames()[library], "y", name="mine")
    assert made.name == "mine"
    assert made.spec.slots == (
        "x",
        "x is missing",
        "whole",
        "flag = false",
        "flag = true",
        "word = a",
        "word = b",
        "word = (missing)",
    )
    assert made.spec.decode(made.inputs[1:2]) == [{"x": None, "whole": 2, "flag": "false", "word": "b"}]


def test_frames_are_not_changed():
    frame = frames()["pandas"]
    before = frame.copy()
    data.frame(frame, "y")
    assert frame.equals(before)


def test_pandas_categories_and_dates():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "c": pandas.Categorical(["x", None, "z"] * 9),
            "day": pandas.date_range("2020-01-01", periods=27),
            "y": [0, 1, 1] * 9,
        }
    )
    made = data.frame(frame, "y")
    assert made.spec.columns[0].levels == ("x", "z", MISSING)
    assert "dates such as '2020-01-01" in notes_of(made, "'day' was left out")


def test_frames_that_are_none():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(InputError, match=r"Expected a DataFrame .* got list"):
        data.frame([1, 2], "y")
    with pytest.raises(InputError, match="own name"):
        data.frame(pandas.DataFrame([[1, 2]], columns=["a", "a"]), "a")
    with pytest.raises(InputError, match="no rows"):
        data.frame(pandas.DataFrame({"a": [], "y": []}), "y")


def test_parquet_reads_as_the_frame_does(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    table = frames()["pyarrow"]
    pq.write_table(table, tmp_path / "t.parquet")
    made = data.table(tmp_path / "t.parquet", "y")
    assert torch.equal(made.inputs, data.frame(table, "y").inputs)
    assert made.name == "t"


def test_damaged_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "t.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        data.table(tmp_path / "t.parquet", "y")


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(LoadError, match=r"pip install 'pellucid\[parquet\]'"):
        data.table(tmp_path / "t.parquet", "y")


# real files


def test_german_credit_file(real_file):
    made = data.table(real_file("german_credit.csv"), "creditability")
    assert (len(made), len(made.spec.columns), made.spec.width) == (1000, 20, 61)
    assert made.answers.bincount().tolist() == [300, 700]
    assert "none" in made.spec.column("telephone").levels
    assert not any("Missing" in note for note in made.notes)


def test_heart_cleveland_file(real_file):
    made = data.table(real_file("heart_cleveland.csv"), "diameter narrowing", units={"age": "years"})
    assert len(made) == 303
    assert "major vessels colored 4, thal 2" in notes_of(made, "Missing values")
    assert made.spec.describe(made.inputs[0])[:2] == [("age", "63 years"), ("gender", "male")]


def test_pima_file(real_file):
    made = data.table(real_file("pima_diabetes.csv"), "diabetes")
    assert made.classes == ("0", "1")
    assert made.inputs.shape == (768, 8)


def test_heloc_file_with_its_codes(real_file):
    made = data.table(real_file("heloc.csv"), "RiskPerformance", missing=("-7", "-8", "-9"))
    assert made.inputs.shape == (10459, 46)
    assert "ExternalRiskEstimate 598" in notes_of(made, "Missing values")
    assert made.spec.column("ExternalRiskEstimate").low > 0


def test_adult_file_packed_with_its_own_split(real_file):
    made = data.table(real_file("adult.csv.gz"), "income", parts="split")
    assert made.parts.bincount().tolist() == [27677, 4884, 16281]
    assert "workclass 2799" in notes_of(made, "Missing values")
    assert made.spec.column("native-country").levels[-1] == MISSING
    row = made.spec.decode(made.inputs[:1])[0]
    assert (row["age"], row["education"], row["capital-gain"]) == (39, "Bachelors", 2174)
    made.spec.check(made.inputs)


def test_free_text_is_left_to_others(real_file):
    with pytest.raises(InputError, match="look like names or free text"):
        data.table(real_file("sms_spam.csv"), "label")


@pytest.mark.parametrize("day", ["2021-03-{:02d}", "{}/3/2021", "{}.03.21", "2021-03-{:02d} 00:00:00"])
def test_dates_are_no_categories(written, day):
    rows = [(day.format(1 + k % 20), str(k % 7 + 0.5), "ab"[k % 2]) for k in range(60)]
    made = data.table(written(text(rows, ("seen on", "x", "y"))), "y")
    assert [column.name for column in made.spec.columns] == ["x"]
    told = next(note for note in made.notes if "left out" in note)
    assert "Column 'seen on' was left out: dates such as" in told
    assert "--type 'seen on=category'" in told
    asked = data.table(written(text(rows, ("seen on", "x", "y"))), "y", types={"seen on": "category"})
    assert len(asked.spec.columns) == 2


def test_spellings_that_differ_by_capitals_are_told(written):
    rows = [(("m", "M", "f")[k % 3], str(k % 7 + 0.5), ("yes", "Yes ", "no")[k % 3]) for k in range(60)]
    notes = data.table(written(text(rows, ("sex", "x", "y"))), "y").notes
    assert any("y: these classes differ by capitals or spaces only: 'Yes', 'yes'." in note for note in notes)
    assert any("sex: these levels differ by capitals or spaces only: 'M', 'm'." in note for note in notes)


def test_of_thousands_of_columns_a_note_names_the_first(tmp_path):
    names = [f"g{k}" for k in range(1500)]
    rows = [",".join([*(f"{(k * i) % 7 + i / 9:.2f}" for k in range(1500)), "ab"[i % 2]]) for i in range(24)]
    path = tmp_path / "wide.csv"
    path.write_text("\n".join([",".join([*names, "y"]), *rows]))
    (note,) = [note for note in data.table(path, "y").notes if note.startswith("Read as numbers")]
    assert note.endswith("g11 and 1,488 more.")


@pytest.mark.parametrize("library", ["pandas", "pyarrow"])
def test_a_dataframe_is_trained_on_as_its_file_is(written, library):
    file = written("x,y\n" + "1.5,a\n2,b\n" * 30)
    if library == "pandas":
        rows = pytest.importorskip("pandas").read_csv(file)
    else:
        rows = pytest.importorskip("pyarrow.csv").read_csv(file)
    trained = pellucid.train(rows, answer="y", epochs=1)
    same = pellucid.train(file, answer="y", epochs=1)
    assert torch.equal(trained.data.inputs, same.data.inputs)
    assert trained.classes == same.classes
    for asked, words in (
        ({}, "answer='NAME'"),
        ({"answer": "z"}, "z"),
        ({"text": "x"}, "Write the DataFrame"),
    ):
        with pytest.raises(InputError, match=words):
            pellucid.train(rows, **asked)
    with pytest.raises(InputError, match=r"pellucid\.data\.frame\(data, 'answer'\)"):
        pellucid.open(trained.model, data=rows)
    with pytest.raises(InputError, match=r"got tuple\. Arrays: pellucid\.data\.arrays"):
        pellucid.train((trained.data.inputs, trained.data.answers))
