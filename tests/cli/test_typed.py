"""Refusals name options as they are typed, not the arguments that Python calls otherwise."""

import pytest
import typer

from pellucid.cli._app import app
from pellucid.cli._typed import as_typed, running


@pytest.mark.parametrize(
    ("arguments", "text", "typed"),
    [
        ("train x", 'say how: pattern="{label}_{take}".', 'say how: --pattern "{label}_{take}".'),
        ("train x", "say which column (target), and (text).", "say which column (--target), and (--text)."),
        ("train x", "no column 'a' for target. Did", "no column 'a' for --target. Did"),
        ("train x", "held_out: no sound has it.", "--held-out: no sound has it."),
        ("train x --rises a", "monotone names 'a', which", "--rises names 'a', which"),
        ("train x --falls=a", "monotone={'a': -1} is about", "--falls is about"),
        ("train x", "types={'a': 'number'} is about", "--type is about"),
        ("train x", "learning_rate must be above 0", "--learning-rate must be above 0"),
        ("report x", "Train one with network='rules'.", "Train one with --network 'rules'."),
        ("nearest x", "say which with site=.", "say which with --at."),
        ("explain x", "Raise budget=, or so.", "Raise budget= (in Python), or so."),
        ("explain x", "give data=(inputs, answers), or", "give --data, or"),
        ("explain x", "which column is to be learned (target)", "which column is to be learned (--answer)"),
        ("counterfactual x", "real inputs: pellucid.nearest.", "real inputs: pellucid nearest."),
        ("counterfactual x", "k=0 looks for no way", "--ways 0 looks for no way"),
        ("counterfactual x", "that matter with actionable=.", "that matter with --actionable."),
        ("explain x", "say how: pattern=\"{label}\".", "say how: --sound pattern=\"{label}\"."),
        ("bench truth davis", "seed=-1 is", "--seed -1 is"),
        # what stands already as it should
        ("train x", "(--out, in Python out=)", "(--out, in Python out=)"),
        ("train x", "--type text=category (types= in Python)", "--type text=category (types= in Python)"),
        ("train x", 'such as "speaker=theo"; got \'seed=3\'', 'such as "speaker=theo"; got \'seed=3\''),
        ("train x", "open(…, seed=3)", "open(…, seed=3)"),
        ("train x", "a.csv: 'target' is no column", "a.csv: 'target' is no column"),
        ("explain x", "got steps=0.", "got steps=0."),
    ],
)  # fmt: skip
def test_options_stand_for_arguments(arguments, text, typed):
    assert as_typed(text, typer.main.get_command(app), arguments.split()) == typed


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--target", "outcome", "--rises", "agee"], "--rises names 'agee'"),
        (["--target", "outcome", "--falls", "smoker"], "--falls names 'smoker', which holds categories"),
        (["--target", "outcome", "--skip"], "--skip is for pictures"),
        (["--target", "outcom"], "for --target. Did you mean outcome"),
        ([], "is to be learned (--target)"),
        (["--target", "outcome", "--pattern", "{label}"], "--target 'outcome' belongs to tables"),
        (["--rises", "age", "--front", "waveform"], "is read as sounds"),
    ],
)
def test_train_refuses_in_its_own_words(call, patients, tmp_path, given, words):
    code, _, err = call("train", patients, *given, "--out", tmp_path / "run")
    assert code == 2
    assert words in " ".join(err.split())


@pytest.mark.parametrize(
    ("command", "note", "shown"),
    [
        ("explain", "Try seed=3 or another batch_size=.", "Try --seed 3 or another --batch-size."),
        ("layers", "16 of 40 layers followed; sites= names others.",
         "16 of 40 layers followed; sites= (in Python) names others."),
        ("counterfactual", "No more with k=.", "No more with --ways."),
        ("explain", "seed: a column of that name", "seed: a column of that name"),
    ],
)  # fmt: skip
def test_notes_name_options_too(command, note, shown, capsys):
    from rich.console import Group
    from rich.text import Text

    from pellucid.cli._say import narrate, show

    narrate(note)
    assert capsys.readouterr().err.strip() == note  # where no command runs
    with running(lambda: typer.main.get_command(app), [command]):
        narrate(note)
        show(Group(Text(note, style="dim")))
    said = capsys.readouterr()
    assert said.err.strip() == shown
    assert " ".join(said.out.split()) == shown
    narrate(note)
    assert capsys.readouterr().err.strip() == note
