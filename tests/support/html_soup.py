"""Pages as no author writes them: soups of tags, marks and text that break parsers of pages.

The tokens are what the extractor treats in some special way, and what HTML itself does. Hypothesis
and fuzzers that feed bytes (see ``soup_of``) build pages from the same ones.
"""

import re
from dataclasses import asdict
from typing import get_args

from hypothesis import strategies as st

from extractors.extraction import Extraction, NotADocumentError
from extractors.html import Engine, extract

ENGINES: tuple[Engine, ...] = get_args(Engine)

_TAGS = r"""
<html lang=en> <head> </head> <body> <title> </title> <base href=//b> <meta charset=utf-16>
<meta charset=gbk> <meta name=date content=2021-03-04> <meta property=og:title content=&#0;>
<link rel=canonical href=//[> <link rel=license href=/l> <p> </p> <div> </div> <span> </span> <br>
<br/> <hr> <wbr> <a href=/x> <a href=javascript:x> <a name=y> </a> <b> </b> <i> </i> <em> <strong>
</strong> <s> <sup> <sub> </sup> <small> <font> <center> <nobr> <blockquote> </blockquote> <q> <h1>
</h1> <h2> <h6> </h6> <header> <footer> </footer> <nav> </nav> <aside> </aside> <main> </main>
<article> </article> <section> <figure> <figcaption> </figure> <details> <summary> <address> <time>
<ul> </ul> <ol> <ol start=-1> <ol start=9999999999999999999> <ol reversed> <ol type=a> </ol> <li>
<li value=x> </li> <dl> <dt> <dd> </dl> <menu> <dir> <table> </table> <caption> <thead> <tbody>
<tfoot> <tr> </tr> <td> </td> <th> <td colspan=1000> <td rowspan=65534> <td colspan=-1>
<td colspan=0 rowspan=0> <th scope=row> <col> <colgroup> <table role=presentation>
<table class=highlighttable> <td class=linenos> <td class=code> <td class=blob-code>
<td data-line-number=1> <table class=infobox> <pre> </pre> <pre class=brush:py> <code> </code>
<code class=language-py> <code class=hljs> <samp> <kbd> <tt> <var> <xmp> </xmp> <listing>
<plaintext> <textarea> </textarea> <div class=highlight> <div class=line> <span class=line>
<div class=codehilite> <div class=CodeMirror> <div class=cm-editor> <div class=syntaxhighlighter>
<span class=lineno> <button> </button> <form> <input> <input type=checkbox checked> <select>
<option> <label> <fieldset> <script> </script> <script type=math/tex> <style> </style>
<script type="math/tex; mode=display"> <script type=application/ld+json>
<script type=application/json> <noscript> </noscript> <template> </template>
<template shadowrootmode=open> <iframe> </iframe> <object> <embed> <video> <audio> <canvas> <map>
<frameset> <frame> <noframes> <math> </math> <math display=block> <math alttext=\frac{a}{b}>
<semantics> <annotation> <annotation encoding=application/x-tex> </annotation>
<annotation-xml encoding=text/html> <mrow> </mrow> <mi> </mi> <mn> <mo> <mtext> <ms> <mfrac> <msup>
<msub> <msubsup> <munderover> <msqrt> <mroot> <mtable> <mtr> <mtd> <mmultiscripts> <mprescripts>
<mfenced> <menclose> <mstyle> <mspace> <mphantom> <maction> <merror> <span class=katex>
<span class=katex-html aria-hidden=true> <span class=katex-mathml> <span class=MathJax>
<span class=MathJax_Preview> <mjx-container> <mjx-assistive-mml> <mjx-math> <mjx-c class=mjx-c1D465>
<span class=mwe-math-element> <span class="math inline"> <span class=math-container>
<span data-tex=x^2> <span data-value=$> <img> <img alt=$x$ class=latex> <img alt=\frac{a}{b}>
<img src=data:image/png;base64,iVBORw0KGgo> <img src=//latex.codecogs.com/gif.latex?x%5E2> <svg>
</svg> <foreignObject> <desc> <g> <use href=#MJX-1> <div hidden> <div style=display:none>
<div aria-hidden=true> <div class=post> <div class=comment id=c1>
<div class=answer itemprop=suggestedAnswer> <div class=question> <article class=topic-post>
<div itemscope itemtype=//schema.org/Comment> <span itemprop=author> <div class=author>
<time datetime=2021-03-04> <div class=signature> <div class=vote-count> <table class=forumline>
<div class=sidebar> <div class=breadcrumbs> <div id=content> <div id=comments>
<div class=cookie-banner> <ins> <del> <ruby> <rt> <rp> <bdo> <marquee> <image> <isindex> <keygen>
<x-y> <a:b> <p/> </br> </> <> <!> <!--> <!---> <![CDATA[ ]]> <!doctype html> <?xml version="1.0"?>
<p " = '> </p x=y>
"""

