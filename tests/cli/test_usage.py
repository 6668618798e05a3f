"""What is typed wrongly is answered in one sentence that says what may have been meant."""

import pytest

from pellucid.cli._given import GivenData


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("explan run", "There is no command 'explan'. Did you mean explain?"),
        ("bench trut", "There is no command 'trut'. Did you mean truth? Try: pellucid bench --help"),
        ("explain run --metod saliency", "explain has no option --metod. Did you mean --method?"),
        ("--versoin", "pellucid has no option --versoin. Did you mean --version?"),
        ("rules run --kind treee", "--kind has no choice 'treee'. Did you mean tree?"),
        ("rules run --kind x", "There are: tree, optimal, list, clauses, layers."),
        ("rules run --leaves five", "--leaves takes a whole number, got 'five'."),
        ("rules run --fidelity=high", "--fidelity takes a number, got 'high'."),
        ("rules run --leaves", "'--leaves' requires an argument."),
        ("explain", "MODEL is missing: A run folder, a .pt2"),
        ("concepts run sets", "--target is missing: Class that is asked about"),
        ("explain run more", "explain has no place for 'more'. Try: pellucid explain --help"),
    ],
)
def test_what_may_have_been_meant(call, typed, words):
    code, out, err = call(*typed.split())
    assert (code, out) == (2, "")
    assert err.startswith("pellucid: ")
    assert err.count("\n") == 1
    assert words in err


def test_an_interruption_is_told(call, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(GivenData, "subject", stopped)
    assert call("layers", "run") == (130, "", "pellucid: interrupted; what was finished before is kept.\n")
