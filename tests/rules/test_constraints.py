"""The schema of what may change: read, made whole for a table, and refused where it contradicts itself."""

import pytest

from pellucid.errors import InputError, LoadError
from pellucid.inputs import Column, TabularSpec
from pellucid.rules import Constraints, Limit, Link, constraints_from

SPEC = TabularSpec(
    (
        Column("age", low=18, high=90, integer=True),
        Column("sex", levels=("f", "m"), immutable=True),
        Column("education", levels=("school", "college", "doctorate")),
        Column("income", "k€", low=0, high=200),
    )
)


def test_what_the_data_call_immutable_stays_so():
    whole = Constraints((Limit("age", direction=1),)).of(SPEC)
    assert [limit.immutable for limit in whole.limits] == [False, True, False, False]
    assert whole.words() == ("sex cannot change", "age can only rise")


def test_only_actionable_columns_are_free():
    whole = Constraints(actionable=("income",)).of(SPEC)
    assert [limit.column for limit in whole.limits if not limit.immutable] == ["income"]


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: Limit("age", immutable=True, direction=1), "immutable and also told"),
        (lambda: Limit("age", low=5, high=3), "no value is between"),
        (lambda: Limit("age", step=0), "step must be above 0"),
        (lambda: Link("age", "age"), "two columns"),
        (lambda: Constraints((Limit("age"), Limit("age"))), "twice"),
        (lambda: Constraints((Limit("agee"),)).of(SPEC), "Did you mean age"),
        (lambda: Constraints(actionable=("sex",)).of(SPEC), "cannot be actionable"),
        (lambda: Constraints((Limit("age", immutable=True),), actionable=("age",)).of(SPEC), "both"),
        (lambda: Constraints(actionable=()).of(SPEC), "nothing can be advised"),
        (lambda: Constraints((Limit("education", levels=("shcool",)),)).of(SPEC), "Did you mean school"),
        (lambda: Constraints((Limit("education", low=1),)).of(SPEC), "it is a category"),
        (lambda: Constraints((Limit("age", levels=("18",)),)).of(SPEC), "it is a number"),
        (lambda: Constraints(links=(Link("education", "sex"),)).of(SPEC), "contradict each other"),
        (
            lambda: Constraints((Limit("age", direction=-1),), (Link("education", "age", direction=1),)).of(
                SPEC
            ),
            "contradict each other",
        ),
        (lambda: Constraints(links=(Link("education", "age"),), most=1).of(SPEC), "at most one column"),
        (lambda: Constraints(links=(Link("age", "education", least=2),)).of(SPEC), "least is for numbers"),
    ],
)
def test_contradictions_are_refused(made, says):
    with pytest.raises(InputError, match=says):
        made()


def test_a_file_says_the_same(tmp_path):
    file = tmp_path / "may.toml"
    file.write_text(
        'actionable = ["age", "education", "income"]\nmost = 2\n[column.age]\ndirection = "up"\nstep = 1\n'
        '[[link]]\nif = "education"\nthen = "age"\ndirection = "up"\nleast = 2\n'
    )
    assert constraints_from(file) == Constraints(
        (Limit("age", direction=1, step=1),),
        (Link("education", "age", 1, 2),),
        ("age", "education", "income"),
        2,
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('imutable = ["sex"]', "Did you mean immutable"),
        ("[column.age]\ndirection = 'sideways'", "'up' or 'down'"),
        ("[column.age]\nlow = 'ten'", "takes a number"),
        ("immutable = 'sex'", "a list of texts"),
        ("immutable = ['age']\n[column.age]\ndirection = 'up'", "immutable and also told"),
        ("[[link]]\nif = 'age'", "needs if and then"),
        ("most = true", "whole number"),
    ],
)
def test_a_file_with_mistakes_says_where(tmp_path, text, says):
    file = tmp_path / "may.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=says):
        constraints_from(file)


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(LoadError, match="does not exist"):
        constraints_from(tmp_path / "no.toml")
    (tmp_path / "bad.toml").write_text("= 3")
    with pytest.raises(LoadError, match="no TOML"):
        constraints_from(tmp_path / "bad.toml")