_UNCLOSED = """
< <p </p < <? <! <!-- --> --!> <![CDATA[ ]]> <!doctype <a\thref=" <a\thref=' <p\ta=b\ta=c " ' > />
"""

_TEXTS = r"""
& &amp; &lt; &#60; &nbsp; &#0; &#xD800; &#x110000; &#xFDD1; &notit; &AMP &#38;lt; &zwj;
$ $$ $5 $x^2$ \( \) \[ \] \\ \$ \begin{align} \end{align} \begin{equation} \end{equation}
\frac{a}{b} x^2 a_b { } [tex] [/tex] [math] ` `` ``` ~~~ * ** _ # - + 1. | || [ ]( ]: ! :--- word
[latex] Reply Share 2021-03-04 http://example.org/
"""

_SPACED = (
    "\n", "\n\n", "\r", "\t", " ", "    ", "\0", "\x01", "\x0c", "\x85", "\xa0", "\xad", "\u200b",
    "\u200f", "\u2028", "\u2062", "\ufeff", "\ufffc", "\ufffd", "\ufdd0", "\u2211", "\u03b1",
    "\u4e2d\u6587", "\u0e44\u0e17\u0e22", "\u0627\u0644", "e\u0301", "\U0001f600", "def f(x):",
    "\n    return x\n", "$$\na\n$$", "Posted by ", "12 comments",
    "A sentence of some length, with a comma, that could stand in a page. ",
)  # fmt: skip

_BYTES = (
    b"\xff",
    b"\xfe\xff",
    b"\xed\xa0\x80",  # half a surrogate pair, as UTF-8 must not have it
    b"\xf4\x90\x80\x80",  # beyond Unicode
    b"\xc0\x80",  # an overlong NUL
    b"\xe4",
    b"\x00",
    b"\x1b$B",  # ISO-2022-JP goes over to Kanji
    b"~{",  # HZ does
    b"\x1f\x8b\x08",
    b"%PDF-1.4",
    b"\x80\x81",
)

TOKENS = tuple(
    word.encode() if isinstance(word, str) else word
    for word in (
        *re.findall(r"<[^<>]*>", _TAGS),
        *(word.replace("\t", " ") for word in re.split(r"[ \n]+", _UNCLOSED.strip())),
        *_TEXTS.split(),
        *_SPACED,
        *_BYTES,
    )
)
"""What a page is made of."""

MAX_REPEATS = 300

LABELS = ("utf-8", "utf-16", "utf-16-le", "gbk", "shift_jis", "iso-2022-jp", "hz-gb-2312", "x-user")
URLS = ("http://example.org/a/b?c=d#e", "http://[bad", "", "//x", "data:,", "http://example.org:x/")


def soups(max_tokens: int = 60) -> st.SearchStrategy[bytes]:
    """Pages of some tokens, a few of them many times over, with text and bytes of any kind."""
    tokens = st.sampled_from(TOKENS)
    piece = st.one_of(
        tokens,
        tokens,
        st.builds(lambda token, times: token * times, tokens, st.integers(2, MAX_REPEATS)),
        st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.binary(max_size=10),
    )
    return st.lists(piece, max_size=max_tokens).map(b"".join)


def soup_of(numbers: bytes) -> bytes:
    """A page from a fuzzer's bytes: two a token; the last numbers repeat the token after them."""
    page = []
    times = 1
    for high, low in zip(numbers[::2], numbers[1::2], strict=False):
        index = (high << 8 | low) % (len(TOKENS) + MAX_REPEATS)
        if index >= len(TOKENS):
            times = index - len(TOKENS) + 1
            continue
        page.append(TOKENS[index] * times)
        times = 1
    return b"".join(page)


def read(
    page: bytes, url: str | None = None, charset: str | None = None, engine: Engine = "reasonmill"
) -> Extraction | tuple[str, str | None]:
    """What was extracted, or the reason and value of a judgement; nothing else may be raised."""
    try:
        return extract(page, url, charset=charset, engine=engine)
    except NotADocumentError as judged:
        return judged.reason, judged.value


def check(
    page: bytes, url: str | None = None, charset: str | None = None, engine: Engine = "reasonmill"
) -> None:
    """AssertionError unless ``page`` becomes sound text or a judgement, twice the same."""
    found = read(page, url, charset, engine)
    assert read(page, url, charset, engine) == found
    if not isinstance(found, Extraction):
        assert found[0].startswith(("text.", "html."))
        return
    assert found.text.strip()
    # Sound: what Arrow, JSON and UTF-8 hold, and what no C reader cuts short.
    for value in asdict(found).values():
        if isinstance(value, str):
            assert "\0" not in value
            value.encode()
    structure = asdict(found.structure)
    for name, kept in structure.items():
        if name.endswith("_kept") and kept is not None:
            assert 0 <= kept <= structure[name.replace("_kept", "_found")]
