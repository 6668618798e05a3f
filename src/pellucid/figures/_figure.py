"""A figure as a value: a chart or a picture, what it says in words, and its numbers."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from pellucid._core import brief
from pellucid._core._store import write_bytes
from pellucid._visible import escaped as escape
from pellucid._visible import visible
from pellucid.errors import StoreError
from pellucid.figures._numbers import GAP, number
from pellucid.figures._theme import SCHEMA, THEME, Spec, look

_SMALL = 200
LETTER = 10.0  # pixels that the smallest letter keeps, however narrow the screen
SENTENCE = 36  # letters from which on a cell is a sentence
NARROWEST = 288  # pixels that a drawing has on the narrowest screen
_PLAIN = (
    '<meta name="viewport" content="width=device-width,initial-scale=1"><style>body{max-width:60rem;'
    "margin:1.5rem auto;padding:0 1rem;overflow-x:auto;color:#1a1a1a;background:#fff;"
    'font:16px/1.5 -apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,system-ui,sans-serif}'
    "figure{margin:0 0 2rem}.title{font-weight:600}"
    ".panels{display:flex;flex-wrap:wrap;gap:.7rem}.panels svg{max-width:100%;"
    "height:auto}.scroll{overflow-x:auto}.note{opacity:.75}</style>"
)
Cell = str | float | int | None


@dataclass(frozen=True, slots=True)
class Word:
    """A word of evidence in a table cell; drawn with its shape and colour."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers behind a figure.

    Args:
        columns: headings.
        rows: as many cells each; numbers stay numbers.
        note: one line below, such as how many rows of how many are shown.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell | Word, ...], ...]
    note: str = ""

    def texts(self) -> list[list[str]]:
        """Every cell as people read it."""
        return [[cell_text(cell) for cell in row] for row in self.rows]

    def said(self) -> Table:
        """Without the columns in which no row says anything."""
        kept = [
            i
            for i in range(len(self.columns))
            if any(cell_text(row[i]) not in ("", number(None)) for row in self.rows)
        ]
        rows = tuple(tuple(row[i] for i in kept) for row in self.rows)
        return Table(tuple(self.columns[i] for i in kept), rows, self.note)

    def html(self, *, css: str = "") -> str:
        """An HTML table whose looks lie in the cells, so that it survives an untrusted notebook.

        Args:
            css: class of a box around the table alone, in which it scrolls.

        Returns:
            The table, with the note below it.
        """
        head = "".join(
            # a column without a name has no heading
            f'<th scope="col" style="{_cell_style(head=True)}">{escape(c)}</th>' if c else "<td></td>"
            for c in self.columns
        )
        body = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in self.rows)
        note = f'<p style="margin:.4em 0;opacity:.75">{escape(self.note)}</p>' if self.note else ""
        whole = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        table = f'<table style="border-collapse:collapse">{whole}</table>'
        return (f'<div class="{css}" tabindex="0">{table}</div>' if css else table) + note

    def text(self) -> str:
        """Columns of plain text."""
        head = [list(self.columns)] if any(self.columns) else []
        lines = [*head, *self.texts()]
        widths = [max((len(line[i]) for line in lines), default=0) for i in range(len(self.columns))]
        drawn = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        return "\n".join([*drawn, *([self.note] if self.note else [])])


def cell_text(cell: Cell | Word) -> str:
    """A cell as people read it."""
    if isinstance(cell, Word):
        return f"{look(cell.text).sign} {cell.text}"
    return cell if isinstance(cell, str) else number(cell)


def _cell_style(*, head: bool = False, right: bool = False) -> str:
    line = "border-bottom:1px solid rgba(128,128,128,.35)"
    return f"padding:.3em .9em .3em 0;text-align:{'right' if right else 'left'};vertical-align:top;{line}" + (
        ";font-weight:600" if head else ""
    )


def _cell(cell: Cell | Word) -> str:
    style = ";".join(filter(None, (_cell_style(right=isinstance(cell, int | float)), roomy(cell_text(cell)))))
    if isinstance(cell, Word):
        return f'<td style="{style};white-space:nowrap">{word_html(cell.text)}</td>'
    return f'<td style="{style}">{escape(cell_text(cell))}</td>'


def roomy(cell: str) -> str:
    """The style of a cell on a phone: a sentence is no column of single words, an interval stays whole."""
    if len(cell) > SENTENCE:
        return "min-width:12em"
    return "white-space:nowrap" if "]" in cell else ""


