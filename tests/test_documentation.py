"""What README.md and docs/*.md tell people to type exists: commands, options, files, names."""

from __future__ import annotations

import contextlib
import functools
import importlib
import re
import shlex
from pathlib import Path

import pytest
import typer

import pellucid
from pellucid import tasks
from pellucid.cli._app import HELP, app

UsageError = typer.BadParameter.__base__  # of the click that typer carries
ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PLACEHOLDER = re.compile(r"[A-Z]+\d?")  # RUN, SITE2; a digit fits a path, a name and a number alike


def pieces(text: str) -> list[str]:
    """Every line of a fenced block and every inline code."""
    text = text.replace("\\\n", " ")
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    return [line.strip().removeprefix("$ ") for block in fenced for line in block.splitlines()] + inline


def commands(text: str) -> list[str]:
    """What begins with ``pellucid``, without the explanation that stands beside it."""
    found = [re.split(r"\s{2,}|\s#\s", piece)[0] for piece in pieces(text)]
    return [piece for piece in found if re.match(r"pellucid\s", piece)]


def variants(command: str) -> list[list[str]]:
    """``[a]`` may be left out and ``a|b`` is one of them: each alternative is in one variant."""
    words = [word.split("|") for word in shlex.split(re.sub(r"\[(.*?)\]", r"\1", command))[1:]]
    words = words[: words.index([">"])] if [">"] in words else words
    return [
        ["3" if PLACEHOLDER.fullmatch(each) else each for each in (word[k % len(word)] for word in words)]
        for k in range(max(map(len, words)))
    ]


@functools.cache
def program():
    return typer.main.get_command(app)


def parse(arguments: list[str]) -> None:
    """Raises ``UsageError`` where a command, an option or a kind of value does not exist."""
    command, rest = program(), arguments
    while rest and hasattr(command, "commands"):
        if rest[0] not in command.commands:
            raise UsageError(f"There is no command {rest[0]!r}.")
        command, rest = command.commands[rest[0]], rest[1:]
    # a page that names a command need not say what it works on
    with contextlib.suppress(typer.Exit):  # of an option that prints and ends, such as --card-template
        command.make_context("pellucid", [*rest], resilient_parsing=not rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_line_parses(page):
    wrong = []
    for command in commands(page.read_text(encoding="utf-8")):
        try:
            for arguments in variants(command):
                parse(arguments)
        except (UsageError, ValueError) as error:
            wrong.append(f"{command}: {getattr(error, 'message', error)}")
    assert not wrong, "\n".join(wrong)


def test_the_lines_of_the_help_text_parse():
    lines = commands(f"```\n{HELP}\n```")
    assert len(lines) >= 10
    for command in lines:
        for arguments in variants(command):
            parse(arguments)


def test_the_readme_shows_commands_and_the_house_all_verbs():
    assert len(commands(PAGES[0].read_text(encoding="utf-8"))) >= 20
    house = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    listed = re.findall(r"`(\w+)`", next(line for line in house.splitlines() if "| the verbs: " in line))
    keepers = {"load_explanations", "save_run", "open_run"}
    assert set(listed) - {"tasks"} == set(pellucid.__all__) & set(dir(tasks)) - keepers


@pytest.mark.parametrize(
    "wrong",
    [
        "pellucid explian run/",
        "pellucid bench trith",
        "pellucid explain run/ --metod lime",
        "pellucid explain run/ --seed many",
        "pellucid rules run/ --as python|cobol",
        "pellucid layer run/ dense1 more",
        "pellucid bench truth planted --out",
    ],
)
def test_a_wrong_line_is_found(wrong):
    *right, last = variants(commands(f"`{wrong}`")[0])
    for arguments in right:
        parse(arguments)
    with pytest.raises(UsageError):
        parse(last)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page):
    text = page.read_text(encoding="utf-8")
    linked = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text)
    named = re.findall(r"\b(?:benchmarks|docs|tests)/\w+\.(?:py|md)\b", text)
    missing = [name for name in linked if not (page.parent / name).exists()]
    assert not missing + [name for name in named if not (ROOT / name).exists()]


def test_headings_that_a_page_links_to_exist():
    headings = {
        page: set(map(anchor, re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)))
        for page in PAGES
    }
    missing = [
        f"{page.name}: {name}#{heading}"
        for page in PAGES
        for name, heading in re.findall(r"\]\(([^)#:\s]*)#([^)]+)\)", page.read_text("utf-8"))
        if heading not in headings[(page.parent / name).resolve() if name else page]
    ]
    assert not missing


def test_every_picture_stands_on_a_page():
    text = "".join(page.read_text("utf-8") for page in PAGES)
    assert not [file.name for file in (ROOT / "docs" / "pictures").iterdir() if file.name not in text]


def anchor(heading: str) -> str:
    """What a browser calls a heading: small letters, hyphens for spaces, no other signs."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_that_a_page_gives_exist(page):
    text = "\n".join(pieces(page.read_text(encoding="utf-8")))
    named = set(re.findall(r"(?<![\w/.-])pellucid(?:\.[A-Za-z]\w*)+", text))
    assert not [name for name in named if not name.endswith((".toml", ".html")) and not exists(name)]


def exists(name: str) -> bool:
    """Whether a dotted name can be reached; a verb may stand before a folder of the same name."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False
