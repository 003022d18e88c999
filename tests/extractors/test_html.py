"""Web pages: main text, formulas, code, tables and metadata; and whatever bytes a server sends."""

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors.extraction import Extraction, NotADocumentError
from extractors.html import extract, extract_text

GOLDEN = Path(__file__).parents[1] / "golden" / "extractors" / "html"
SENTENCE = "A sentence that is long enough to count as the running text of this page, twice over. "


def page(body: str) -> bytes:
    return f"<html><body><main><p>{SENTENCE}</p>{body}</main></body></html>".encode()


def text_of(body: str) -> str:
    """The Markdown of ``body``, without the sentence that makes it a page."""
    return extract_text(page(body), None).replace(SENTENCE.strip(), "").strip()


def article() -> Extraction:
    return extract((GOLDEN / "article.html").read_bytes(), "https://example.org/x")


def test_an_article_becomes_its_golden_markdown() -> None:
    assert article().text + "\n" == (GOLDEN / "article.md.golden").read_text()


def test_a_page_is_believed_about_itself() -> None:
    found = article()
    assert found.title == "Sums of squares"
    assert found.declared_language == "en-GB"
    assert found.published_at == "2021-03-04"
    assert found.canonical_url == "https://example.org/sums"
    assert found.license == "CC-BY-SA-4.0"


def test_structure_counts_what_was_kept() -> None:
    structure = article().structure
    assert (structure.formulas_found, structure.formulas_kept) == (4, 4)
    assert (structure.code_blocks_found, structure.code_blocks_kept) == (1, 1)
    assert (structure.tables_found, structure.tables_kept) == (1, 1)


def test_structure_counts_what_was_lost() -> None:
    nav = "<nav>A link <script type='math/tex'>x^2</script></nav>"
    found = extract(page(f"<p>{SENTENCE * 4}</p>{nav}"), None)
    assert found.structure.formulas_found == 1
    assert found.structure.formulas_kept == 0


@pytest.mark.parametrize(
    ("markup", "tex"),
    [
        ('<script type="math/tex">x^2</script>', "$x^2$"),
        ('<script type="math/tex; mode=display">x^2</script>', "$$x^2$$"),
        (
            (
                '<span class="MathJax" data-mathml="&lt;math/&gt;">x2</span>'
                '<script type="math/tex">x^2</script>'
            ),
            "$x^2$",
        ),
        (
            (
                '<span class="katex"><span class="katex-mathml"><math><semantics><mi>x</mi>'
                '<annotation encoding="application/x-tex">x^2</annotation></semantics></math>'
                "</span>"
                '<span class="katex-html" aria-hidden="true">x2</span></span>'
            ),
            "$x^2$",
        ),
        ('<math alttext="x^2"><msup><mi>x</mi><mn>2</mn></msup></math>', "$x^2$"),
        ('<math display="block"><msup><mi>x</mi><mn>2</mn></msup></math>', "$$x^2$$"),
        (
            (
                '<mjx-container class="MathJax"><mjx-math aria-hidden="true"></mjx-math>'
                "<mjx-assistive-mml><math><msup><mi>x</mi><mn>2</mn></msup></math>"
                "</mjx-assistive-mml></mjx-container>"
            ),
            "$x^2$",
        ),
        ('<img class="latex" src="/i.png" alt="x^2">', "$x^2$"),
        ('<img src="https://s0.wp.com/latex.php?latex=x%5E2&amp;bg=fff" alt="no">', "$x^2$"),
        ('<img src="https://latex.codecogs.com/gif.latex?\\inline x%5E2">', "$x^2$"),
        (
            (
                '<span class="mwe-math-element"><math alttext="{\\displaystyle x^2}"></math>'
                '<img class="mwe-math-fallback-image-inline" alt="x^2" src="x"></span>'
            ),
            "$x^2$",
        ),
        ('<span class="math-container">$x^2$</span>', "$x^2$"),
        ('<span class="ql-formula" data-value="x^2">x2</span>', "$x^2$"),
        ("[tex]x^2[/tex]", "$x^2$"),
        ("\\(x^2\\)", "$x^2$"),
        ("\\[x^2\\]", "$$x^2$$"),
        ("$x^2$", "$x^2$"),
        (
            '<div class="math"><span class="eqno">(7)</span>\\[x^2\\]</div>',
            "$$x^2 \\tag{7}$$",
        ),
    ],
)
def test_a_formula_comes_out_once_as_tex(markup: str, tex: str) -> None:
    assert text_of(f"<p>so {markup} it</p>").split() == ["so", *tex.split(), "it"]


