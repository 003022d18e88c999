r"""Question and answer in a thread, as the page extractor writes it.

A thread begins with a title (``# ...``). Each turn has a line of who speaks: ``**ann**``, votes and
"accepted answer", middle dots between them and as many arrows before them as the turn is nested
deep; what is not known is left out (see ``extractors.html.threads.turns``). The first turn asks;
what is kept of the others is one answer: the accepted one, else the one with most votes, else the
first with substance by someone else. Forums without votes often have their best answer first, and
later turns answer other turns.
"""

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from synth.questions import prose
from synth.questions.blocks import Block, split_blocks
from synth.questions.labels import label_of
from synth.questions.question_answer import Candidate, Passage, passage_of

MIN_ANSWER_WORDS = 12
"""Ours: fewer say "try the other driver" to one who knows the rest of the thread."""

MIN_COMMENT_WORDS = 30
"""Ours: where all replies are nested they may be comments on the question, which are short."""

MIN_VOTES = 2
"""Ours: one vote is a friend's, or the author's own; the answer must then have substance."""

MIN_REPEATED_LETTERS = 24
"""Ours: shorter lines of a question, such as "Hello", are in many an answer by chance."""

MAX_AUTHOR_WORDS = 6
MAX_AUTHOR_CHARS = 60
"""Of a name; the extractor takes nothing longer for one."""

MIN_OPENING_CHARS = 80
"""Ours: of a first turn that nobody signs; shorter texts below a title are a page's furniture."""

MIN_SIGNED_TURNS = 3

