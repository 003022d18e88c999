"""Code listings in the markup of highlighters, viewers, editors and forums."""

import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

from extractors.html.listings import code_blocks
from extractors.html.listings.code_blocks import NO_CODE, CodeBlock
from extractors.html.survey import survey

CODE = "def f(x):\n    if x:\n\n        return 1"
LINES = CODE.split("\n")
INDENTED = [(len(line) - len(line.lstrip()), line.lstrip()) for line in LINES]


def recognised(markup: str) -> list[tuple[LexborNode, CodeBlock]]:
    """What the parser would set aside: the outermost elements recognised, in order."""
    body = LexborHTMLParser(f"<!doctype html><body>{markup}</body>").body
    assert body is not None
    found: list[tuple[LexborNode, CodeBlock]] = []

    def walk(node: LexborNode) -> None:
        for child in node.iter():
            block = code_blocks.recognise(child, child.tag or "", child.attributes)
            if block is None:
                walk(child)
            else:
                found.append((child, block))

    walk(body)
    return found


def listings(markup: str) -> list[str]:
    return [block.text for _, block in recognised(markup) if block.text]


def numbered(pattern: str) -> str:
    """``pattern`` once a line, with its number, its text, and both parts of the text."""
    return "".join(
        pattern.format(
            n=number, line=line, nbsp=line.replace(" ", "&nbsp;") or "&nbsp;", br=line or "<br>"
        )
        for number, line in enumerate(LINES, 1)
    )


