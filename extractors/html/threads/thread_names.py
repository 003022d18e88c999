"""What the names on elements of a forum page say: who wrote, when, what, and what is furniture.

Forum software differs in its markup, not in its vocabulary: ``message-body``, ``postbody``,
``comment_text`` and ``answer-content`` are one word for "part of a turn" and one for "what was
written". Names are therefore split into words (at hyphens, underscores and capitals) and judged by
them; as in English, the last word is the head noun (``post-author`` is an author, ``user-content``
is content). The word lists were made from the markup of the forum software that
:mod:`extractors.html.threads.threads` names, on the development pages; matching is in lower case.
"""

import re
from functools import lru_cache
from typing import Literal

WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|#")
DIGITS = re.compile(r"\d+")
MAX_LABEL_CHARS = 400
"""Longer labels are cut: utility classes run to 300 characters, and names come first (ours)."""

CACHE_SIZE = 1 << 14
"""Labels judged once: a page has hundreds, a run of pages of one software hardly more."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


POST_WORDS = _words(
    "post posts postbit postbox blockpost postcontainer postwrapper message msg comment "
    "commentpost "
    "comtr reply answer question thing shout bubble entry status toot tweet posting article cpost "
    "hentry submission discussion athing response windowbg postrow plhin notecard note opinion"
)
"""Words that name one turn of a thread."""

COMMENT_WORDS = _words("comment comtr reply response opinion note")
STRICT_COMMENT_WORDS = _words("comment reply comtr")
"""Words that name an answer to a turn; the second suffice inside another turn."""

FORUM_WORDS = _words(
    "post posts postbit blockpost postcontainer message msg reply answer cpost thing topic thread "
    "commentpost plhin windowbg postrow bubble toot tweet status"
)
"""Words of turns that no article's page uses for its comments, cards of other pages aside."""

BLOG_WORDS = _words("blog hentry article news story card excerpt learn feed teaser")
"""Words of repeated parts of blogs and magazines."""

PAGE_WORDS = _words("blog hentry entry")
"""Words of an article around or before comments."""

THREAD_WORDS = _words(
    "forum forums thread threads topic discussion discussions board viewtopic viewthread "
    "showthread discussionlist messagelist bbs bbpress postlist"
)
"""Words that name the whole of a thread or of its forum."""

TOPIC_WORDS = _words("thread topic discussion forum")
ROW_WORDS = _words("list item row bit")
"""Words that together name a topic in a listing of topics."""

PART_WORDS = _words(
    "cell inner main right left user side head body header footer content top bottom meta list "
    "lists component section group area page layout"
)
"""Last words of names of parts of a turn, or of several turns."""

BODY_WORDS = _words(
    "body text content contents contentmain copy prose cooked markup markdown richtext rich "
    "html "
    "postbody postcontent posttext postmsg postmessage commtext commentbody commenttext usertext "
    "messagebody messagecontent bodytext usercontent postarea textcontent toptext formatted bbcode"
)
"""Words that name what was written in a turn."""

WHOLE_WORDS = _words(
    "postbody postcontent posttext postmsg postmessage commtext commentbody commenttext usertext "
    "messagebody messagecontent cooked markdown"
)
"""Those that name a turn as well."""

MARKDOWN = ("md",)
"""Reddit's name for it; in other names "md" is a width of the screen."""

PLAIN_PARTS = _words("message msg description inner")
"""Words that do so after a word for a turn, as in ``post_message``."""

AUTHOR_WORDS = _words(
    "author username user poster nick nickname fn creator hnuser postername authorname userlink "
    "screenname handle postauthor commentauthor displayname byline usernick member"
)
DATE_WORDS = _words(
    "date time timestamp timeago ago age posted published datetime relativetime dateline livestamp "
    "created createdat postdate posttime postdated postedon pubdate when"
)
VOTE_WORDS = _words(
    "vote votes score scores points point upvotes upvote likes like karma rating thumbs count "
    "votecount reputation kudos up"
)
VOTE_MARKS = _words(
    "vote votes score scores points upvotes upvote likes like karma kudos votecount"
)
COUNT_WORDS = _words("count value number total text")
REPUTATION_WORDS = _words("reputation rep user author profile karma badge")
"""Words of a count that is the writer's, not the turn's."""

ACCEPTED_WORDS = _words("accepted solution bestanswer solved acceptedanswer")
CARD_WORDS = _words(
    "postleft postauthor userinfo userbox usercard authorpane userpane postprofile postuser poster "
    "authorbox"
)
"""Words that name the card with a writer's name, picture and counts."""