def test_prices_are_not_formulas() -> None:
    found = extract(page("<p>It costs $5 or $6, or US$7 to US$8.</p>"), None)
    assert found.structure.formulas_kept == 0
    assert "It costs $5 or $6, or US$7 to US$8." in found.text


CODE = "def f(x):\n    if x:\n\n        return 1"
LINES = CODE.split("\n")
NBSP_LINES = [line.replace(" ", "&nbsp;") for line in LINES]


@pytest.mark.parametrize(
    "markup",
    [
        f"<pre>{CODE}</pre>",
        f"<pre>\n{CODE}\n\n</pre>",
        f'<pre><code class="hljs"><span>def</span>{CODE[3:]}</code></pre>',
        "<pre>" + "<br>".join(LINES) + "</pre>",
        "<pre><code>"
        + "".join(f'<span class="line">{line}</span>\n' for line in LINES)
        + "</code></pre>",
        "<pre><code>"
        + "".join(f'<span class="line">{line}</span>' for line in LINES)
        + "</code></pre>",
        '<div class="cm-editor"><div class="cm-gutters"><div>1</div></div><div class="cm-content">'
        + "".join(f'<div class="cm-line">{line or "<br>"}</div>' for line in LINES)
        + "</div></div>",
        (
            '<table class="highlighttable"><tr><td class="linenos"><pre>1\n2\n3\n4</pre></td>'
            f'<td class="code"><pre>{CODE}</pre></td></tr></table>'
        ),
        (
            '<figure class="highlight"><table><tr><td class="gutter"><pre>1<br>2</pre></td>'
            f'<td class="code"><pre>{CODE}</pre></td></tr></table></figure>'
        ),
        '<table class="js-file-line-container"><tbody>'
        + "".join(
            f'<tr><td class="blob-num" data-line-number="{number}"></td>'
            f'<td class="blob-code"><span>{line[: len(line) - len(line.lstrip())]}</span>'
            f"<span>{line.strip()}</span></td></tr>"
            for number, line in enumerate(LINES)
        )
        + "</tbody></table>",
        '<div style="font-family:monospace">' + "<br>\n".join(NBSP_LINES) + "</div>",
    ],
)
def test_code_keeps_its_lines_and_its_indentation(markup: str) -> None:
    assert text_of(markup) == f"```\n{CODE}\n```"


@pytest.mark.parametrize(
    "markup",
    [
        '<pre class="language-python">x</pre>',
        '<pre><code class="lang-python">x</code></pre>',
        '<div class="highlight-python notranslate"><div class="highlight"><pre>x</pre></div></div>',
        '<pre class="brush: python">x</pre>',
        '<pre data-lang="python">x</pre>',
        '<pre><code class="hljs python">x</code></pre>',
    ],
)
def test_code_keeps_its_language(markup: str) -> None:
    assert text_of(markup) == "```python\nx\n```"


def test_code_that_holds_a_fence_gets_a_longer_one() -> None:
    assert text_of("<pre>```\nx\n```</pre>") == "````\n```\nx\n```\n````"


def test_a_layout_table_is_dissolved() -> None:
    found = text_of("<table role='presentation'><tr><td>left</td><td>right</td></tr></table>")
    assert found == "left\n\nright"


def test_a_spanning_cell_keeps_the_rectangle() -> None:
    found = text_of(
        "<table><tr><th>a</th><th>b</th></tr><tr><td rowspan=2>1</td><td>2</td></tr>"
        "<tr><td>3</td></tr></table>"
    )
    assert found == "| a | b |\n| --- | --- |\n| 1 | 2 |\n|  | 3 |"


def test_furniture_is_left_out_and_a_headline_outside_is_brought_back() -> None:
    found = extract_text(
        f"<body><div class='top'><h1>The headline</h1></div><aside>Related reading</aside>"
        f"<div class='sidebar'>Popular now</div><article><p>{SENTENCE * 5}</p></article>"
        f"<footer>All rights reserved</footer></body>".encode(),
        None,
    )
    assert found == f"# The headline\n\n{(SENTENCE * 5).strip()}"