LISTINGS = {
    "plain": f"<pre>{CODE}</pre>",
    "highlight.js": f'<pre><code class="hljs '
    f'language-python"><span>def</span>{CODE[3:]}</code></pre>',
    "highlight.js with a line number plug-in": '<pre><code class="hljs"><table '
    'class="hljs-ln"><tbody>'
    + numbered(
        '<tr><td class="hljs-ln-line hljs-ln-numbers" data-line-number="{n}"><div '
        'class="hljs-ln-n" '
        'data-line-number="{n}"></div></td><td class="hljs-ln-line hljs-ln-code">{line}</td></tr>'
    )
    + "</tbody></table></code></pre>",
    "Pygments, numbers inline": "<div class=highlight><pre>"
    + numbered('<span class="linenos">{n}</span>{line}\n')
    + "</pre></div>",
    "Pygments, numbers as links": "<div class=highlight><pre><span></span>"
    + numbered('<a id="l-{n}" name="l-{n}"></a><span class="lineno">   {n} </span>{line}\n')
    + "</pre></div>",
    "Hugo's Chroma in a table": (
        '<div class="highlight"><div class="chroma"><table class="lntable"><tr><td class="lntd">'
        '<pre class="chroma"><code>'
        + numbered('<span class="lnt">{n}\n</span>')
        + '</code></pre></td><td class="lntd"><pre class="chroma"><code class="language-python" '
        'data-lang="python">'
        + numbered('<span class="line"><span class="cl">{line}\n</span></span>')
        + "</code></pre></td></tr></table></div></div>"
    ),
    "Hugo's Chroma, numbers inline": '<pre class="chroma"><code>'
    + numbered(
        '<span class="line"><span class="ln">{n}</span><span class="cl">{line}\n</span></span>'
    )
    + "</code></pre>",
    "Rouge": (
        '<div class="language-python highlighter-rouge"><div class="highlight"><table '
        'class="rouge-table"><tbody><tr><td class="rouge-gutter gl"><pre class="lineno">'
        + numbered("{n}\n")
        + f"</pre></td><td "
        f'class="rouge-code"><pre>{CODE}\n</pre></td></tr></tbody></table></div></div>'
    ),
    "Prism": f'<pre class="line-numbers language-python"><code class="language-python">{CODE}'
    '<span aria-hidden="true" '
    'class="line-numbers-rows"><span></span><span></span></span></code></pre>',
    "Prism's copy button": (
        f'<div class="code-toolbar"><pre class="language-python"><code>{CODE}</code></pre>'
        '<div class="toolbar"><div class="toolbar-item"><button>Copy</button></div></div></div>'
    ),
    "Docusaurus": '<pre class="prism-code language-python"><code class="codeBlockLines_e6Vv">'
    + numbered(
        '<span class="token-line" style="color:#333"><span class="token '
        'plain">{line}</span><br></span>'
    )
    + "</code></pre>",
    "Shiki": '<pre class="shiki"><code>'
    + "\n".join(
        f'<span class="line"><span style="color:#fff">{line}</span></span>' for line in LINES
    )
    + "</code></pre>",
    "rehype-pretty-code": "<figure data-rehype-pretty-code-figure><pre "
    'data-language="python"><code>'
    + "\n".join(f'<span data-line="">{line}</span>' for line in LINES)
    + "</code></pre></figure>",
    "Expressive Code": '<pre data-language="python"><code>'
    + numbered(
        '<div class="ec-line"><div class="gutter"><div class="ln" '
        'aria-hidden="true">{n}</div></div>'
        '<div class="code"><span>{line}</span></div></div>'
    )
    + "</code></pre>",
    "react-syntax-highlighter": '<pre><code class="language-python" style="white-space: pre;">'
    + numbered(
        '<span class="linenumber react-syntax-highlighter-line-number" style="display: '
        "inline-block; "
        'user-select: none;">{n}</span><span>{line}\n</span>'
    )
    + "</code></pre>",
    "rows with unnamed numbers": '<code class="font-mono"><pre class="flex flex-col">'
    + numbered(
        '<div class="flex flex-row"><span class="text-end">{n}</span><div '
        'class="flex-1">{line}</div></div>'
    )
    + "</pre></code>",
    "SyntaxHighlighter 3": (
        '<div id="highlighter_1" class="syntaxhighlighter python"><div class="toolbar"><span><a '
        'href="#">?</a></span></div><table><tbody><tr><td class="gutter">'
        + numbered('<div class="line number{n} index0 alt2">{n}</div>')
        + '</td><td class="code"><div class="container">'
        + "".join(
            f'<div class="line number{n}"><code class="python spaces">{"&nbsp;" * pad}</code>'
            f'<code class="python plain">{text or "&nbsp;"}</code></div>'
            for n, (pad, text) in enumerate(INDENTED)
        )
        + "</div></td></tr></tbody></table></div>"
    ),
    "SyntaxHighlighter 1": '<div class="dp-highlighter"><div class="bar"><div class="tools">'
    '<a href="#">view plain</a></div></div><ol start="1" class="dp-py">'
    + numbered('<li class="alt"><span><span>{nbsp}</span></span></li>')
    + "</ol></div>",
    "Crayon": (
        '<div class="crayon-syntax"><div class="crayon-toolbar"><span '
        'class="crayon-title">a.py</span>'
        '</div><div class="crayon-plain-wrap"><textarea class="crayon-plain">def</textarea></div>'
        '<div class="crayon-main"><table class="crayon-table"><tr class="crayon-row"><td '
        'class="crayon-nums"><div class="crayon-nums-content">'
        + numbered('<div class="crayon-num">{n}</div>')
        + '</div></td><td class="crayon-code"><div class="crayon-pre">'
        + numbered('<div class="crayon-line" id="c-{n}">{nbsp}</div>')
        + "</div></td></tr></table></div></div>"
    ),
    "GeSHi": '<div class="geshi"><ol>'
    + numbered('<li class="li1"><div class="de1">{nbsp}</div></li>')
    + "</ol></div>",
    "google-code-prettify": '<pre class="prettyprint linenums prettyprinted"><ol class="linenums">'
    + numbered('<li class="L{n}"><span class="kwd">{line}</span></li>')
    + "</ol></pre>",
    "Hexo": (
        '<figure class="highlight python"><figcaption><span>a.py</span></figcaption><table><tr><td '
        'class="gutter"><pre>'
        + numbered('<span class="line">{n}</span><br>')
        + '</pre></td><td class="code"><pre>'
        + numbered('<span class="line">{line}</span><br>')
        + "</pre></td></tr></table></figure>"
    ),
    "GitHub's file view": '<table class="highlight tab-size js-file-line-container"><tbody>'
    + numbered(
        '<tr><td id="L{n}" class="blob-num js-line-number" data-line-number="{n}"></td>\n'
        '<td id="LC{n}" class="blob-code blob-code-inner js-file-line">{line}</td></tr>\n'
    )
    + "</tbody></table>",
    "Gitiles": '<table class="FileContents-lines"><tbody>'
    + numbered(
        '<tr class="u-pre"><td class="FileContents-lineNum" data-line-number="{n}"></td><td '
        'class="FileContents-lineContents">{line}</td></tr>'
    )
    + "</tbody></table>",
    "CodeMirror 5": (
        '<div class="CodeMirror cm-s-default"><div class="CodeMirror-measure"><pre>x</pre></div>'
        '<div class="CodeMirror-code">'
        + numbered(
            '<div style="position: relative;"><div class="CodeMirror-gutter-wrapper"><div '
            'class="CodeMirror-linenumber CodeMirror-gutter-elt">{n}</div></div>'
            '<pre class=" CodeMirror-line "><span>{line}</span></pre></div>'
        )
        + "</div></div>"
    ),
    "CodeMirror 6": (
        '<div class="cm-editor"><div class="cm-scroller"><div class="cm-gutters"><div '
        'class="cm-gutter '
        'cm-lineNumbers">'
        + numbered('<div class="cm-gutterElement">{n}</div>')
        + '</div></div><div class="cm-content">'
        + numbered('<div class="cm-line">{br}</div>')
        + "</div></div></div>"
    ),
    "Ace": '<div class="ace_editor"><div class="ace_gutter">'
    + numbered('<div class="ace_gutter-cell">{n}</div>')
    + '</div><div class="ace_text-layer">'
    + numbered('<div class="ace_line">{line}</div>')
    + "</div></div>",
    "Doxygen": '<div class="fragment">'
    + numbered(
        '<div class="line"><a name="l0000{n}"></a><span class="lineno">    {n}</span>{nbsp}</div>\n'
    )
    + "</div><!-- fragment -->",
    "a label": f'<pre><div class="language-id">py</div><div><code>{CODE}</code></div></pre>',
    "breaks inside pre": "<pre>" + "<br>".join(LINES) + "</pre>",
    "breaks inside code": "<p><code>" + "<br>\n".join(LINES).replace(" ", "&nbsp;") + "</code></p>",
    "a forum's code": '<div class="codeblock"><div class="title">Code:</div><div '
    'class="body"><code>' + "<br>".join(LINES).replace(" ", "&nbsp;") + "</code></div></div>",
    "code that keeps its white space": f'<div><code style="white-space: '
    f'pre">\n{CODE}\n</code></div>',
    "code alone in its paragraph": f"<div>\n<code>{CODE}</code>\n</div>",
    "an old editor's paragraph": "<p>"
    + "<br>\n".join(f"<code>{line.replace(' ', '&nbsp;')}</code>" for line in LINES)
    + "</p>",
    "a style": '<div style="font-family: Consolas, monospace">'
    + "<br>".join(LINES).replace(" ", "&nbsp;")
    + "</div>",
    "xmp": f"<xmp>{CODE}</xmp>",
    "Texinfo's parts of one example": f'<div class="example"><pre class="example">{LINES[0]}\n'
    f'</pre><pre class="example">{chr(10).join(LINES[1:])}\n</pre></div>',
}


