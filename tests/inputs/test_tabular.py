import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid._core import InputSpec
from pellucid.errors import InputError
from pellucid.inputs import MISSING, Column, TabularSpec

AGE = Column("age", "years", mean=40, std=10, low=18, high=90, integer=True, immutable=True)
RADIUS = Column("mean radius", "µm", mean=14.1, std=3.5, low=7.0, high=28.1, median=13.4, missing=True)
HOUSING = Column("housing", levels=("own", "rent", MISSING), shares=(0.5, 0.3, 0.2))


def spec(absence="mean", background=None):
    return TabularSpec((AGE, RADIUS, HOUSING), background, absence)


ROW = {"age": 50, "mean radius": 17.99, "housing": "rent"}


def test_layout():
    made = spec()
    assert isinstance(made, InputSpec)
    assert made.axes == ("D",)
    assert made.width == 6
    assert made.slots == ("age", "mean radius", "mean radius is missing", "housing = own", "housing = rent",
                          "housing = (missing)")  # fmt: skip
    assert made.column_of_slot == (0, 1, 1, 2, 2, 2)
    x = made.encode([ROW])
    assert made.groups(x).tolist() == [0, 1, 1, 2, 2, 2]
    assert made.group_names(x) == ("age", "mean radius", "housing")
    assert made.column("age").immutable
    with pytest.raises(InputError, match="Did you mean housing"):
        made.column("housin")


def test_encode_is_standardised_one_hot():
    x = spec().encode([ROW])
    assert x.dtype == torch.float32
    assert x[0].tolist() == pytest.approx([1.0, (17.99 - 14.1) / 3.5, 0, 0, 1, 0])


def test_decode_gives_back_what_was_read():
    made = spec()
    rows = [ROW, {"age": 18, "mean radius": None, "housing": MISSING}]
    assert made.decode(made.encode(rows)) == rows
    assert isinstance(made.decode(made.encode([ROW]))[0]["age"], int)


@pytest.mark.parametrize("gone", [None, math.nan, "", "  ", np.nan, MISSING])
def test_missing_number_takes_the_median_and_its_own_slot(gone):
    x = spec().encode([{**ROW, "mean radius": gone, "housing": gone}])[0]
    assert x[1] == pytest.approx((13.4 - 14.1) / 3.5)
    assert x[2:].tolist() == [1, 0, 0, 1]
    assert spec().describe(x)[1:] == [("mean radius", "missing"), ("housing", "missing")]


def test_human_words():
    x = spec().encode([ROW])
    assert spec().describe(x) == [("age", "50 years"), ("mean radius", "17.99 µm"), ("housing", "rent")]
    assert spec().text(x[0]) == "age = 50 years, mean radius = 17.99 µm, housing = rent"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (14.1, "14.1 mg"),
        (3.0, "3 mg"),
        (1234567.0, "1234567 mg"),
        (0.00012345678, "0.000123457 mg"),
        (None, "missing"),
    ],
)
def test_numbers_read_well(value, text):
    assert Column("x", "mg").text(value) == text


def test_text_of_a_number_without_unit_has_no_tail():
    assert Column("x").text(2.5) == "2.5"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"housing": "rentt"}, "'rentt' in row 1 is not a known level. Did you mean rent"),
        ({"mean radius": "wide"}, "expected a finite number in µm in row 1, got 'wide'"),
        ({"mean radius": math.inf}, "expected a finite number"),
        ({"age": None}, "missing in row 1, but never in training"),
        ({"age": [1]}, "expected a finite number"),
    ],
)
def test_encode_refuses_what_training_never_saw(change, text):
    with pytest.raises(InputError, match=text):
        spec().encode([{**ROW, **change}])


def test_encode_names_a_column_that_is_not_given():
    with pytest.raises(InputError, match=r"Row 2 gives no 'age'. Did you mean agee"):
        spec().encode([ROW, {"agee": 1, "mean radius": 1, "housing": "own"}])


def test_encode_takes_numbers_written_as_text_and_leaves_other_keys():
    made = spec()
    assert torch.equal(made.encode([{**ROW, "age": "50", "diagnosis": "x"}]), made.encode([ROW]))


def test_absent_mean_and_median():
    x = spec().encode([ROW, ROW])
    assert spec("mean").absent(x)[1].tolist() == pytest.approx([0, 0, 0, 0.5, 0.3, 0.2])
    assert spec("median").absent(x)[0].tolist() == pytest.approx([0, (13.4 - 14.1) / 3.5, 0, 1, 0, 0])


def test_absent_background_is_the_real_row_nearest_the_centre():
    rows = spec().encode([{**ROW, "age": age} for age in (20, 47, 90)])
    made = spec("background", rows)
    absent = made.absent(rows[:2])
    assert torch.equal(absent, rows[1].expand(2, -1))
    absent.zero_()
    assert float(rows[1].abs().sum()) > 0


