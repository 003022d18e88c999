"""The content annotator: what a document is made of, and how much mathematics, code and reasoning.

Documents in; sizes, shares and densities out (see ``COLUMNS``). A mixture selects by them:

* mathematics: ``math_ratio`` is the share of the characters outside code and tables that lie in
  formulas, in TeX commands outside formulas, or are mathematical symbols (see ``_TEX_COMMAND``);
* code: ``code_ratio`` is the share of the characters that lie in code blocks and code spans. A
  source file (its ``code`` is not null) is one code block: its ``code_ratio`` is 1.

The four shares ``prose_ratio``, ``formula_ratio``, ``code_ratio`` and ``table_ratio`` add up to 1;
they are null for an empty text, as ``math_ratio`` is where nothing but code and tables is left.
"""

import re
from typing import Annotated

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from filters.rowwise import annotate_texts
from filters.spans import PLACEHOLDER, Span, SpanKind, prose_of, source_file_spans, split_spans
from filters.words import words
from pipeline.errors import ConfigError

COLUMNS = pa.schema(
    [
        pa.field("chars", pa.int64()),
        pa.field("lines", pa.int32()),  # newlines + 1; 0 for an empty text
        pa.field("prose_ratio", pa.float32()),
        pa.field("formula_ratio", pa.float32()),
        pa.field("code_ratio", pa.float32()),
        pa.field("table_ratio", pa.float32()),
        pa.field("formulas", pa.int32()),
        pa.field("code_blocks", pa.int32()),  # fenced ones; a source file is one
        pa.field("math_ratio", pa.float32()),
        pa.field("reasoning_markers_per_1000_words", pa.float32()),  # of prose; null without words
    ]
)

REASONING_MARKERS = (
    "because", "therefore", "thus", "hence", "consequently", "it follows", "follows from",
    "implies", "implying", "suppose", "assume", "assuming", "let us", "let's", "note that",
    "recall that", "observe that", "if and only if", "such that", "so that", "in order to",
    "by definition", "by induction", "by contradiction", "in other words", "on the other hand",
    "in contrast", "this means", "which means", "the reason", "we can see", "we have", "we get",
    "we obtain", "we conclude", "we need to", "firstly", "secondly", "step 1", "step 2", "proof",
    "lemma", "theorem", "corollary", "q.e.d", "whereas", "however", "otherwise", "in general",
    "in particular", "for example", "for instance", "to see why",
)  # fmt: skip
"""Words that tie statements together in English explanations and proofs. Ours: a proxy that costs
nothing, to be replaced by the reasoning depth that a tagger gives."""

# Mathematics that no delimiter encloses: TeX commands of mathematics, Unicode's mathematical
# operators, arrows and alphanumerics, super- and subscript digits, and single Greek letters (a
# Greek word is no formula). ASCII's own signs are left out: every page has them.
_TEX_COMMAND = re.compile(
    r"\\(?:[dt]?frac|sqrt|sum|prod|int|lim|infty|partial|nabla|cdot|times|leq?|geq?|neq|approx|equiv"
    r"|in|subset|cup|cap|to|mapsto|(?:long)?(?:left|right)arrow|left|right|math(?:bb|bf|cal|rm)|text"
    r"|operatorname|over(?:line|set)|under(?:line|set)|hat|bar|vec|sin|cos|tan|log|ln|exp|alpha|beta"
    r"|gamma|delta|(?:var)?epsilon|zeta|eta|theta|lambda|mu|nu|xi|pi|rho|sigma|tau|(?:var)?phi|chi|psi"
    r"|omega|Gamma|Delta|Theta|Lambda|Sigma|Phi|Psi|Omega|begin|end|[lc]?dots|pm|mp)(?![A-Za-z])"
)
_MATHEMATICAL_CHARACTER = re.compile(
    "[\u00b1\u00b2\u00b3\u00b9\u00d7\u00f7\u2070-\u209c\u2190-\u21ff\u2200-\u22ff\u27c0-\u27ef"
    "\u2980-\u2aff\U0001d400-\U0001d7ff]"
    r"|(?<![^\W\d_])[\u0391-\u03c9](?![^\W\d_])"
)


class ContentConfig(BaseModel):
    """Settings of the content annotator."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    reasoning_markers: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=REASONING_MARKERS,
        min_length=1,
        description="Words or phrases counted as signs of reasoning, whatever their case",
    )


class ContentAnnotator:
    """Measures what each document is made of."""

    name = "content"
    version = 1
    columns = COLUMNS

    def __init__(self, config: ContentConfig) -> None:
        self._markers: dict[str, list[tuple[str, ...]]] = {}  # by first word
        for marker in config.reasoning_markers:
            phrase = tuple(words(marker.lower()))
            if not phrase:
                raise ConfigError(f"content.reasoning_markers: {marker!r} holds no word")
            self._markers.setdefault(phrase[0], []).append(phrase)

    def annotate(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """One row of ``columns`` for each document."""
        return annotate_texts(
            documents,
            COLUMNS,
            lambda text: self._measure(text, split_spans(text)),
            measure_source_file=lambda text: self._measure(text, source_file_spans(text)),
        )

    def _measure(self, text: str, spans: list[Span]) -> tuple[float | None, ...]:
        chars = dict.fromkeys(SpanKind, 0)
        formulas = code_blocks = 0
        for span in spans:
            chars[span.kind] += span.end - span.start
            formulas += span.kind is SpanKind.FORMULA
            code_blocks += span.kind is SpanKind.CODE and span.is_block
        prose = prose_of(text, spans).text
        runs = [words(run) for run in prose.lower().split(PLACEHOLDER)]
        num_words = sum(map(len, runs))
        num_markers = sum(map(self._count_markers, runs))
        judged_chars = chars[SpanKind.PROSE] + chars[SpanKind.FORMULA]
        return (
            len(text),
            text.count("\n") + 1 if text else 0,
            *(chars[kind] / len(text) if text else None for kind in SpanKind),
            formulas,
            code_blocks,
            (chars[SpanKind.FORMULA] + _bare_mathematics_chars(prose)) / judged_chars
            if judged_chars
            else None,
            1000 * num_markers / num_words if num_words else None,
        )

    def _count_markers(self, run: list[str]) -> int:
        """Markers in ``run``, a run of lower-case words; each place counts once."""
        places = [index for index, word in enumerate(run) if word in self._markers]
        return sum(
            any(
                tuple(run[index : index + len(phrase)]) == phrase
                for phrase in self._markers[run[index]]
            )
            for index in places
        )


def _bare_mathematics_chars(prose: str) -> int:
    chars = 0
    if "\\" in prose:
        chars += sum(map(len, _TEX_COMMAND.findall(prose)))
    if not prose.isascii():
        chars += len(_MATHEMATICAL_CHARACTER.findall(prose))
    return chars
