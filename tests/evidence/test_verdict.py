from pellucid._core import Check
from pellucid.evidence._about import ABOUT, CLASSED, OWN_CLASS, TRAINED
from pellucid.evidence._matters import BEATS, COPYLESS, HOLDS, MATTERS, SINGLE
from pellucid.evidence._verdict import verdict


def check(question, word="passed", value=0.8, *, p=None, test="", control=0.1, note=""):
    return Check(question, test, word, value, control, "zeros", 64, p=p, note=note)


def card(*changed):
    """All gates passed, but for those given."""
    gates = [
        check(MATTERS, p=0.01),
        check(BEATS),
        check(ABOUT, test=TRAINED),
        check(OWN_CLASS, test=CLASSED),
        check("Is it stable?"),
        check("Does it add up?"),
    ]
    kinds = {(one.question, one.test): one for one in (*gates, *changed)}
    return list(kinds.values())


def test_supported_needs_every_gate_that_applies():
    assert verdict(card(), "", 0.99)[0] == "supported"
    assert verdict(card(check("Does it add up?", "not run", None)), "", 0.99)[0] == "supported"


def test_one_open_gate_makes_it_partly_supported_and_is_named():
    said = {
        check(BEATS, "mixed"): "without the model agrees about as well",
        check(ABOUT, "failed", test=TRAINED): "hardly changes without training",
        check(OWN_CLASS, "failed", test=CLASSED): "hardly changes for the next class",
        check("Is it stable?", "mixed"): "slight noise changes it",
        check("Does it add up?", "failed"): "do not sum",
        check(HOLDS, "mixed"): "what stands in the place of removed parts",
        check(ABOUT, "not run", None, test=TRAINED): "training was not tested",
        check(MATTERS, "mixed", p=0.01, note=SINGLE): "not compared with maps of other inputs",
        check(MATTERS, "mixed", p=0.02, note=COPYLESS): "not compared with maps of untrained copies",
    }
    for one, words in said.items():
        word, reason = verdict(card(one), "", 0.99)
        assert word == "partly supported"
        assert words in reason


def test_chance_is_not_supported_whatever_else_is_passed():
    word, reason = verdict(card(check(MATTERS, "failed", 0.3, p=0.2)), "", 0.8)
    assert word == "not supported"
    assert "p = 0.200" in reason


def test_below_chance_is_contradicted():
    low = check(MATTERS, "failed", -0.5, p=0.99)
    assert verdict(card(low), "", 0.01)[0] == "contradicted"
    assert verdict(card(low), "", 0.4)[0] == "not supported"


def test_another_sign_under_another_fill_is_contradicted():
    word, reason = verdict(card(check(HOLDS, "failed", -0.2)), "", 0.99)
    assert word == "contradicted"
    assert "-0.20 under another fill" in reason


def test_an_obstacle_comes_first():
    assert verdict(card(), "the map is flat", 0.5) == ("not testable", "Not testable: the map is flat.")
