"""The Markdown of a content tree: blocks, lists, notes, scripts; nothing lost, nothing doubled."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors.html.tree import Element, Node
from extractors.html.writing import markdown
from tests.support.html_page import empty_page, whole_page

GOLDEN = Path(__file__).parents[1] / "golden" / "extractors" / "html"


def rendered(body: str) -> str:
    return markdown.render(*whole_page(f"<body>{body}</body>"))[0]


def test_a_page_of_every_markup_becomes_its_golden_markdown() -> None:
    source = (GOLDEN / "markup.html").read_text()
    assert (
        markdown.render(*whole_page(source))[0] + "\n" == (GOLDEN / "markup.md.golden").read_text()
    )


def test_several_parts_are_written_one_after_the_other() -> None:
    body, page = whole_page(
        "<body><div>a<sup><a href='#n'>1</a></sup></div><p>x<div><p id=n>1. note</div></body>"
    )
    first, _, last = (child for child in body.children if isinstance(child, Element))
    found, structure = markdown.render_elements((first, last), page)
    assert found == "a[^1]\n\n[^1]: note"
    assert structure.tables_kept == 0


# Headings


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<h2><div>Two<br>lines</div></h2>", "## Two lines"),
        ("<h2><a href='#x'>#</a>Title</h2>", "## Title"),
        ("<h2>Never closed<p>one<p>two", "## Never closed\n\none\n\ntwo"),
        ("<a href=x><h3>In a link</h3></a>", "### In a link"),
        ("<h2></h2><p>x", "x"),
        ("<h2><pre>f(x)</pre></h2>", "## `f(x)`"),
        (f"<h1>{'long ' * 100}</h1>", f"# {('long ' * 100).strip()}"),
    ],
)
def test_a_heading_is_one_line(body: str, found: str) -> None:
    assert rendered(body) == found


# Lists


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<ul><li>a<ul><li>b</ul><li>c</ul>", "- a\n  - b\n- c"),
        ("<ul><li>a</li><ul><li>b</li></ul><li>c</li></ul>", "- a\n  - b\n- c"),
        ("<ol start=60><li>a<li value=70>b<li>c</ol>", "60. a\n70. b\n71. c"),
        ("<ol start=-1><li>a<li>b</ol>", "-1. a\n0. b"),
        ("<ol reversed><li>a<li>b</ol>", "2. a\n1. b"),
        ("<ol type=a><li>a<li>b</ol>", "a. a\nb. b"),
        ("<ol type=I start=4><li>a<li>b</ol>", "IV. a\nV. b"),
        ("<ol style='list-style: none'><li>1. a</ol>", "- 1. a"),
        ("<ol><li>1. a<li>2. b</ol>", "1. a\n2. b"),
        ("<ul><li>\u2022 a<li>b</ul>", "- a\n- b"),
        ("<ul><li>a<p>b</ul>", "- a\n\n  b"),
        ("<ul><li><pre>x\n  y</pre></ul>", "- ```\n  x\n    y\n  ```"),
        ("<ol><li><h3>A</h3><p>x<li><h3>B</h3></ol>", "### A\n\nx\n\n### B"),
        ("<ul>first<li>a<div>between</div><li>b</ul>", "first\n\n- a\n\n  between\n- b"),
        ("<ol><li>a</li><p>between</p><li>b</li></ol>", "1. a\n\nbetween\n\n2. b"),
        ("<dl><dt>T<dd>one<dt>U<dd>two</dl>", "T\n: one\n\nU\n: two"),
        ("<dl><dt>T<dd><p>one<p>two</dl>", "T\n\none\n\ntwo"),
    ],
)
def test_a_list_keeps_its_numbers_its_nesting_and_its_order(body: str, found: str) -> None:
    assert rendered(body) == found


# Quotations, admonitions and the rest


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<blockquote>a<blockquote>b</blockquote>c</blockquote>", "> a\n>\n> > b\n>\n> c"),
        (
            "<div class='admonition note'><p class='admonition-title'>Note</p><p>x</div>",
            "> [!NOTE]\n> x",
        ),
        (
            (
                "<div class='markdown-alert markdown-alert-tip'><p class='markdown-alert-title'>Try"
                "</p><p>x<p>y</div>"
            ),
            "> [!TIP] Try\n> x\n>\n> y",
        ),
        ("<div class='alert alert-warning'>hot</div>", "> [!WARNING]\n> hot"),
        ("<div data-callout=faq><p>x</div>", "> [!FAQ]\n> x"),
        (
            "<div class='admonition note'><p>Note</p><pre>x</pre></div>",
            "Note\n\n```\nx\n```",
        ),
        ("<div class='callout'>Buy now</div>", "Buy now"),
        ("<div class='alert alert-success'>Sent</div>", "Sent"),
        ("<div class='alert alert-info'><h4>New</h4><p>x</div>", "> [!INFO] New\n> x"),
        ("<p>a<hr><hr><p>b<hr>", "a\n\n---\n\nb"),
        ("<p>a<br>b<br><br><br>c", "a\nb\n\nc"),
        ("<p><del>5</del> <ins>4</ins>", "~~5~~ 4"),
        ("<p><q>so</q>", "\u201cso\u201d"),
        ("<ruby>\u6f22<rt>kan</rt></ruby>", "\u6f22(kan)"),
        ("<ruby>\u6f22<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>", "\u6f22(kan)"),
        ("<p>so <img alt='\U0001f642'> <img alt='a photograph'>x", "so \U0001f642 x"),
        ("<figure><img src=x><figcaption>C</figcaption></figure>", "C"),
        ("<details><summary>S</summary><p>x</details>", "S\n\nx"),
        ("<p><code>a</code><code>b</code> <code>x`y</code>", "`ab` ``x`y``"),
        ("<code><div>a</div><div>b</div></code>", "a\n\nb"),
    ],
)
def test_what_a_browser_shows_is_written_as_text(body: str, found: str) -> None:
    assert rendered(body) == found


def test_a_task_keeps_its_box() -> None:
    box = Element("input", {"type": "checkbox", "checked": ""})
    item, tasks = Element("li", {}), Element("ul", {})
    item.children = [box, " done"]
    tasks.children = [item]
    assert markdown.render(tasks, empty_page())[0] == "- [x] done"


# Scripts


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("E = mc<sup>2</sup>", "E = mc\xb2"),
        ("H<sub>2</sub>O", "H\u2082O"),
        ("SO<sub>4</sub><sup>2-</sup>", "SO\u2084\xb2\u207b"),
        ("10<sup>\u22123</sup>", "10\u207b\xb3"),
        ("<i>x</i><sup>2</sup>", "$x^2$"),
        ("<var>a</var><sub>i</sub><sup>2</sup>", "$a_i^2$"),
        ("<em>x<sub>k+1</sub></em>", "$x_{k+1}$"),
        ("x<sup>n+k</sup>", "$x^{n+k}$"),
        ("10<sup>-3/2</sup>", "$10^{-3/2}$"),
        ("e<sup>x<sup>2</sup></sup>", "$e^{x^2}$"),
        ("V<sub>obs</sub>", "$V_{\\text{obs}}$"),
        ("\u03b1<sub>\u03b2</sub>", "$\\alpha_{\\beta}$"),
        ("log<sub>b</sub>", "$\\log_b$"),
        ("CH<sub>x</sub>", "CH_x"),
        ("1<sup>st</sup> and XIX<sup>e</sup>", "1st and XIXe"),
        ("n<sup>o</sup> 5", "no 5"),
        ("Mark<sup>TM</sup>", "Mark\u2122"),
        ("word<sup>*</sup> word<sup>\u2020</sup>", "word* word\u2020"),
        ("word<sup>[3]</sup>", "word[3]"),
        ("name<sup>1,2</sup>", "name\xb9,\xb2"),
        ("Product<sup>beta</sup>", "Product beta"),
        ("$769<sup>.00</sup>", "$769.00"),
        ("$769<sup>00</sup>", "$769.00"),
        ("free,<sup>Footnote \u25ca</sup>", "free, Footnote \u25ca"),
        ("\uffe515k<sup>\u6bcf\u5e74</sup>", "\uffe515k \u6bcf\u5e74"),
        (
            "a note<sup>that is far too long for a power</sup>",
            "a notethat is far too long for a power",
        ),
    ],
)
def test_a_script_is_a_character_a_formula_or_a_word(body: str, found: str) -> None:
    assert rendered(f"<p>{body}</p>") == found


# Notes


REFERENCE_AND_NOTE = {
    "mediawiki": (
        '<sup id="cite_ref-1"><a href="#cite_note-1"><span>[</span>1<span>]</span></a></sup>',
        (
            '<ol class="references"><li id="cite_note-1"><span>^ '
            '<a href="#cite_ref-1"><sup>a</sup></a>'
            "</span> <span>The note.</span></li></ol>"
        ),
    ),
    "github": (
        '<sup><a href="#user-content-fn-1" id="user-content-fnref-1">1</a></sup>',
        (
            '<ol><li id="user-content-fn-1"><p>The note. '
            '<a href="#user-content-fnref-1">\u21a9</a></p>'
            "</li></ol>"
        ),
    ),
    "pandoc": (
        '<a href="#fn1" class="footnote-ref" id="fnref1" role="doc-noteref"><sup>1</sup></a>',
        (
            '<section role="doc-endnotes"><hr><ol><li id="fn1"><p>The note.'
            '<a href="#fnref1">\u21a9\ufe0e'
            "</a></p></li></ol></section>"
        ),
    ),
    "sphinx": (
        '<a class="footnote-reference brackets" href="#id2" id="id1">1</a>',
        (
            '<aside class="footnote brackets" id="id2"><span class="label"><span>[</span><a '
            'href="#id1">1</a><span>]</span></span><p>The note.</p></aside>'
        ),
    ),
    "docutils of old": (
        '<a class="footnote-reference" href="#id2" id="id1">[1]</a>',
        (
            '<table class="footnote" id="id2"><tr><td class="label"><a href="#id1">[1]</a></td>'
            "<td>The note.</td></tr></table>"
        ),
    ),
    "a list of definitions": (
        '<a class="footnote-reference" href="#id2" id="id1">1</a>',
        '<dl><dt id="id2"><a href="#id1">1</a></dt><dd><p>The note.</p></dd></dl>',
    ),
    "substack": (
        '<a class="footnote-anchor" id="footnote-anchor-1" href="#footnote-1">1</a>',
        (
            '<div class="footnote"><a id="footnote-1" href="#footnote-anchor-1">1</a>'
            "<div><p>The note.</p></div></div>"
        ),
    ),
    "word": (
        '<a href="#_ftn1" name="_ftnref1"><sup>[1]</sup></a>',
        '<p><a href="#_ftnref1" name="_ftn1"><sup>[1]</sup></a> The note.</p>',
    ),
    "word without names": (
        '<sup><a href="#_ftn1">[1]</a></sup>',
        '<p><sup><a href="//X#_ftnref1">[1]</a> </sup>The note.</p>',
    ),
    "texinfo": (
        '<a id="DOCF1" href="#FOOT1"><sup>1</sup></a>',
        '<h5><a id="FOOT1" href="#DOCF1">(1)</a></h5><p>The note.</p>',
    ),
    "brackets outside": (
        '<sup>[<a href="#fn1">1</a>]</sup>',
        '<p id="fn1">[1] The note.</p>',
    ),
    "no link": ("<sup>1</sup>", "<p><sup>1</sup> The note.</p>"),
}


@pytest.mark.parametrize("markup", REFERENCE_AND_NOTE)
def test_a_note_is_referred_to_and_defined(markup: str) -> None:
    reference, note = REFERENCE_AND_NOTE[markup]
    found = rendered(f"<p>A sentence.{reference} More.</p>{note}").replace("\n\n---", "")
    assert found == "A sentence.[^1] More.\n\n[^1]: The note."


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<p>so.<sup><a href='#gone'>1</a></sup>", "so.[1]"),
        ("<p>so.<sup>[<a href='#gone'>1</a>]</sup>", "so.[1]"),
        ("<p>so.<sup>1</sup> And 5 m<sup>2</sup>.", "so.\xb9 And 5 m\xb2."),
        (
            "<p>(see <a href='#t'>3</a>)<ul><li><a name=t></a>Exercise 3.</ul>",
            "(see 3)\n\n- Exercise 3.",
        ),
        ("<p><a href='#A'>A</a><h2 id=A>A</h2>", "A\n\n## A"),
        ("<p>x<a href='#y'>\u21a9</a>", "x"),
    ],
)
def test_what_refers_to_no_note_stays_as_it_is(body: str, found: str) -> None:
    assert rendered(body) == found


def test_two_notes_with_one_mark_are_told_apart() -> None:
    found = rendered(
        "<p>a<sup><a href='#x1'>1</a></sup> b<sup><a href='#y1'>1</a></sup>"
        "<p id=x1>1. first<p id=y1>1. second"
    )
    assert found == "a[^1] b[^1-2]\n\n[^1]: first\n[^1-2]: second"


def test_a_list_of_notes_does_not_lose_the_numbers_that_begin_them() -> None:
    found = rendered("<p>a<sup><a href='#n'>1</a></sup><ol><li id=n>1 cup of flour</ol>")
    assert found == "a[^1]\n\n[^1]: 1 cup of flour"


# Laws


TAGS = [
    *("p", "div", "span", "a", "b", "i", "h1", "h2", "ul", "ol", "li", "dl", "dt", "dd", "table"),
    *("tr", "td", "th", "blockquote", "figure", "section", "article", "center", "unknown"),
]
STRINGS = st.text(alphabet="ab XY\n\t.", max_size=8)


def trees(depth: int) -> st.SearchStrategy[Node]:
    if not depth:
        return STRINGS
    below = st.lists(trees(depth - 1), max_size=4)

    def build(tag: str, children: list[Node]) -> Element:
        element = Element(tag, {})
        element.children = children
        return element

    return STRINGS | st.builds(build, st.sampled_from(TAGS), below)


def text_of(node: Node) -> str:
    if isinstance(node, Element):
        return "".join(map(text_of, node.children))
    return node if isinstance(node, str) else ""


@given(st.lists(trees(4), max_size=4))
def test_every_character_of_the_text_is_written_once_and_in_order(nodes: list[Node]) -> None:
    # Markers of lists and tables are the only things added: none of them is a letter or a stop
    # that follows one. A table's caption and strays between its rows are not generated.
    body = Element("body", {})
    body.children = [node for node in nodes if not _has_table_strays(node)]
    found, _ = markdown.render(body, empty_page())
    written = re.sub(r"(?m)^[>\s]*(?:\d+\. |- )*", "", found)
    wanted = [char for char in text_of(body) if char.isalpha()]
    assert [char for char in written if char.isalpha()] == wanted


def _has_table_strays(node: Node) -> bool:
    """Whether a table holds text outside its cells, which no parser leaves there."""
    if not isinstance(node, Element):
        return False
    if node.tag == "table":
        rows = [child for child in node.children if isinstance(child, Element)]
        if len(rows) != len(node.children) or any(row.tag != "tr" for row in rows):
            return True
        for row in rows:
            if any(not isinstance(c, Element) or c.tag not in ("td", "th") for c in row.children):
                return True
    return any(map(_has_table_strays, node.children))


PIECES = """
<p> <div> </div> <table> <tr> <td> <th> </table> <pre> </pre> <code> <br> <li> <ul> </ul> <ol> <dl>
<dt> <dd> <sup> </sup> <sub> <i> <var> <h2> </h2> <blockquote> </blockquote> <hr> <del> <q> <ruby>
<rt> <a~href='#n1'> <a~href='#r1'~id=n1> </a> <li~id=n1> <p~id=n1> <td~id=n1> <img~alt=\u263a>
<div~class='admonition~note'> 1 [1] * \u21a9 $x$ \\( \\) | ` x &#xFDD0; &#xFDD3;0&#xFDD4; &#xFDD5; 2
text.
"""
FRAGMENTS = st.sampled_from([piece.replace("~", " ") for piece in PIECES.split()] + [" "])


@given(st.lists(FRAGMENTS, max_size=50))
def test_any_tree_is_written_without_a_mark_of_ours(pieces: list[str]) -> None:
    assert not re.search("[\ufdd0-\ufdd5]", rendered("".join(pieces)))


@pytest.mark.parametrize(
    "body",
    [
        "<blockquote>" * 200,
        "<ul><li>" * 100,
        "<ol><li><p>" * 70,
        "<dl><dd>x<dt>y<dd>" * 60,
        "<table><tr><td>a<td>" * 70,
        "<del>" * 200,
        "<sup>" * 200,
        "<h1><div>" * 100,
        "<div class='admonition note'>" * 200,
        "<i><q>" * 100,
    ],
)
def test_nesting_is_bounded_and_costs_its_depth_once(body: str) -> None:
    found = rendered(f"{body}{'deep<br>' * 3000}")
    assert found.count("deep") == 3000
    assert len(found) < 200_000
