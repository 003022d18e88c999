"""The address of a document, written one way, and its 16-byte key.

Two addresses get one form when every sane server answers them alike: they differ in scheme
(http or https), case of the host, default port, user, dot segments, needless percent-encoding,
trailing slash, fragment, order of query parameters, or parameters that only track visitors.
Nothing else is dropped: documents with equal keys are merged without a look at their texts.

yarl parses and quotes. courlan (trafilatura's) and w3lib were tried: courlan takes ``?gallery=5``
and ``?keyword=cat`` for trackers and leaves ``%7E`` and ``:443`` alone, w3lib keeps ports, schemes
and trackers.
"""

import re

import xxhash
from yarl import URL

KEY_BYTES = 16

WEB_SCHEMES = frozenset({"http", "https"})

DEFAULT_PORTS = frozenset({("http", 80), ("https", 443)})

TRACKING_PARAMETER = re.compile(
    r"""
      (utm | mtm | hsa)_.*                                       # campaigns
    | pk_(campaign | content | keyword | kwd | medium | source)
    | (dc | fb | g | tt | tw | y | ys)clid | msclkid | rb_clickid  # clicks on advertisements
    | gclsrc | gbraid | wbraid | srsltid | _g[al] | igsh(id)? | li_fat_id | epik | _openstat
    | __hs(fp | sc | tc) | __hssrc | _hs(enc | mi) | hsctatracking  # readers of mailing lists
    | __s | mc_[ce]id | mkt_tok | ml_subscriber(_hash)? | oly_(anon | enc)_id | s_cid
    | vero_(conv | id) | wickedid
    | jsessionid | phpsessid                                     # sessions
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Whole names of parameters that carry a campaign, click, reader or session, never the content.

Source: Firefox's ``privacy.query_stripping.strip_list``, the campaign tags of Google Analytics,
Matomo (once Piwik) and HubSpot, later click ids of the same kind, and the session ids of Java and
PHP servers.
"""

_PATH_SESSION = re.compile(r";jsessionid=[^/;]*", re.IGNORECASE)


def normalise_url(url: str) -> str | None:
    """One form for all spellings of an address; None when it names no host.

    http and https become ``//host...``; other schemes stay in front. The result is for comparing,
    not for fetching. Never raises.
    """
    try:
        parsed = URL(url.strip())
        port = parsed.explicit_port
        host = (parsed.raw_host or "").rstrip(".").lower()
    except ValueError:
        return None
    if not host:
        return None
    scheme = "" if parsed.scheme in WEB_SCHEMES else f"{parsed.scheme}:"
    has_port = port is not None and (parsed.scheme, port) not in DEFAULT_PORTS
    path = _PATH_SESSION.sub("", parsed.raw_path).rstrip("/")
    query = _normalise_query(parsed.raw_query_string)
    return f"{scheme}//{host}{f':{port}' if has_port else ''}{path}{f'?{query}' if query else ''}"


def url_key(url: str | None) -> bytes | None:
    """``xxh3_128`` of the normalised address, 16 bytes; None without one."""
    normalised = None if url is None else normalise_url(url)
    return None if normalised is None else xxhash.xxh3_128_digest(normalised.encode())


def _normalise_query(query: str) -> str:
    parameters = [part.replace("%20", "+") for part in query.split("&") if part]
    kept = [part for part in parameters if not TRACKING_PARAMETER.fullmatch(_name(part))]
    return "&".join(sorted(kept, key=_name))  # stable: repeated names keep their values' order


def _name(parameter: str) -> str:
    return parameter.partition("=")[0]
