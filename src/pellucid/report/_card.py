"""What only people know about a network: ``card.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import cast

from pellucid.errors import InputError, near_misses

NAME = "card.toml"
BLANK = "not stated by the author"
# field, heading, what belongs there
ASKED = (
    ("purpose", "Purpose", "What is it for? One or two sentences."),
    ("users", "For whom", "Who reads its answers, and what do they know?"),
    ("decides", "What follows an answer", "What happens next, and to whom? What does a wrong answer cost?"),
    ("decision_maker", "Who decides", "The person or body that decides, and whether they may overrule it."),
    ("limits", "Not for", "Uses that are excluded, one line each."),
    ("population", "People or things it is about", "Where, when and how the rows were gathered."),
    ("labels", "Where the true answers come from", "Who gave them, how, and how sure that is."),
    ("threshold", "Threshold", "From which probability on an answer is acted upon, and why."),
    ("oversight", "Oversight", "Who watches it, how errors are reported, when it is switched off."),
    ("monitoring", "Monitoring", "What is measured after release, how often, against which bound."),
    ("changes", "Changes since the last version", "What is new, and why."),
    ("contact", "Contact", "Whom to ask."),
)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the author says; an empty field was not stated.

    Args:
        purpose, users, decides, decision_maker, population, labels, threshold, oversight, monitoring,
            changes, contact: in the author's words; what belongs where is said in the template.
        limits: uses that are excluded.
    """

    purpose: str = ""
    users: str = ""
    decides: str = ""
    decision_maker: str = ""
    limits: tuple[str, ...] = ()
    population: str = ""
    labels: str = ""
    threshold: str = ""
    oversight: str = ""
    monitoring: str = ""
    changes: str = ""
    contact: str = ""

    @property
    def stated(self) -> int:
        """How many fields are filled in."""
        return sum(bool(getattr(self, field.name)) for field in fields(self))


def card_template() -> str:
    """A card to fill in, as TOML; every field may stay blank.

    Example:
        >>> read_card_text(card_template()) == ModelCard()
        True
    """
    head = (
        "# What only people know about this network. A blank is printed as a blank, so nothing needs to be\n"
        "# made up. Texts stand between quotes; limits is a list of texts.\n"
    )
    lines = [
        f"\n# {asked}\n{name} = {'[]' if name == 'limits' else chr(34) * 2}\n" for name, _, asked in ASKED
    ]
    return head + "".join(lines)


def read_card(path: str | Path) -> ModelCard:
    """The card in a TOML file.

    Args:
        path: of the file.

    Returns:
        :class:`ModelCard`.

    Raises:
        InputError: where the file cannot be read or says something else than a card.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read the card {path}: {error}") from None
    return read_card_text(text, str(path))


def read_card_text(text: str, where: str = NAME) -> ModelCard:
    """The card in TOML.

    Example:
        >>> read_card_text('purpos = "x"')
        Traceback (most recent call last):
        pellucid.errors.InputError: card.toml: no field is called 'purpos'. Did you mean purpose?
    """
    try:
        found = cast("dict[str, object]", tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where} is no TOML: {error}") from None
    known = [name for name, _, _ in ASKED]
    for name, said in found.items():
        if name not in known:
            raise InputError(f"{where}: no field is called {name!r}. {near_misses(name, known)}")
        if name == "limits":
            if not isinstance(said, list) or not all(isinstance(line, str) for line in said):
                raise InputError(f'{where}: limits is a list of texts, such as ["children"]; got {said!r}.')
        elif not isinstance(said, str):
            raise InputError(f"{where}: {name} is a text between quotes, got {said!r}.")
    limits = tuple(line.strip() for line in cast("list[str]", found.pop("limits", [])) if line.strip())
    texts = {name: str(said).strip() for name, said in found.items()}
    return ModelCard(limits=limits, **texts)
