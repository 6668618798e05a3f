"""Why one answer came out, as a page."""

import re
from html import unescape

import pytest
import torch
from torch import nn

import pellucid
from pellucid import tasks
from pellucid.errors import InputError
from pellucid.report import why_page


def asked(*, classes=True):
    """A network that is wrong about every row."""
    x = torch.rand(40, 3, generator=torch.Generator().manual_seed(0))
    net = nn.Linear(3, 2 if classes else 1, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[9.0, 0, 0], [0, 9.0, 0]])[: len(net.weight)])
    answers = (x[:, 1] < x[:, 0]).long() if classes else 9 * x[:, 0] + 5
    return pellucid.open(net, data=(x, answers), name="net", **({"classes": ["0", "1"]} if classes else {}))


def told(subject, to, *methods, cards=False, targets=()):
    found = pellucid.explain_several(subject, [1], methods=methods, targets=targets, cards=cards)
    html = why_page(subject, found, to / "why.html", row=1).read_text()
    with torch.no_grad():
        out = subject.model(tasks.held_out(subject.data).inputs[1])
    return html, unescape(re.search('<p class="lede">(.*?)</p>', html).group(1)), out


def test_the_answer_stands_beside_the_truth(tmp_path):
    html, lede, out = told(asked(), tmp_path, "saliency", "occlusion")
    best, sure = int(out.argmax()), float(out.softmax(0).max())
    assert lede == (
        f"It answers class {best} with a probability of {100 * sure:.1f}\xa0%, which is wrong: "
        f"the true answer is class {1 - best}."
    )
    assert f"<h1>Why class {best}</h1>" in html
    assert "net · held-out row 1" in html
    assert "Evidence was not computed" in html
    assert "<dt>control</dt>" in html[html.index('id="glossary"') :]


def test_numbers_are_raised_and_lowered(tmp_path):
    html, lede, out = told(asked(classes=False), tmp_path, "saliency")
    assert lede == f"It answers {float(out):.4g}; the true answer is {float(out) + 5:.4g}."
    assert "Brown raises the answer" in html
    assert "speaks for the answer" not in html


def test_one_explanation_has_its_tests_open_and_several_share_a_table(tmp_path):
    one, lede, _ = told(asked(), tmp_path, "occlusion", cards=True)
    assert "Tested: occlusion " in lede
    assert "Evidence for occlusion" not in one
    assert "Does it matter to the model?" in one
    both, _, _ = told(asked(), tmp_path, "occlusion", cards=True, targets=("0", "1"))
    assert "<h1>Why class 0 or class 1</h1>" in both
    for name in ("occlusion: class 0", "occlusion: class 1"):
        assert f"Evidence for {name}" in both
    assert "○ failed, ◐ mixed" in both
    assert "○ failed, ◐ mixed" not in one


def test_a_row_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"held-out rows 0 to \d+; got 0 of row 40"):
        why_page(asked(), (), tmp_path / "why.html", row=40)
