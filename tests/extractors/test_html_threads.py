"""Threads: forums, questions and answers and comment trees, in the markup of their software."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.html.listings.code_blocks import CodeBlock
from extractors.html.mathematics.formulas import Formula
from extractors.html.threads.thread_gate import may_hold_thread
from extractors.html.threads.threads import Post, Thread, find_thread, header_of
from extractors.html.tree import Element
from tests.support.html_page import empty_page, whole_page

GOLDEN = Path(__file__).parents[1] / "golden" / "extractors" / "html" / "threads"
THREADS = sorted(path.with_suffix("").stem for path in GOLDEN.glob("*.golden"))


def html_of(name: str) -> str:
    return (GOLDEN / f"{name}.html").read_text(encoding="utf-8")


def thread_in(html: str) -> Thread:
    thread = find_thread(*whole_page(html))
    assert thread is not None
    return thread


def words_in(element: Element, excluded: frozenset[int]) -> str:
    pieces = []
    for child in element.children:
        if isinstance(child, str):
            pieces.append(child)
        elif isinstance(child, CodeBlock):
            pieces.append(child.text)
        elif isinstance(child, Formula):
            pieces.append(child.tex)
        elif id(child) not in excluded:
            pieces.append(words_in(child, excluded))
    return " ".join(" ".join(pieces).split())


def said_in(post: Post) -> str:
    excluded = frozenset(map(id, post.excluded))
    return " / ".join(words_in(element, excluded) for element in post.body)


def outline_of(thread: Thread) -> str:
    """A line for the title, and for each post its place, kind and header, and what it says."""
    lines = [f"# {thread.title}"]
    for post in thread.posts:
        lines.append(f"{'  ' * post.depth}[{post.kind}] {header_of(post, has_date=True)}")
        lines.append(f"{'  ' * post.depth}{said_in(post)}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", THREADS)
def test_a_thread_keeps_its_order_authors_votes_and_text(name: str) -> None:
    thread = thread_in(html_of(name))
    assert not thread.is_comment_section
    assert outline_of(thread) == (GOLDEN / f"{name}.golden").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", THREADS)
def test_a_page_with_a_thread_passes_the_gate(name: str) -> None:
    html = html_of(name)
    assert may_hold_thread(whole_page(html)[1], None)


def test_a_page_without_the_words_of_a_thread_does_not_pass_the_gate() -> None:
    html = "<html><body><p>A page about mountains.</p></body></html>"
    assert not may_hold_thread(whole_page(html)[1], None)


def test_comments_below_an_article_are_flagged() -> None:
    thread = find_thread(*whole_page(html_of("article_comments")))
    assert thread is not None
    assert thread.is_comment_section


@pytest.mark.parametrize("name", ["topic_list"])
def test_a_listing_of_topics_is_no_thread(name: str) -> None:
    assert find_thread(*whole_page(html_of(name))) is None


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<p>An article of one paragraph about nothing much.</p>",
        "<div class='review'><a class='author'>a</a><time>2020</time><p>Good shoes.</p></div>" * 3,
        "<table><tr><td>2020-01-01</td><td>12</td></tr><tr><td>2020-01-02</td><td>9</td></tr></table>",
    ],
)
def test_what_is_no_thread_gives_none(body: str) -> None:
    assert find_thread(*whole_page(f"<html><body>{body}</body></html>")) is None


POST = (
    "<div class='post' id='post_{0}'><a class='username' href='/user/u{0}'>u{0}</a>"
    "<time datetime='2024-01-01'></time><div class='post-body'><p>Text number {0} of it.</p>"
    "</div></div>"
)


def test_a_long_thread_keeps_every_post() -> None:
    thread = thread_in("<body>" + "".join(map(POST.format, range(5000))) + "</body>")
    assert len(thread) == 5000
    assert said_in(thread.posts[-1]) == "Text number 4999 of it."


def test_one_post_is_a_thread_only_if_the_page_says_so() -> None:
    question = (
        "<div itemscope itemtype='https://schema.org/Question'><h1>Why?</h1>"
        "<div itemprop='text'>Why is the sky blue at noon?</div>"
        "<span itemprop='author'>ann</span></div>"
    )
    assert find_thread(*whole_page("<body>" + POST.format(1) + "</body>")) is None
    thread = thread_in(f"<body>{question}</body>")
    assert [(post.kind, post.author, said_in(post)) for post in thread.posts] == [
        ("question", "ann", "Why is the sky blue at noon?")
    ]


def test_the_questions_of_a_site_to_itself_are_no_thread() -> None:
    source = '{"@type": "FAQPage", "mainEntity": [{"@type": "Question", "name": "Why?"}]}'
    html = f"<head><script type='application/ld+json'>{source}</script></head><body>@</body>"
    assert find_thread(*whole_page(html.replace("@", POST.format(1)))) is None


@pytest.mark.parametrize("source", ["{", "[]", "7", '{"@type": 7}', '{"@type": ["QAPage", null]}'])
def test_damaged_json_ld_is_passed_over(source: str) -> None:
    html = f"<head><script type='application/ld+json'>{source}</script></head><body>@</body>"
    assert len(thread_in(html.replace("@", POST.format(1) + POST.format(2)))) == 2


def post(**changes: object) -> Post:
    element = Element("div", {})
    values = {
        "element": element,
        "body": (element,),
        "excluded": (),
        "kind": "answer",
        "author": "ann",
        "published_at": "2024-05-01T10:00:00Z",
        "votes": 12,
        "is_accepted": True,
        "depth": 0,
    }
    return Post(**(values | changes))


def test_a_header_names_what_is_known() -> None:
    assert header_of(post()) == "**ann** \xb7 12 votes \xb7 accepted answer"
    assert header_of(post(votes=1, is_accepted=False)) == "**ann** \xb7 1 vote"
    assert header_of(post(votes=0, is_accepted=False)) == "**ann**"
    dated = post(published_at="3 May", votes=None, is_accepted=False)
    assert header_of(dated, has_date=True) == "**ann** \xb7 3 May"
    assert header_of(post(author=None), has_date=True).startswith("2024-05-01 \xb7 12 votes")
    assert header_of(post(author=None, published_at=None, votes=None, is_accepted=False)) == ""


LABELS = st.sampled_from(
    [
        *("post", "comment", "answer", "question", "message-body", "md", "signature", "author"),
        *("username", "date", "vote-count", "accepted-answer", "depth-3", "post-1", "quote"),
        *("sidebar", "\u6295\u7a3f", "-", "--", "\xe9"),
    ]
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["class", "id", "itemprop", "itemtype", "href", "datetime", "score", "depth"]),
    st.one_of(st.none(), st.text(max_size=8), LABELS, st.just("https://schema.org/Answer")),
    max_size=4,
)
LEAVES = st.one_of(
    st.text(max_size=30),
    st.just("2 hours ago"),
    st.just(Formula("x^2", is_display=False)),
    st.just(CodeBlock("x = 1", None)),
)


def element_of(tag: str, attributes: dict[str, str | None], children: list[object]) -> Element:
    element = Element(tag, attributes)
    element.children.extend(children)
    return element


TREES = st.recursive(
    LEAVES,
    lambda nodes: st.builds(
        element_of,
        st.sampled_from(
            ["div", "p", "a", "li", "article", "x-post", "time", "h1", "aside", "form"]
        ),
        ATTRIBUTES,
        st.lists(nodes, max_size=5),
    ),
    max_leaves=40,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(TREES, max_size=4), st.lists(st.text(max_size=40), max_size=2), st.text())
def test_no_tree_makes_it_raise(nodes: list[object], json_ld: list[str], title: str) -> None:
    body = element_of("body", {}, nodes)
    page = replace(empty_page(), json_ld=json_ld, title=title)
    thread = find_thread(body, page)
    for found in thread.posts if thread is not None else ():
        header_of(found)
        assert found.body