MEMBERSHIP_WORDS = _words("postprofile joined registered membersince userextras")
"""Words of the parts of such a card that have the date on which the writer became a member."""

BESIDE_NAME_WORDS = _words(
    "badge badges rank title role tooltip karma reputation rep count hidden status date time level "
    "label flair points stars online offline only"
)
"""Words of what stands beside a name on such a card."""

FURNITURE_HEADS = (
    AUTHOR_WORDS
    | DATE_WORDS
    | _words(
        "name avatar avatars profile userinfo userdetails postprofile usercard card gravatar badge "
        "badges rank ranks titles subject header head heading posthead posthdr postheader footer "
        "foot postfoot postfooter meta metadata metas infos actions action controls control button "
        "buttons btn btns toolbar toolbars tools menu dropdown vote votes voting voter score likes "
        "like reactions reaction share shares sharing report flag permalink attribution edited "
        "edit "
        "editor lastedit lastmod lastmodified editinfo notice notices bookmark options links nav "
        "pagination pager ad ads advert advertisement promo sponsor related similar form count "
        "counts counter number num postnumber postnum tooltip popup tags tag location joined reply "
        "replies signature signatures quotebutton thanks thank thanked awards trophy trophies "
        "stats stat statistics userstats postdetails authorpane usertitle userbox online icons "
        "icon "
        "flair karma follow followers subscribe invite moderation mod warn liked likers toggle "
        "operations operate postmenu userpane userarea authi pls plhead"
    )
) - _words("when age member")
"""Head nouns of what surrounds the written text inside a turn."""

FURNITURE_ANYWHERE = _words(
    "signature postsignature attribution postprofile avatar userinfo usercard reactions "
    "lastedit "
    "postfoot postfooter permalink gravatar authorpane userpane"
)
"""Words that name furniture wherever they stand in a name."""

SIGNATURE = ("sig",)
"""A signature's short name; in longer names the word may say that a post has one."""

CONTAINER_ENDS = BODY_WORDS | PLAIN_PARTS | _words("wrapper wrap container box cell main row")
"""Last words that do not say what is inside."""

PREFIX_WORDS = _words("has no with is js")
"""First words of a class that says something of its element, such as ``has-author``."""

CONTROL_TEXTS = frozenset(
    (
        *("reply", "quote", "share", "report", "like", "link", "permalink", "edit", "flag"),
        *("parent", "thread", "| thread", "save", "follow", "copy link", "more", "up", "down"),
        *("upvote", "downvote", "unlike", "delete", "reply with quote", "add a comment"),
        *("show more comments", "give award", "collapse", "hide", "cite", "thanks", "top", "#"),
        *("click to expand...", "post reply", "go to solution", "thread starter", "quick reply"),
        *("reply to this", "antworten", "zitieren", "melden", "r\u00e9pondre", "citer"),
        *("responder", "citar", "\u56de\u590d", "\u4e3e\u62a5", "\u5206\u4eab", "\u8d5e"),
        *("\u6536\u85cf", "\u56de\u7b54", "\u8bc4\u8bba"),
    )
)
"""Texts of the controls of a turn, in lower case, that stand in elements without a name."""

MAX_CONTROL_CHARS = 24

LISTING_WORDS = _words(
    "review reviews product products teaser preview summary excerpt result results widget sidebar "
    "quote blockquote related similar recommended recent hot trending tag tags user author avatar "
    "footer header nav menu modal dialog form editor ad ads promo breadcrumb breadcrumbs "
    "pagination "
    "notice attachment attachments signature quoted bbcodeblock cookie consent ot notification "
    "topiclist structitem threadbit statusbar"
)
"""Words of repeated elements that are no turns: listings, quotations, cards and banners."""

AUTHOR_HREF = re.compile(
    r"/(?:users?|u|member|members|profile|profiles|people|author|authors|account)/[^/?#]|/@[^/?#]|"
    r"/~\w|(?:action=profile|memberlist\.php\?mode=viewprofile|member\.php\?|profile\.php\?|"
    r"[?&](?:uid|user_?id|userid|u)=|space-uid|space[-_]username|/user\?id=|user_profile|showuser)",
    re.IGNORECASE,
)
"""Addresses of profiles in the forum software of the development pages."""

MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
DATE_TEXT = re.compile(
    r"\b(?:19|20)\d\d\s?[-/.\u5e74]\s?\d{1,2}\b|\b\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d\d\b|"
    rf"\b{MONTH}\.?\s+(?:\d{{1,2}}\b|'?\d\d\b|(?:19|20)\d\d)|"
    rf"\b\d{{1,2}}(?:st|nd|rd|th)?\s+{MONTH}\b|"
    r"\b(?:\d+|an?)\s*(?:sec|second|min|minute|hour|hr|day|week|month|mo|year|yr|y|d|h|m)s?\.?\s*"
    r"ago\b|\b(?:yesterday|today)\b|"
    r"\d+\s?(?:\u5206\u949f|\u5c0f\u65f6|\u5929|\u4e2a?\u6708|\u5e74)\u524d",
    re.IGNORECASE,
)
MIN_DATE_CHARS = 4
MAX_DATE_CHARS = 60
"""A date stands in a short text of its own: "Posted: Thu Aug 08, 2006 11:23:55 AM" has 40."""

HEADS = {"author": AUTHOR_WORDS, "date": DATE_WORDS, "vote": VOTE_WORDS}


@lru_cache(maxsize=CACHE_SIZE)
def words_of(name: str) -> tuple[str, ...]:
    """The words of one class, identifier or tag name, in lower case, without digits."""
    return tuple(word.lower() for word in WORD.findall(DIGITS.sub("#", name)) if word != "#")


@lru_cache(maxsize=CACHE_SIZE)
def names_in(label: str) -> tuple[tuple[str, ...], ...]:
    """The words of each name of a class attribute that has any."""
    return tuple(words for name in label[:MAX_LABEL_CHARS].split() if (words := words_of(name)))


@lru_cache(maxsize=CACHE_SIZE)
def has_word(label: str, words: frozenset[str]) -> bool:
    """Whether any name of a class attribute has one of ``words``."""
    return any(not words.isdisjoint(name) for name in names_in(label))


@lru_cache(maxsize=CACHE_SIZE)
def is_furniture(label: str) -> bool:
    """Whether a class attribute names something around the written text.

    A label that also names what was written ("RichText RichText--user") does not, unless it has a
    word of FURNITURE_ANYWHERE.
    """
    is_written = is_body(label)
    for words in names_in(label):
        if words == SIGNATURE:
            return True
        if not FURNITURE_ANYWHERE.isdisjoint(words):
            return words[0] not in PREFIX_WORDS or words[-1] in FURNITURE_ANYWHERE
        if words[-1] in FURNITURE_HEADS and not is_written and words[0] not in PREFIX_WORDS:
            return True
    return False


@lru_cache(maxsize=CACHE_SIZE)
def has_head(label: str, kind: Literal["author", "date", "vote"]) -> bool:
    """Whether a name in ``label`` has a head noun of ``kind``."""
    nouns = HEADS[kind]
    for words in names_in(label):
        if words[-1] in nouns and words[0] not in ("has", "no", "with"):
            return True
        before = words[-2] if len(words) > 1 else ""
        if kind == "author" and words[-1] == "name" and before in nouns:
            return True
        if kind == "vote" and words[-1] in COUNT_WORDS and not VOTE_MARKS.isdisjoint(words):
            return True
    return False


@lru_cache(maxsize=CACHE_SIZE)
def is_certain_body(label: str) -> bool:
    """Whether a name says "what was written in a turn", with a word for each."""
    return any(
        words == MARKDOWN
        or (
            words[-1] in BODY_WORDS | PLAIN_PARTS
            and LISTING_WORDS.isdisjoint(words)
            and (words[-1] in WHOLE_WORDS or not POST_WORDS.isdisjoint(words[:-1]))
        )
        for words in names_in(label)
    )


def is_user_card(label: str) -> bool:
    """Whether a name is that of the card with a writer's name, picture and counts."""
    return has_word(label, CARD_WORDS) or any(
        words[:2] in (("user", "info"), ("post", "author")) for words in names_in(label)
    )


@lru_cache(maxsize=CACHE_SIZE)
def is_body(label: str) -> bool:
    """Whether a name says "what was written", such as ``post-content`` or ``md``."""
    return any(
        words == MARKDOWN
        or (words[-1] in BODY_WORDS and LISTING_WORDS.isdisjoint(words))
        or (words[-1] in PLAIN_PARTS and not POST_WORDS.isdisjoint(words[:-1]))
        for words in names_in(label)
    )
