"""Measures of a few sentences: how long, whether they ask, whether they say nothing by themselves.

Words are what is set apart by spaces; a character of Chinese or Japanese counts half a word.
"""

import re

_CODE = re.compile(
    r"(?:^|\n)(`{3,}|~{3,}).*?(?:\n\1|\Z)|`[^`\n]+`|https?://\S+|www\.\S+", re.DOTALL
)
_FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL)
_QUOTE_LINE = re.compile(r"^ *>.*$", re.MULTILINE)
_QUOTE_LEAD = re.compile(
    r"^(?:[^\n]{0,60}\b(?:wrote|said|says|posted)(?: on [^\n]{0,40})?:|Originally (?:posted"
    r"|Posted) by"
    r"[^\n]{0,60}|Quote:|On [^\n]{4,40}, [^\n]{1,40} (?:said|wrote):)\s*$",
    re.MULTILINE,
)
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_WORD = re.compile(r"[^\W_]+")
_ASKS = re.compile(r"[?\uff1f]|[\u5417\u5462](?:[\s\uff0c\u3002\uff01]|$)")
_HELP = re.compile(
    r"\A\W*looking for\b|\b(?:how (?:do I|can I|to|should I)|is there (?:a|any) way"
    r"|any (?:ideas?|tips|help|advice"
    r"|suggestions?|thoughts)|(?:need|looking for|want|appreciate) (?:[\w-]+ ){0,4}(?:help|advice"
    r"|answers?"
    r"|suggestions?|recommendations?)|please (?:help|explain|advise|suggest)"
    r"|recommendations? (?:for|on)|advice (?:on|for|needed|please)|help (?:me|with|needed)"
    r"|can(?:not|'t) (?:figure|get|seem) |doesn'?t work|not working|I(?:'m| am) (?:stuck|wondering"
    r"|confused|looking for)|(?:I'd|I would) like to (?:know|ask|hear)|my questions? (?:is|are)"
    r"|(?:problems?|issues?|errors?|trouble) (?:with|when|while|after)|I need to (?:know|find))\b"
    r"|\u600e\u4e48|\u5982\u4f55|\u4e3a\u4ec0\u4e48|\u8bf7\u95ee|\u6c42\u52a9",
    re.IGNORECASE,
)
_TASK = re.compile(
    r"(?:^|[.;:!?)\]*]\s*(?:\*\*)?|\b(?:then|and|to|please|must) |, )(?:prove|show that|find"
    r"|compute"
    r"|calculate|determine|evaluate|solve|simplify|factor|expand|express|derive|differentiate"
    r"|integrate"
    r"|estimate|sketch|graph|plot|verify|construct|describe|explain|discuss|state|list|give an?"
    r"|write"
    r"|implement|design|convert|round|rewrite|complete|fill in|classify|compare|identify|name|draw"
    r"|translate|answer|define|deduce|decide)\b"
    r"|\b(?:zeige|beweise|berechne|bestimme|l\u00f6se|finde)n?\b"
    r"|\b(?:montrer|calculer|d\u00e9terminer|r\u00e9soudre|d\u00e9montrer|trouver)\b"
    r"|\b(?:calcula|calcule|halla|hallar|demuestra|demuestre|resuelve|encuentra|determina)\b"
    r"|\u043d\u0430\u0439\u0434\u0438\u0442\u0435"
    r"|\u0432\u044b\u0447\u0438\u0441\u043b\u0438\u0442\u0435"
    r"|\u0434\u043e\u043a\u0430\u0436\u0438\u0442\u0435|\u0440\u0435\u0448\u0438\u0442\u0435"
    r"|\u6c42|\u8bc1\u660e|\u8ba1\u7b97|\u89e3\u65b9\u7a0b|\u786e\u5b9a|\u5219",
    re.IGNORECASE | re.MULTILINE,
)
_EMPTY_REPLY = re.compile(
    r"(?:(?:many |big )?(?:thanks|thank you|thx|ty|cheers)\b.{0,80}|\+\s?1\b.{0,40}|bump\b.{0,30}"
    r"|(?:same|me too|same here|same (?:problem|issue|question))\b.{0,60}|following\.?"
    r"|subscribed?\.?"
    r"|any (?:updates?|news|luck|solution)\b.{0,60}|did you (?:ever )?(?:find|solve|fix"
    r"|figure)\b.{0,80}"
    r"|(?:nice|great|good|awesome|lol|haha|wow|agreed|yes|no|yep|nope|ok|okay)\b.{0,30}"
    r"|(?:hi|hello|welcome)\b.{0,60}|\u8c22\u8c22.{0,20}|\u611f\u8c22.{0,20}|\u9876.{0,6}"
    r"|\u540c\u95ee.{0,10}"
    r"|\u652f\u6301.{0,10}|\u6211\u4e5f\u662f.{0,10}|\u8e29.{0,4}|\u8d5e.{0,4})",
    re.IGNORECASE | re.DOTALL,
)
_REMOVED = re.compile(
    r"^\[?(?:removed|deleted|this (?:post|comment|message) (?:has been|was) (?:removed|deleted"
    r"|hidden)"
    r"|welcome to r/|your (?:post|submission) (?:has been|was)|this (?:topic|thread) (?:was"
    r"|has been) "
    r"(?:automatically )?closed|i am a bot|reveal hidden contents\s*$)",
    re.IGNORECASE,
)