@pytest.mark.parametrize("absence", ["mean", "median", "background"])
def test_absent_keeps_type_and_passes_its_own_check(absence):
    rows = spec().encode([ROW, {**ROW, "age": 70}]).double()
    made = spec(absence, rows)
    absent = made.absent(rows)
    assert (absent.dtype, absent.shape) == (rows.dtype, rows.shape)
    made.check(absent)


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (torch.zeros(6), r"x\[None\]"),
        (torch.zeros(2, 3), "raw columns"),
        (torch.zeros(2, 7), r"expected \[N, 6\] \(3 columns in 6 slots\), got \[2, 7\]"),
        (torch.zeros(2, 6, dtype=torch.int64), "floating rows"),
        (torch.zeros(0, 6), "at least one row"),
        (torch.tensor([[math.nan, 0, 0, 1, 0, 0]]), "NaN or infinity in row 0"),
        (torch.tensor([[0.0, 0, 0, 1, 1, 0]]), "add up to 1"),
        (torch.tensor([[0.0, 0, 0, 2, -1, 0]]), "add up to 1"),
        (
            torch.tensor([[500.0, 0, 0, 1, 0, 0]]),
            r"age: values decode to 5040..5040 years, training had 18..90",
        ),
    ],
)
def test_check_refuses_with_what_to_do(x, text):
    with pytest.raises(InputError, match=text):
        spec().check(x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_check_accepts_encoded_rows(dtype):
    spec().check(spec().encode([ROW]).to(dtype))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Column(""), "needs a name"),
        (lambda: Column("a", std=0.0), "std must be above 0"),
        (lambda: Column("a", levels=("x", "x")), "its own name"),
        (lambda: Column("a", levels="xy"), "several names"),
        (lambda: Column("a", mean="x"), "got 1.0 and 'x'"),
        (lambda: Column("a", levels=("x", "y"), shares=(1.0,)), "2 levels, but 1 shares"),
        (lambda: Column("a", levels=("x",), monotone=1), "belong to numbers"),
        (lambda: Column("a", monotone=2), "monotone must be"),
        (lambda: TabularSpec((AGE, AGE)), "age twice"),
        (lambda: TabularSpec(()), "got none"),
        (lambda: TabularSpec((AGE,), absence="meann"), "Did you mean mean"),
        (lambda: TabularSpec((AGE,), absence="background"), "needs background rows"),
        (lambda: TabularSpec((AGE,), torch.zeros(3, 2)), r"Background rows: expected \[N, 1\]"),
    ],
)
def test_refuses_contradictions(make, text):
    with pytest.raises(InputError, match=text):
        make()


def test_values_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        AGE.name = "x"
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec().absence = "median"


@st.composite
def number_columns(draw):
    """A column with moments from its own values, which have at most 6 digits, as measurements do."""
    digits = draw(st.integers(0, 4))
    whole = draw(st.lists(st.integers(-999_999, 999_999), min_size=2, max_size=30))
    values = [round(v / 10**digits, digits) for v in whole]
    std = float(np.std(values)) or 1.0
    return Column("x", mean=float(np.mean(values)), std=std, missing=True), values


@settings(max_examples=200, deadline=None)
@given(number_columns(), st.data())
def test_numbers_round_trip_exactly(made, data):
    column, values = made
    holes = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    raw = [None if hole else value for hole, value in zip(holes, values, strict=True)]
    rows = [{"x": value} for value in raw]
    table = TabularSpec((column,))
    assert table.decode(table.encode(rows)) == rows


@settings(max_examples=100, deadline=None)
@given(st.floats(-1e6, 1e6, width=32), st.floats(1e-3, 1e4), st.floats(-1e4, 1e4))
def test_decoded_numbers_encode_to_the_same_slot(slot, std, mean):
    table = TabularSpec((Column("x", mean=mean, std=std),))
    x = torch.tensor([[slot]])
    # a number near a large mean is itself stored to 16 digits only
    room = 1e-14 * abs(mean) / std
    torch.testing.assert_close(table.encode(table.decode(x)), x, rtol=0, atol=room)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.text(min_size=1).filter(lambda t: t.strip()), min_size=1, max_size=8, unique=True), st.data()
)
def test_levels_round_trip_exactly(levels, data):
    table = TabularSpec((Column("x", levels=tuple(levels)),))
    rows = [{"x": level} for level in data.draw(st.lists(st.sampled_from(levels), min_size=1, max_size=10))]
    assert table.decode(table.encode(rows)) == rows


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=30))
def test_whole_numbers_come_back_whole(values):
    column = Column("x", mean=float(np.mean(values)), std=float(np.std(values)) or 1.0, integer=True)
    table = TabularSpec((column,))
    assert table.decode(table.encode([{"x": v} for v in values])) == [{"x": v} for v in values]


def test_columns_are_columns():
    assert TabularSpec(Column("age")).columns == (Column("age"),)
    with pytest.raises(InputError, match=r"such as Column\('age'\), got 'weight'"):
        TabularSpec(("weight",))