_HEADER = re.compile(
    r"(?P<depth>\u21b3{1,8}(?: |$))?(?=\*\*|[-\d]|accepted)"
    r"(?:\*\*(?P<author>(?:[^*\n]|\\\*|(?<=\w)\*(?!\*))+)\*\*)?"
    r"(?: \u00b7 |(?<![*\w])|$)(?:(?P<votes>-?\d{1,9}) votes?)?(?: \u00b7 |$|(?=accepted))"
    r"(?P<accepted>accepted answer)?"
)
_NO_AUTHOR = re.compile(
    r"(?:edit|update|note|tl;?dr|warning|caution|disclaimer|step|part|important|example|background"
    r"|problem|question|pros|cons|summary|conclusion|introduction|overview|requirements?|details?"
    r"|parameters?|returns?|features?|budget|specs?|method|result|fix|cause|option|p\.?s)s?\b"
    r"|.*[:?!;,\u3002\uff1f\uff1a]$",
    re.IGNORECASE,
)
_MARKS = re.compile(r"^(?:#{1,6} +|> ?)+")
_QUOTE_MARK = re.compile(r"^ *> ?", re.MULTILINE)
_FURNITURE = re.compile(
    r"(?:(?:asked|answered|posted|updated|edited|reply|created) ?:? ?)?(?:(?:on )?(?:january"
    r"|february"
    r"|march|april|may|june|july|august|september|october|november|december)[a-z]* \d{1,2},? \d{4}"
    r"|\d{4}[-/]\d\d?[-/]\d\d?)[,\s]*(?:at )?[\d:. apm+]{0,24}|"
    r"(?:last )?edited (?:by|on|at)\b.{0,80}|sent from my\b.{0,60}|re: .{0,200}|posted (?:by"
    r"|on)\b.{0,80}"
    r"|originally posted by .{0,100}|\S{1,30} (?:wrote|said):|quote:?|reply|share|report|like"
    r"|#\d{1,5}|click to "
    r"expand.{0,5}|this question already has (?:an )?answers? here:?|reveal hidden contents",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Turn:
    """One turn: the blocks of its body are ``blocks[first:last]``."""

    author: str | None
    depth: int
    votes: int | None
    is_accepted: bool
    first: int
    last: int


@dataclass(frozen=True)
class _Header:
    author: str | None
    depth: int
    votes: int | None
    is_accepted: bool

    @property
    def is_marked(self) -> bool:
        """Whether it can be nothing else, as a bold line alone can."""
        return bool(self.depth or self.votes is not None or self.is_accepted)


def find_thread_pair(document: str) -> tuple[bool, Candidate | None]:
    """Whether the document is a thread, and its pair; None where nobody asks or answers."""
    blocks = split_blocks(document)
    headers = _headers(blocks)
    if not headers:
        return False, None
    turns = _turns(blocks, headers)
    if len(turns) < 2:  # noqa: PLR2004 - a question and an answer
        return True, None
    opening = turns[0]
    title = blocks[0] if blocks[0].level == 1 else None
    asked = _question(document, blocks, title, opening)
    if asked is None:
        return True, None
    found = _best_answer(
        document, blocks, turns, asked, drops_quotes=not _is_quoted(opening, blocks)
    )
    if found is None:
        return True, None
    turn, answer = found
    return True, Candidate(
        kind="forum",
        question=asked,
        answer=answer,
        votes=turn.votes,
        is_accepted=turn.is_accepted,
    )


def _headers(blocks: list[Block]) -> dict[int, _Header]:
    """The lines of who speaks by number of the block; none where the document is no thread."""
    found = {
        number: header
        for number, block in enumerate(blocks)
        if block.kind in ("text", "item") and (header := _header(block.text)) is not None
    }
    opens = bool(blocks) and blocks[0].level == 1
    names = Counter(header.author for header in found.values())
    is_thread = (
        any(header.is_marked for header in found.values())
        or (opens and 1 in found)
        or 0 in found
        or (len(found) >= MIN_SIGNED_TURNS and max(names.values()) > 1)
    )
    return found if is_thread else {}


def _header(text: str) -> _Header | None:
    if "\n" in text or len(text) > 2 * MAX_AUTHOR_CHARS:
        return None
    match = _HEADER.fullmatch(text)
    if match is None:
        return None
    author, depth = match["author"], len((match["depth"] or "").strip())
    votes = None if match["votes"] is None else int(match["votes"])
    header = _Header(author, depth, votes, match["accepted"] is not None)
    if author is None:
        return header if header.is_marked else None
    is_name = len(author) <= MAX_AUTHOR_CHARS and len(author.split()) <= MAX_AUTHOR_WORDS
    is_label = (len(author) > 1 and label_of(text) is not None) or _NO_AUTHOR.fullmatch(
        author
    ) is not None
    return header if header.is_marked or (is_name and not is_label) else None


def _turns(blocks: list[Block], headers: dict[int, _Header]) -> list[_Turn]:
    starts = [*sorted(headers), len(blocks)]
    turns = [
        _Turn(**vars(headers[start]), first=start + 1, last=end)
        for start, end in pairwise(starts)
        if start + 1 < end
    ]
    first = 1 if blocks[0].level == 1 else 0
    unsigned = blocks[first : starts[0]]
    if sum(len(block.text) for block in unsigned) >= MIN_OPENING_CHARS:
        turns.insert(0, _Turn(None, 0, None, False, first, starts[0]))
    return turns


def _question(
    document: str, blocks: list[Block], title: Block | None, opening: _Turn
) -> Passage | None:
    body = _written(blocks[opening.first : opening.last], drops_quotes=False)
    if not body:
        return None
    said = document[body[0].start : body[-1].end]
    heading = "" if title is None else title.text.lstrip("# ")
    if _is_quoted(opening, blocks):
        said = _QUOTE_MARK.sub("", said)
    if not prose.is_request(heading, said):
        return None
    spans = _spans(body)
    if title is not None and not _begins_with(said, heading):
        spans = ((title.end - len(heading), title.end), *spans)
    return passage_of(document, spans)


def _is_quoted(turn: _Turn, blocks: list[Block]) -> bool:
    """A first turn that is one quotation quotes nobody: some forums set every turn so."""
    return all(block.kind == "quote" for block in blocks[turn.first : turn.last])


def _begins_with(text: str, heading: str) -> bool:
    return _letters(text).startswith(_letters(heading))


def _best_answer(
    document: str, blocks: list[Block], turns: list[_Turn], asked: Passage, *, drops_quotes: bool
) -> tuple[_Turn, Passage] | None:
    asker, replies = turns[0].author, turns[1:]
    accepted = [turn for turn in replies if turn.is_accepted]
    top = min(turn.depth for turn in replies)
    answers = [
        turn
        for turn in replies
        if turn.depth == top and (turn.author is None or turn.author != asker)
    ]
    voted = sorted(answers, key=lambda turn: -(turn.votes or 0))
    is_nested = top > turns[0].depth and len(answers) > 1
    least = MIN_COMMENT_WORDS if is_nested else MIN_ANSWER_WORDS
    known = _letters(asked.text_in(document))
    trusted = [*accepted, *(turn for turn in voted if (turn.votes or 0) >= MIN_VOTES)]
    for number, turn in enumerate([*trusted, *answers]):
        body = _written(blocks[turn.first : turn.last], drops_quotes=drops_quotes)
        while body and _is_repeated(body[0], known):  # quoted without a mark
            body.pop(0)
        if not body:
            continue
        answer = passage_of(document, _spans(body))
        said = answer.text_in(document)
        if not drops_quotes:
            said = _QUOTE_MARK.sub("", said)
        if prose.is_empty_reply(said) or (prose.is_counter_question(said) and not turn.is_accepted):
            continue
        if num_said(said) >= (1 if number < len(trusted) else least):
            return turn, answer
    return None


def _is_repeated(block: Block, known: str) -> bool:
    letters = _letters(block.text)
    return block.kind == "text" and len(letters) >= MIN_REPEATED_LETTERS and letters in known


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


def num_said(text: str) -> float:
    """Words of a reply that are its own, with 12 for a listing or a displayed formula."""
    own = prose.num_words(prose.plain(text))
    return own + (MIN_ANSWER_WORDS if "```" in text or "$$" in text else 0)


def _written(blocks: list[Block], *, drops_quotes: bool) -> list[Block]:
    """What a turn says: without furniture, and an answer without the quotation it begins with."""
    kept = [
        block
        for block in blocks
        if block.kind != "rule" and not _FURNITURE.fullmatch(_MARKS.sub("", block.text))
    ]
    if drops_quotes:
        while kept and kept[0].kind == "quote":
            kept.pop(0)
    return kept


def _spans(blocks: list[Block]) -> tuple[tuple[int, int], ...]:
    return tuple((block.start, block.end) for block in blocks)