_ANNOUNCED = re.compile(
    r"\bmy (?:\w+ )?questions? (?:is|are)\b|\u6211\u7684\u95ee\u9898\u662f", re.IGNORECASE
)

MAX_SENTENCES_A_QUESTION = 12
"""Ours: who tells a story or announces something asks less often, and rather in passing."""

MAX_BARE_EXERCISE_WORDS = 120

_INTERROGATIVE = re.compile(
    r"(?:^|\W)(?:who(?:se|m)?|what|when|where|why|how|which|wer|wie|was|wann|wo|warum"
    r"|welche[rsmn]?|wor\w+|wor\u00fcber|inwie\w+"
    r"|wof\u00fcr|wozu|qui|que|quoi|quand|comment|pourquoi|combien|quel(?:le)?s?|como|cuando|donde"
    r"|quien|cual(?:es)?|cosa|perch\u00e9|quando|dove|chi|quanto|quale)(?:'s|s|'re)?(?!\w)"
    r"|^\W*(?:is|are|were|does|do|did|can|could|will|would|should|has|have|must|may|kann|ist|sind"
    r"|gibt|muss|darf|hat|haben|est-ce)(?!\w)",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """``text`` without code, addresses and quotations, and with a dollar sign for each formula."""
    own = _QUOTE_LINE.sub(" ", _QUOTE_LEAD.sub(" ", text))
    return _FORMULA.sub("$", _CODE.sub(" ", own))


def num_words(text: str) -> float:
    """Words of the prose; half a word for each Chinese or Japanese character."""
    num_cjk = len(_CJK.findall(text))
    return len(_WORD.findall(_CJK.sub(" ", text))) + num_cjk / 2


def has_substance(text: str) -> bool:
    """Whether there is code, a formula or a number that a short text may consist of."""
    return "```" in text or "$" in text or any(char.isdigit() for char in text)


def is_exercise(text: str) -> bool:
    """Whether ``text`` asks: by a question mark or an exercise's imperative."""
    prose = plain(text)
    return bool(_ASKS.search(prose) or _TASK.search(prose))


def is_request(title: str, body: str) -> bool:
    """Whether a thread's first turn is there to ask, and not to tell with a question in it.

    It is if the title asks or calls for help, or if the body begins or ends with a question or such
    a call; a short body may also be a bare exercise ("Prove that ...").
    """
    if _ASKS.search(title) or _HELP.search(title) or _TASK.match(title):
        return True
    prose = plain(body)
    sentences = sentences_of(prose)
    if _ANNOUNCED.search(prose) or any(
        _HELP.search(sentence) for sentence in (*sentences[:4], *sentences[-4:])
    ):
        return True
    asks = [_ASKS.search(sentence) is not None for sentence in sentences]
    if sum(asks) * MAX_SENTENCES_A_QUESTION >= len(asks):
        return any(asks[:2]) or any(asks[-4:])
    is_short = num_words(prose) <= MAX_BARE_EXERCISE_WORDS
    return is_short and has_substance(body) and _TASK.match(prose.strip()) is not None


def has_interrogative(text: str) -> bool:
    """Whether a question has a word that asks, or begins with a verb; rhetorical ones have none."""
    return _INTERROGATIVE.search(text) is not None


def sentences_of(prose: str) -> list[str]:
    """Sentences and lines of a text without formulas and code."""
    parts = re.split(r"(?<=[.!?])\s+|(?<=[\u3002\uff1f\uff01])\s*|\n+", prose)
    return [part.strip() for part in parts if part and part.strip()]


def is_counter_question(text: str) -> bool:
    """Whether a reply asks more than it says: it ends in a question, and half of it are such."""
    sentences = sentences_of(plain(text))
    asking = [part for part in sentences if part.endswith(("?", "\uff1f"))]
    return bool(asking) and 2 * len(asking) >= len(sentences)


def is_empty_reply(text: str) -> bool:
    """Whether a reply thanks, agrees, greets or was removed, and says nothing else."""
    prose = text.strip()
    return _EMPTY_REPLY.fullmatch(prose) is not None or _REMOVED.match(prose) is not None
