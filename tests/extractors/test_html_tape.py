"""The tape and its blocks hold what the parser's tree holds, in the same order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from extractors.html import content_tree
from extractors.html.content import blocks, main_content, tape
from extractors.html.page import parse
from extractors.html.tree import Element, unescape
from tests.support.html_page import whole_page

SOUP = st.lists(
    st.sampled_from(
        [
            *("<p>", "</p>", "<div class='aB c-d'>", "</div>", "<b>", "</b>", "<a href='x?a&b'>"),
            *("</a>", "<ul><li>", "</ul>", "<br>", "<table><tr><td>", "</table>", "<x-y z>"),
            *("<script>if (a<b) '</p>'</script>", "<!-- c <p> -->", "<style>p > a {}</style>"),
            *(
                "text",
                " ",
                "a &amp; b",
                "1 < 2",
                "\u00e9\u4e2d",
                "<pre>x\n  y</pre>",
                "<h2>",
                "</h2>",
            ),
            *("<svg><title>t</title></svg>", "<textarea><p></textarea>", "<img alt='>'>", "&nbsp;"),
        ]
    ),
    max_size=40,
).map("".join)


def texts_of(element: Element) -> list[str]:
    found: list[str] = []
    for child in element.children:
        if isinstance(child, Element):
            found.extend(texts_of(child))
        elif isinstance(child, str):
            found.append(child)
    return found


@given(SOUP)
def test_a_tape_holds_the_texts_of_the_tree(soup: str) -> None:
    html = f"<body>{soup}"
    tree = LexborHTMLParser(html)
    tree.strip_tags(["script", "style", "svg", "textarea", "pre", "iframe"])
    body, _ = whole_page(html)
    nodes = tree.body.traverse(include_text=True)
    wanted = "".join(node.text_content or "" for node in nodes if node.is_text_node)
    assert "".join("".join(texts_of(body)).split()) == "".join(wanted.split())


@given(SOUP)
def test_blocks_are_intervals_of_every_subtree(soup: str) -> None:
    page = parse(f"<body>{soup}")
    found = main_content.read_blocks(page)
    numbers = found.of_node[found.of_node >= 0]
    assert (np.diff(numbers) >= 0).all()
    assert sorted(set(numbers.tolist())) == list(range(len(found)))
    for row in range(len(page.tape)):
        inside = found.of_node[row : page.tape.end[row]]
        inside = inside[inside >= 0]
        if inside.size:
            assert found.first[row] <= inside.min()
            assert found.last[row] == inside.max() + 1


def test_counts_are_of_characters_words_and_links() -> None:
    page = parse("<body><p>Two words, <a href=x>a link</a>.</p><p>\u4e2d\u6587\u5b57\u7b26</p>")
    first, second = main_content.read_blocks(page).counts
    assert first[[blocks.CHARS, blocks.WORDS, blocks.LINK_WORDS, blocks.LINKS]].tolist() == [
        15,
        4,
        2,
        1,
    ]
    assert first[blocks.ENDS_IN_STOP] == 1
    assert second[[blocks.CHARS, blocks.WORDS]].tolist() == [4, 2]


def test_words_of_classes_are_parted_at_hyphens_and_humps() -> None:
    found = tape.read(b'<body><p class="postBody main-text" id="x1"></p></body>')
    wanted = [tape.hash_of(word) for word in ("post", "body", "main", "text")]
    assert found.token_hash.tolist() == wanted


@pytest.mark.parametrize(
    ("attribute", "is_hidden"),
    [
        ('style="display: none"', True),
        ('style="color:red;DISPLAY:NONE"', True),
        ('style="visibility:hidden"', True),
        ("hidden", True),
        ('aria-hidden="true"', True),
        ('aria-hidden="false"', False),
        ('style="overflow:hidden"', False),
        ('style="display:block"', False),
    ],
)
def test_hidden_elements_are_flagged(attribute: str, *, is_hidden: bool) -> None:
    page = parse(f"<body><p {attribute}>x")
    assert bool(page.tape.flags[1]) is is_hidden


def test_attributes_come_back_as_they_were() -> None:
    body, _ = whole_page("<body><p title='a \"b\" &lt; &amp;amp; c' class=x>t")
    (paragraph,) = body.children
    assert isinstance(paragraph, Element)
    assert paragraph.attributes == {"title": 'a "b" < &amp; c', "class": "x"}
    assert paragraph.label == "x "


@given(st.text())
def test_unescaping_undoes_the_serialiser(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("\xa0", "&nbsp;")
    assert unescape(escaped.replace("<", "&lt;").replace(">", "&gt;")) == text


def test_depth_is_bounded_and_nothing_is_lost() -> None:
    body, _ = whole_page("<body>" + "<div>" * 5000 + "deep" + "</div>" * 5000 + "after")
    assert "".join(texts_of(body)) == "deepafter"
    depth = 0
    element = body
    while inner := [child for child in element.children if isinstance(child, Element)]:
        element = inner[0]
        depth += 1
    assert depth <= tape.MAX_DEPTH


def test_what_is_not_kept_is_not_built() -> None:
    page = parse("<body><div><p>one</p><p>two <b>bold</b></p></div><p>three</p>")
    found = main_content.read_blocks(page)
    body = content_tree.build(page, found, np.array([False, True, False]))
    assert "".join(texts_of(body)) == "two bold"


def test_a_stated_heading_is_a_heading() -> None:
    body, _ = whole_page("<body><div role=heading aria-level=3>x</div>")
    (heading,) = body.children
    assert isinstance(heading, Element)
    assert heading.tag == "h3"


@pytest.mark.parametrize(
    "reference", ["&#xfdd1;C7&#xFDD2;", "&#64977C0&#064978;", "\ufdd1F3\ufdd2"]
)
def test_a_page_cannot_forge_a_leaf(reference: str) -> None:
    body, page = whole_page(f"<body><p>{reference}<pre>x</pre>")
    assert len(page.leaves) == 1
    assert "".join(texts_of(body)).strip("CF0123456789") == ""


def test_classes_of_elements_beyond_the_depth_limit_belong_to_no_row() -> None:
    found = tape.read(parse("<body>" + "<span class=deep>" * 300 + "x").tape.markup)
    assert found.token_node.max() < len(found)


def test_a_listing_deep_inside_of_a_formula_is_not_met_twice() -> None:
    inner = "<span>" * 80 + "<pre>x</pre>" * 3 + "</span>" * 80
    _, page = whole_page(f"<body><math><mtext>a</mtext></math><pre>{inner}</pre><pre>y</pre>")
    assert len(page.leaves) == 3
