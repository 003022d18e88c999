"""What surrounds the content of every page: its head, title and contents. No script, no request."""

from collections.abc import Sequence
from importlib.resources import files

from pipeline.report.markup import Html, element, join, text

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""The browser itself refuses whatever would leave the page."""


def frame(
    *,
    title: str,
    eyebrow: str,
    heading: str,
    contents: Sequence[tuple[str, str]],
    sections: Sequence[Html],
) -> str:
    """A whole page, to be written as UTF-8; ``contents`` are (anchor, title) of the sections."""
    links = [
        element("li", element("a", text(name), href=f"#{anchor}")) for anchor, name in contents
    ]
    header = [
        join([element("p", text(eyebrow), class_="eyebrow"), element("h1", text(heading))]),
        element("nav", element("ul", join(links)), aria_label="Contents"),
    ]
    body = join(
        [
            element("header", join(header, "\n")),
            element("main", join(sections, "\n")),
        ],
        "\n",
    )
    return f"<!DOCTYPE html>\n{element('html', join([_head(title), body]), lang='en')}\n"


def _head(title: str) -> Html:
    style = files("pipeline.report").joinpath("style.css").read_text(encoding="utf-8")
    return Html(
        '<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<link rel="icon" href="data:,">\n'
        f"{element('title', text(title))}\n"
        f"<style>\n{style}</style>\n</head>\n"
    )