@pytest.mark.parametrize("kind", LISTINGS)
def test_a_listing_keeps_its_lines_and_nothing_else(kind: str) -> None:
    assert listings(LISTINGS[kind]) == [CODE]


@pytest.mark.parametrize(
    ("markup", "language"),
    [
        ('<pre class="language-python">x</pre>', "python"),
        ('<pre><code class="lang-c++">x</code></pre>', "c++"),
        ('<pre lang="ruby"><code>x</code></pre>', "ruby"),
        ('<pre lang="en"><code>x</code></pre>', None),
        ('<pre class="src src-emacs-lisp">x</pre>', "emacs-lisp"),
        ('<pre class="brush: jscript; gutter: false">x</pre>', "jscript"),
        ('<pre data-enlighter-language="rust">x</pre>', "rust"),
        (
            ('<pre class="syntaxhighlighter-pre" data-syntaxhighlighter-params="brush: sql; gut'
            'ter: false">x</pre>'),
            "sql",
        ),
        (('<div class="highlight-ipython3 notranslate"><div '
        'class="highlight"><pre>x</pre></div></div>'),
         "python"),
        (('<div class="highlight-default notranslate"><div '
        'class="highlight"><pre>x</pre></div></div>'),
         None),
        ('<div class="highlight highlight-source-shell"><pre>x</pre></div>', "shell"),
        ('<figure class="highlight diff"><pre>x</pre></figure>', "diff"),
        ('<pre class="prettyprint">x</pre>', None),
    ],
)  # fmt: skip
def test_the_language_is_the_one_the_page_names(markup: str, language: str | None) -> None:
    assert [block.language for _, block in recognised(markup)] == [language]


