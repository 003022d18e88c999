"""Hypothesis strategies: texts that break naive code, documents, and accidental batch splits."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from pipeline.records.document import CODE_TYPE, DOCUMENT_SCHEMA, document_id

NASTY_TEXTS = (
    "",
    " \t\r\n\u00a0\u2003",
    "word " * 2000,
    "x" * 5000,
    "!@#$%^&*()_+-=[]{}|;:,.<>/?~`",
    "\0\x01\x1f\x7f\x85\u2028\u2029",
    "\ufeffbyte order mark \ufffd replacement \ufffc object",
    "e\u0301\u0327\u0308" * 50,
    "\u0e35\u0e48",  # Thai vowel and tone marks without a letter
    "\u4e2d\u6587\u6ca1\u6709\u7a7a\u683c\u3002" * 20,
    "\u0e44\u0e17\u0e22\u0e44\u0e21\u0e48\u0e21\u0e35\u0e0a\u0e48\u0e2d\u0e07",
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e",
    "\u0645\u0631\u062d\u0628\u0627 hello \u05e9\u05dc\u05d5\u05dd \U0001f468\u200d\U0001f469",
    "\u0130stanbul \u0131 \ufb01ne \u1e9e \u01c5",  # letters whose case mapping changes length
    "\U0001d49c \u2211 \u221e \u00b2 \u00bd \u2460",
    "a\r\nb\rc\n\n\n\nd",
    "$$ $ \\( \\[ ``` ~~~ ` \\begin{align}",
    "```python\nprint('$x$')\n```\n\nBoth $x^2$ and \\(y\\).\n\n| a |\n|---|\n| $c$ |\n",
)
"""Texts that a stage must survive with a defined outcome."""

_FRAGMENTS = (
    "the of and to ", "word", "\n", "\n\n", ". ", "# ", "- ", "...", "$x_1$", "$$\na\n$$", "`c`",
    "```\n", "| a |\n|---|\n", "\\[z\\]", "\\", "$", "|", "12", "\u4e2d\u6587", "\u00e9",
    "e\u0301", "\u00a0",
)  # fmt: skip


def texts(max_chars: int = 200) -> st.SearchStrategy[str]:
    """Any text that Arrow can hold (no lone surrogates), with a bias to what breaks parsers."""
    return st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=max_chars),
        st.lists(st.sampled_from(_FRAGMENTS), max_size=max_chars // 4).map("".join),
        st.sampled_from(NASTY_TEXTS),
    )


def _code_facts() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {field.name: st.booleans() for field in CODE_TYPE if pa.types.is_boolean(field.type)},
        optional={"language": st.sampled_from(["Python", "C"])},
    )


@st.composite
def documents(
    draw: st.DrawFn,
    *,
    min_size: int = 0,
    max_size: int = 6,
    text: st.SearchStrategy[str] | None = None,
) -> pa.RecordBatch:
    """A batch of DOCUMENT_SCHEMA with ``min_size`` to ``max_size`` rows and different ids."""
    size = draw(st.integers(min_size, max_size))
    rows: list[dict[str, Any]] = []
    for number in range(size):
        source = draw(st.sampled_from(["web", "papers", "code"]))
        rows.append(
            {
                "id": document_id(source, str(number)),
                "text": draw(texts() if text is None else text),
                "source": source,
                "url": draw(st.none() | st.just(f"https://example.org/{number}")),
                "title": draw(st.none() | texts(20)),
                "media_type": "text/html",
                "fetched_at": draw(st.none() | st.just(datetime(2024, 5, 16, tzinfo=UTC))),
                "provenance": {
                    "archive": "part-0.warc.gz",
                    "offset": number,
                    "extractor": "html",
                    "extractor_version": 1,
                },
                "code": draw(_code_facts()) if draw(st.integers(0, 3)) == 3 else None,
            }
        )
    return pa.RecordBatch.from_pylist(rows, schema=DOCUMENT_SCHEMA)


@st.composite
def random_splits(draw: st.DrawFn, batch: pa.RecordBatch) -> list[pa.RecordBatch]:
    """``batch`` cut at random places into batches, some of them empty; in order."""
    cuts = sorted(draw(st.lists(st.integers(0, len(batch)), max_size=4)))
    return [
        batch.slice(start, end - start)
        for start, end in zip([0, *cuts], [*cuts, len(batch)], strict=True)
    ]