def test_comments_are_furniture_of_an_article_and_the_content_of_a_forum() -> None:
    article = extract((GOLDEN / "threads" / "article_comments.html").read_bytes(), None)
    assert "the river rose by a metre" in article.text
    assert "Our cellar is under water" not in article.text
    assert (article.structure.posts_found, article.structure.posts_kept) == (3, 1)
    forum = extract((GOLDEN / "threads" / "phpbb.html").read_bytes(), None)
    assert forum.structure.posts_found == forum.structure.posts_kept == forum.text.count("**") / 2


@pytest.mark.parametrize("engine", ["trafilatura", "resiliparse"])
def test_other_engines_give_the_same_kind_of_result(engine: str) -> None:
    body = f"<html lang=en><title>T</title><body><article><p>{SENTENCE * 8}</p></article></body>"
    found = extract(body.encode(), None, engine=engine)  # type: ignore[arg-type]
    assert SENTENCE.strip() in found.text
    assert (found.extractor, found.title, found.declared_language) == (f"html.{engine}", "T", "en")


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(ValueError, match="engine must be one of reasonmill, trafilatura"):
        extract(b"<p>x", None, engine="lynx")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "text.empty"),
        (b"<html><body><script>x</script></body></html>", "text.empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(32)) * 100, "text.binary"),
        (b"<" * 1_000_001, "html.too_many_tags"),
        (b"x" * 32_000_001, "html.too_large"),
    ],
)
def test_what_holds_no_page_is_rejected_with_its_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(NotADocumentError) as judged:
        extract(payload, None)
    assert judged.value.reason == reason


@pytest.mark.parametrize(
    "payload",
    [
        b"<div>" * 100_000 + b"deep" + b"</div>" * 100_000,
        b"<div>" * 900_000 + b"deep",
        b"<ul><li>" * 50_000 + b"deep",
        b"<b><p>" * 20_000 + b"deep",
        b"<table><tr><td>" * 20_000 + b"deep",
        b"<pre>" + b"<span>" * 20_000 + b"deep",
        b"<p>deep " + b"\\( " * 100_000,
        b"<p>deep " + b"\\begin{align}" * 50_000,
        b"<p " + b" ".join(b"a%d=b" % number for number in range(50_000)) + b">deep",
        b"<math>" + b"<mrow>" * 10_000 + b"<mi>deep</mi>",
    ],
)
def test_a_page_made_to_exhaust_a_parser_is_still_read(payload: bytes) -> None:
    assert "deep" in extract_text(payload, None)


def test_twenty_megabytes_are_read() -> None:
    found = extract_text(b"<p>A paragraph of text among a great many.</p>" * 450_000, None)
    assert found.count("among a great many") == 450_000


PIECES = """
<p> </p> <div> </div> <table> <tr> <td colspan=9> <th> </table> <pre> </pre> <code> <br> <li> <ul>
<ol start=-1> <math> <mfrac> <msup> <mtable> <mtr> <mtd> </math> <script> </script> <sup> <h1>
<script type=math/tex> <span class=katex> <span class=MathJax> <img alt=\\frac{a}{b}> <!-- -->
<div class=highlight> <div class=cm-editor> <blockquote> <nav> <svg> \\( \\) \\[ \\] $ $$ | `
\\begin{align} \\end{align} [tex] [/tex] &#xFDD1; 0 &#xFDD2; &#xD800; &lt; text a^b
"""
TAGS = st.sampled_from(re.findall(r"<[^>]*>|\S+", PIECES))


@given(st.lists(TAGS, max_size=60))
def test_any_mixture_of_tags_is_read_or_judged(pieces: list[str]) -> None:
    try:
        found = extract("".join(pieces).encode(), "http://[bad")
    except NotADocumentError:
        return
    found.text.encode()
    structure = found.structure
    assert (structure.formulas_kept or 0) <= (structure.formulas_found or 0)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_judged(payload: bytes) -> None:
    with contextlib.suppress(NotADocumentError):
        extract(b"<p>" + payload, None).text.encode()