def word_html(word: str) -> str:
    """A word of evidence with its shape, as inline HTML."""
    shown = look(word)
    return f'<span style="color:{shown.colour}" aria-hidden="true">{shown.sign}</span> {escape(word)}'


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """A chart or picture with its words and numbers.

    Args:
        title: a short heading.
        alt: what it shows, in one or two sentences computed from its data.
        chart: Vega-Lite specification without configuration; a top-level ``concat`` is a row of panels
            that wrap where the page is narrow. ``None`` where ``raster`` is the figure.
        raster: PNG bytes; ``None`` where ``chart`` is the figure.
        table: the numbers.
        note: what the reader must know.
        narrow: the same for a screen too narrow for ``chart``; ``None`` where that one fits everywhere.

    Example:
        >>> Figure("Counts", "One bar.", None, None, Table(("n",), ((3,),))).table.text()
        'n\\n3'
    """

    title: str
    alt: str
    chart: Spec | None
    raster: bytes | None
    table: Table
    note: str = field(default="")
    narrow: Spec | None = None

    __repr__ = brief

    def spec(self, *, background: str = "transparent") -> Spec:
        """The complete Vega-Lite specification; a table where the figure is nothing but a table."""
        from pellucid.figures._marks import table_chart

        chart = self.chart if self.chart is not None else table_chart(self.table)
        return {"$schema": SCHEMA, **chart, "background": background, "padding": 4, "config": THEME.config()}

    def svg(self) -> str:
        """Vector drawing without background, its ink ``currentColor``."""
        if self.raster is not None:
            return _svg_around(self.raster, self.alt)
        return _drawn(self.spec(), self.alt)

    def png(self, *, scale: float = 2.0) -> bytes:
        """Pixels on white paper."""
        if self.raster is not None:
            return self.raster
        import vl_convert

        return vl_convert.vegalite_to_png(
            written(self.spec(background=THEME.paper)), scale=scale, format_locale=_locale()
        )

    def drawing(self) -> str:
        """Vector drawing for a paper: a file of its own, dark ink, named fonts, its words as description."""
        if self.raster is not None:
            drawn = _svg_around(self.raster, self.alt)
        else:
            import vl_convert

            drawn = vl_convert.vegalite_to_svg(written(self.spec()), format_locale=_locale())
            drawn = drawn.replace("<svg ", f'<svg role="img" aria-label="{escape(self.alt)}" ', 1)
        words = f"<title>{escape(self.title)}</title><desc>{escape(self.alt)}</desc>"
        end = drawn.index(">") + 1
        return drawn[:end] + words + drawn[end:]

    def pdf(self) -> bytes:
        """One page of vectors, as large as the drawing."""
        import vl_convert

        return vl_convert.svg_to_pdf(self.drawing())

    def panels(self) -> tuple[str, ...]:
        """The drawing as SVGs that may stand side by side or below each other."""
        parts = (self.chart or {}).get("concat")
        if self.raster is not None or not isinstance(parts, list):
            return (self.svg(),)
        base = {"$schema": SCHEMA, "background": "transparent", "padding": 4, "config": THEME.config()}
        return tuple(_drawn({**base, **part}, "") for part in cast("list[Spec]", parts))

    def html(self, *, heading: bool = True, table: bool = True) -> str:
        """A ``<figure>`` for a page of ours: drawing, note, numbers."""
        title = (
            f'<figcaption class="title">{escape(self.title)}</figcaption>' if heading and self.title else ""
        )
        note = f'<p class="note">{escape(self.note)}</p>' if self.note else ""
        numbers = self.table.html(css="scroll")
        if self.chart is None and self.raster is None:
            return f'<figure class="fig">{title}{numbers}{note}</figure>'
        shown = f"<details><summary>Show as table</summary>{numbers}</details>" if table else ""
        parts = self.panels()
        drawing = "".join(map(_panel, parts))
        body = f'<div class="panels" role="img" aria-label="{escape(self.alt)}">{drawing}</div>'
        if max(map(_least, parts)) > NARROWEST:
            # what cannot shrink scrolls, by keyboard too
            name = escape(self.title or "drawing")
            body = f'<div class="scroll" tabindex="0" role="group" aria-label="{name}">{body}</div>'
        if self.narrow is not None:
            base = {"$schema": SCHEMA, "background": "transparent", "padding": 4, "config": THEME.config()}
            # the style of the page shows one of the two; without it the wide one is shown
            slim = f'<div class="slim" style="display:none">{_drawn({**base, **self.narrow}, self.alt)}</div>'
            body = f'<div class="broad">{body}</div>{slim}'
        return f'<figure class="fig">{title}{body}{note}{shown}</figure>'

    def static(self) -> str:
        """HTML that survives an untrusted notebook: a PNG with alternative text, then the numbers."""
        numbers = self.table.html()
        heading = f'<p style="font-weight:600;margin:.4em 0">{escape(self.title)}</p>' if self.title else ""
        note = f'<p style="opacity:.75;margin:.4em 0">{escape(self.note)}</p>' if self.note else ""
        if self.chart is None and self.raster is None:
            return f"{heading}{numbers}{note}"
        code = base64.b64encode(self.png(scale=1.5)).decode()
        image = f'<img alt="{escape(self.alt)}" src="data:image/png;base64,{code}" style="max-width:100%">'
        return f"{heading}{image}{note}<details><summary>Show as table</summary>{numbers}</details>"

    def save(self, path: str | Path) -> Path:
        """Write the figure as its ending says: ``.svg``, ``.pdf``, ``.png``, ``.html``, ``.json`` (chart).

        Raises:
            StoreError: if the ending is another one, or the file cannot be written.
        """
        made: dict[str, Callable[[], str | bytes]] = {
            ".svg": self.drawing,
            ".pdf": self.pdf,
            ".png": self.png,
            ".html": lambda: plain_page((self,)),
            ".json": lambda: written(self.spec()),
        }
        to = Path(path)
        if to.suffix.lower() not in made:
            raise StoreError(f"A figure is written as {', '.join(made)}; got {to.name}.")
        content = made[to.suffix.lower()]()
        write_bytes(content if isinstance(content, bytes) else content.encode(), to)
        return to

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """What a notebook draws."""
        return {"text/plain": f"{self.title}\n{self.alt}\n{self.table.text()}", "text/html": self.static()}