@pytest.mark.parametrize(
    "session",
    [
        ">>> 1 + 1\n2\n>>> for x in y:\n...     pass",
        "$ ls -l\ntotal 0",
        "In [1]: x\nOut[1]: 3",
    ],
)
def test_a_session_keeps_its_prompts(session: str) -> None:
    prompt, _, rest = session.replace(">", "&gt;").partition(" ")
    assert listings(f'<pre><span class="gp">{prompt} </span>{rest}</pre>') == [session]


@pytest.mark.parametrize(
    "markup",
    [
        '<div class="prompt input_prompt">In&nbsp;[1]:</div>',
        '<div class="jp-InputPrompt">[1]:</div>',
        '<a class="copybtn" href="#">Copy</a>',
        '<div class="copy-code-button">Copy code</div>',
        '<td class="linenos"><div class="linenodiv"><pre>1\n2</pre></div></td>',
    ],
)
def test_what_stands_beside_code_is_left_out(markup: str) -> None:
    wrapped = f"<table><tr>{markup}</tr></table>" if markup.startswith("<td") else markup
    assert [block for _, block in recognised(wrapped)] == [NO_CODE]


@pytest.mark.parametrize(
    "markup",
    [
        "<p>The function <code>f</code> takes <code>x</code>.</p>",
        "<p>A long <code>name\nbroken by the page's source</code> in prose.</p>",
        "<p><code>a</code> <code>b</code></p>",
        "<li><code>x</code></li>",
        "<td><code>\n public\n static\n</code></td>",
        '<div class="highlight"><p>A call-out.</p></div>',
        '<div class="highlight">Opening hours:<br>Monday<br>Tuesday</div>',
        '<div class="listing"><ul><li>A flat</li><li>A house</li></ul></div>',
        '<li class="fragment">A slide</li>',
        (
            '<div class="copyright">Copyright 2020 by the authors of this page, all rights '
            "reserved</div>"
        ),
        '<div style="font-family: Courier New"><p>A letter</p><br><br></div>',
        '<p class="prompt">Write an essay.</p>',
    ],
)
def test_what_is_no_listing_is_left_alone(markup: str) -> None:
    assert recognised(markup) == []


def test_numbers_that_are_code_stay() -> None:
    rows = "".join(f'<div class="line"><span class="mi">{n}</span> x</div>' for n in (1, 2, 3))
    assert listings(f"<pre>{rows}</pre>") == ["1 x\n2 x\n3 x"]
    assert listings("<pre><span>1</span>, 2\n<span>5</span>, 6</pre>") == ["1, 2\n5, 6"]


def test_tabs_stay_tabs() -> None:
    assert listings("<pre>all:\n\tcc a.c</pre>") == ["all:\n\tcc a.c"]


@pytest.mark.parametrize("kind", LISTINGS)
def test_the_selector_matches_what_is_recognised(kind: str) -> None:
    tree = LexborHTMLParser(f"<!doctype html><body>{LISTINGS[kind]}</body>")
    matched = {node.mem_id for node in tree.css(code_blocks.SELECTOR)}
    for node in tree.css("body *"):
        if code_blocks.recognise(node, node.tag or "", node.attributes) is not None:
            assert node.mem_id in matched
            assert survey(LISTINGS[kind]).may_hold_code
