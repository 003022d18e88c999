"""HTML, piece by piece. Everything that comes from data passes :func:`text` and is escaped there.

Pieces are of the type :data:`Html`, which a plain ``str`` is not: a type checker refuses text that
was not escaped.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import NewType

from pipeline.report.quantities import compact, decimal, exact, percent

Html = NewType("Html", str)
"""Markup that is safe to place in a page."""

NOTHING = Html("")

ABSENT = Html('<span class="absent" title="not measured">&ndash;</span>')


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table. Numbers are set flush right."""

    title: str
    is_number: bool = False
    hint: str = ""


def count_column(title: str, hint: str = "") -> Column:
    """A column of numbers; ``hint`` shows when its heading is pointed at."""
    return Column(title=title, is_number=True, hint=hint)


def text(value: str) -> Html:
    """Text, escaped for content and for attributes."""
    return Html(escape(value, quote=True))


def join(pieces: Iterable[Html], separator: str = "") -> Html:
    """Pieces one after the other; ``separator`` is markup of the page, never data."""
    return Html(separator.join(pieces))


def element(name: str, content: Html = NOTHING, **attributes: str) -> Html:
    """``<name ...>content</name>``; ``class_`` and ``aria_label`` give class and aria-label."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value, quote=True)}"'
        for key, value in attributes.items()
    )
    return Html(f"<{name}{written}>{content}</{name}>")


def number(count: int | None) -> Html:
    """A count with all its digits, and its value for programs."""
    return ABSENT if count is None else _data(str(count), exact(count))


def signed(count: int | None) -> Html:
    """A difference with its sign."""
    if count is None:
        return ABSENT
    return _data(str(count), "0" if count == 0 else f"{count:+,}".replace("-", "\N{MINUS SIGN}"))


def code(name: str) -> Html:
    """A name that programs use; it may break after a dot or an underscore."""
    pieces = re.split(r"(?<=[._])", name)
    return element("code", join(map(text, pieces), "<wbr>"))


def swatch(tone: str, name: str) -> Html:
    """A patch of colour and what it stands for, never on two lines."""
    patch = element("i", class_=f"swatch tone-{tone}")
    return element("span", join([patch, text(name)]), class_="named")


def short_number(count: int | None) -> Html:
    """A count in three digits; the exact one shows when pointed at."""
    if count is None:
        return ABSENT
    shown = text(compact(count).replace(" ", "\N{NO-BREAK SPACE}"))
    return Html(f'<data value="{count}" title="{exact(count)}">{shown}</data>')


def share(ratio: float | None, *, decimals: int = 1) -> Html:
    """A ratio in percent."""
    return ABSENT if ratio is None else text(percent(ratio, decimals=decimals))


def quotient(value: float | None, *, decimals: int = 2) -> Html:
    """A plain decimal number."""
    return ABSENT if value is None else text(decimal(value, decimals=decimals))


def bar(ratio: float | None, *, tone: str = "kept") -> Html:
    """A bar as long as a ratio of 0 to 1; for the eye only, a number stands beside it."""
    part = f'<i class="tone-{tone}" style="width:{_width(ratio)}"></i>' if ratio else ""
    return Html(f'<span class="bar" aria-hidden="true">{part}</span>')


def measured(
    ratio: float | None, detail: Html, *, tone: str = "kept", said: Html | None = None
) -> Html:
    """A ratio as a bar and a percentage, and the count behind it; ``said`` replaces the latter."""
    shown = share(ratio) if said is None else said
    return element(
        "div",
        join([bar(ratio, tone=tone), element("span", shown), element("small", detail)]),
        class_="measured",
    )


def stack(parts: Sequence[tuple[str, float, Html]]) -> Html:
    """A bar of several parts: (tone, ratio of the whole width, label inside)."""
    cells = "".join(
        f'<i class="tone-{tone}" style="width:{_width(ratio)}">{label}</i>'
        for tone, ratio, label in parts
        if ratio > 0
    )
    return Html(f'<span class="stack" aria-hidden="true">{cells}</span>')


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Html]],
    *,
    total: Sequence[Html] | None = None,
) -> Html:
    """A table that can be scrolled sideways; the first cell of a row is its heading.

    ``total`` is a last row, set apart. Without rows there is a sentence instead of a table.
    """
    if not rows:
        return element("p", text(f"{caption}: nothing to show."), class_="empty")
    head = join(_heading(column) for column in columns)
    body = join(_row(columns, row) for row in rows)
    foot = NOTHING if total is None else element("tfoot", _row(columns, total))
    content = join(
        [
            element("caption", element("span", text(caption))),
            element("thead", element("tr", head)),
            element("tbody", body),
            foot,
        ]
    )
    return element(
        "div",
        element("table", content),
        class_="scroll",
        role="region",
        tabindex="0",
        aria_label=caption,
    )


def section(anchor: str, title: str, *content: Html) -> Html:
    """A section of the page with an address of its own."""
    heading = element("h2", text(title), id=f"{anchor}-title")
    return element(
        "section", join([heading, *content], "\n"), id=anchor, aria_labelledby=f"{anchor}-title"
    )


def paragraph(content: str) -> Html:
    """A sentence or two of explanation."""
    return element("p", text(content))


def _heading(column: Column) -> Html:
    attributes = {"scope": "col"}
    if column.is_number:
        attributes["class_"] = "number"
    if column.hint:
        attributes["title"] = column.hint
    return element("th", text(column.title), **attributes)


def _row(columns: Sequence[Column], cells: Sequence[Html]) -> Html:
    made = [element("th", cells[0], scope="row")]
    for column, cell in zip(columns[1:], cells[1:], strict=True):
        attributes = {"class_": "number"} if column.is_number else {}
        made.append(element("td", cell, **attributes))
    return element("tr", join(made))


def _data(value: str, shown: str) -> Html:
    return Html(f'<data value="{value}">{escape(shown)}</data>')


def _width(ratio: float) -> str:
    """Percent for a style."""
    return f"{max(0.0, min(1.0, ratio)) * 100:.3f}".rstrip("0").rstrip(".") + "%"