def plain_page(drawn: Sequence[Figure]) -> str:
    """Figures one below the other, each with its words, its note and its numbers, as an HTML file."""
    body = "".join(
        f'<p class="title">{escape(each.title)}</p><p>{escape(each.alt)}</p>{each.html(heading=False)}'
        for each in drawn
    )
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(drawn[0].title)}</title>'
    return f"{head}{_PLAIN}<body>{body}</body></html>"


def save_all(drawn: Sequence[Figure], folder: str | Path, *, ending: str = ".svg") -> tuple[Path, ...]:
    """Write several figures into a folder, numbered in their order and named by their titles.

    Args:
        drawn: the figures of a page.
        folder: made where it does not exist.
        ending: as for :meth:`Figure.save`.

    Returns:
        The paths.

    Raises:
        StoreError: if the ending is another one, or a file cannot be written.

    Example:
        >>> import tempfile
        >>> figure = Figure("Units of conv1", "One.", None, None, Table(("n",), ((1,),)))
        >>> [path.name for path in save_all([figure], tempfile.mkdtemp())]
        ['01-units-of-conv1.svg']
    """
    to = Path(folder)
    try:
        to.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{to} is no folder that can be written to: {error}.") from error
    return tuple(each.save(to / f"{i:02d}-{_slug(each.title)}{ending}") for i, each in enumerate(drawn, 1))


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60] or "figure"


def written(spec: Spec) -> str:
    """A specification as JSON; numbers that are not finite become gaps, control characters marks."""
    return json.dumps(_gaps(spec), allow_nan=False)


def _gaps(part: object) -> object:
    if isinstance(part, float):
        return part if math.isfinite(part) else None
    if isinstance(part, str):
        return visible(part)
    if isinstance(part, dict):
        return {name: _gaps(value) for name, value in cast("dict[str, object]", part).items()}
    return [_gaps(value) for value in cast("list[object]", part)] if isinstance(part, list) else part


def _panel(svg: str) -> str:
    """A panel that shrinks no further than its letters allow; small ones stand two abreast on a phone."""
    width, least = _width(svg), _least(svg)
    kept = f' style="min-width:{least}px"' if least > _SMALL / 2 else ""
    return f'<div class="panel{" small" if 0 < width < _SMALL else ""}"{kept}>{svg}</div>'


def _width(svg: str) -> float:
    found = re.search(r' width="([\d.]+)', svg)
    return float(found.group(1)) if found else 0.0


def _least(svg: str) -> int:
    """Width in pixels at which the smallest letter of a drawing has ``LETTER`` pixels, at most its own."""
    sizes = [float(size) for size in re.findall(r' font-size="([\d.]+)px"', svg)]
    return math.ceil(_width(svg) * min(1.0, LETTER / min(sizes))) if sizes else 0


def _locale() -> dict[str, object]:
    """Axes write numbers as our words do."""
    return {
        "decimal": ".",
        "thousands": ",",
        "grouping": [3],
        "currency": ["", ""],
        "minus": "−",
        "percent": f"{GAP}%",
    }


def _drawn(spec: Spec, alt: str) -> str:
    import vl_convert

    svg = vl_convert.vegalite_to_svg(written(spec), format_locale=_locale())
    # the whole is one picture with one text: what Vega says of single marks has no names to go with it
    svg = re.sub(r' (?:role="graphics-[a-z]+"|aria-(?:roledescription|label)="[^"]*")', "", svg)
    role = f'role="img" aria-label="{escape(alt)}"' if alt else 'aria-hidden="true"'
    svg = svg.replace("<svg ", f"<svg {role} ", 1).replace(' class="marks"', "")
    svg = svg.replace(THEME.ink, "currentColor")
    svg = re.sub(r"(?<=\d)%(?=</text>)", f"{GAP}%", svg)  # as everywhere else
    return svg.replace(f'font-family="{THEME.drawn}"', 'font-family="inherit"')


def _svg_around(png: bytes, alt: str) -> str:
    import io

    from PIL import Image

    width, height = Image.open(io.BytesIO(png)).size
    code = base64.b64encode(png).decode()
    return (
        f'<svg role="img" aria-label="{escape(alt)}" xmlns="http://www.w3.org/2000/svg" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}"><image width="{width}" height="{height}" '
        f'href="data:image/png;base64,{code}"/></svg>'
    )
