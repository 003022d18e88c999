"""The PII annotator: how many personal data of each kind stand in a document.

Documents in; counts out, of source files too. Nothing is changed: a rule may reject, a mixture may
exclude. A candidate found by its form counts only if it passes the check that its kind has (Luhn's
for cards, ISO 7064's for IBANs, a global address for IPs), so that ordinary numbers do not. All
patterns take time linear in the text.
"""

import ipaddress
import re
from collections.abc import Callable

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from filters.rowwise import batch_of_rows

COLUMNS = pa.schema(
    [
        pa.field("emails", pa.int32()),
        pa.field("ip_addresses", pa.int32()),  # of versions 4 and 6 that are routed in public
        pa.field("phone_numbers", pa.int32()),  # +CC forms (E.164) and North American ones
        pa.field("credit_cards", pa.int32()),
        pa.field("ibans", pa.int32()),
        pa.field("us_ssns", pa.int32()),
        pa.field("secrets", pa.int32()),  # private keys and access tokens
        pa.field("total", pa.int32()),
    ]
)

_EMAIL = re.compile(
    r"(?<![\w.%+-])[A-Za-z0-9][\w.%+-]{0,63}@((?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24})(?![\w-])"
)
# RFC 2606 reserves them for examples.
_EXAMPLE_HOST = re.compile(r"(?:^|\.)(?:example(?:\.(?:com|org|net))?|test|invalid|localhost)$")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{1,4}(?![\w:])")
_INTERNATIONAL_PHONE = re.compile(r"(?<![\w+])\+[1-9][\d ().-]{6,20}\d(?![\w])")
_AMERICAN_PHONE = re.compile(
    r"(?<![\w+.-])(?:1[-. ])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[-. ])[2-9]\d\d[-. ]\d{4}(?![\w-])"
)
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")
# Issuers' first digits and lengths: ISO/IEC 7812 as the networks publish them.
_ISSUED = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|35\d{14}"
)
_IBAN = re.compile(r"[A-Z](?<!\w.)[A-Z]\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
MIN_IBAN_CHARS = 15
"""Norway's, the shortest (SWIFT's registry)."""

# Ranges that are never given out are no numbers (Social Security Administration).
_SSN = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])")
# Forms that their makers document: PEM (RFC 7468), AWS, GitHub, GitLab, Slack, Google, Stripe, and
# OpenAI.
_SECRET = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{2,12} )?PRIVATE KEY-----|(?<!\w)(?:(?:AKIA|ASIA)[0-9A-Z]{16}"
    r"|gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{40}|glpat-[\w-]{20}|xox[abprs]-[\w-]{10}"
    r"|AIza[\w-]{35}|[rs]k_live_[A-Za-z0-9]{16}|sk-[A-Za-z0-9_-]{32})"
)
_SECRET_SIGNS = (
    "PRIVATE KEY", "AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-",
    "xox", "AIza", "k_live_", "sk-",
)  # fmt: skip

_DIGITS_OF_PHONE = range(8, 16)  # E.164: 15 at most
# What numbers of all kinds but IBANs stand in; few texts have many of them.
_NUMBERS = re.compile(r"[\d+(][\d ().+-]{5,}")


class PiiConfig(BaseModel):
    """Settings of the PII annotator: there are none."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PiiAnnotator:
    """Counts personal data by kind."""

    name = "pii"
    version = 1
    columns = COLUMNS

    def __init__(self, config: PiiConfig) -> None:
        del config

    def annotate(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """One row of ``columns`` for each document; there are no nulls."""
        rows = [count_pii(text) for text in documents.column("text").to_pylist()]
        return batch_of_rows(rows, COLUMNS)


def count_pii(text: str) -> tuple[int, ...]:
    """The counts of ``COLUMNS`` for one text."""
    counts = [0] * (len(COLUMNS) - 1)
    if "@" in text:
        counts[0] = sum(not _EXAMPLE_HOST.search(host.lower()) for host in _EMAIL.findall(text))
    if "::" in text or text.count(":") > 6:  # noqa: PLR2004 - a full address has 7
        counts[1] = _count(_IPV6, text, _is_public_ip)
    for run in _NUMBERS.finditer(text):
        # With the character on either side, which the patterns look at.
        numbers = text[max(0, run.start() - 1) : run.end() + 1]
        counts[1] += _count(_IPV4, numbers, _is_public_ip)
        counts[2] += len(_AMERICAN_PHONE.findall(numbers))
        counts[2] += _count(_INTERNATIONAL_PHONE, numbers, _is_phone)
        counts[3] += _count(_CARD, numbers, _is_card)
        counts[5] += len(_SSN.findall(numbers))
    counts[4] = _count(_IBAN, text, _is_iban)
    if any(sign in text for sign in _SECRET_SIGNS):
        counts[6] = len(_SECRET.findall(text))
    return (*counts, sum(counts))


def _count(pattern: re.Pattern[str], text: str, check: Callable[[str], bool]) -> int:
    return sum(check(found) for found in pattern.findall(text))


def _is_public_ip(found: str) -> bool:
    try:
        return ipaddress.ip_address(found).is_global
    except ValueError:
        return False


def _is_phone(found: str) -> bool:
    return sum(character.isdigit() for character in found) in _DIGITS_OF_PHONE


def _is_card(found: str) -> bool:
    digits = found.replace(" ", "").replace("-", "")
    return _ISSUED.fullmatch(digits) is not None and _passes_luhn(digits)


def _passes_luhn(digits: str) -> bool:
    """Luhn's check (ISO/IEC 7812-1, annex B): every second digit from the right doubled."""
    values = [int(digit) for digit in reversed(digits)]
    doubled = [sum(divmod(2 * value, 10)) for value in values[1::2]]
    return (sum(values[::2]) + sum(doubled)) % 10 == 0


def _is_iban(found: str) -> bool:
    """ISO 13616's check by ISO 7064: the rearranged number leaves 1 when divided by 97."""
    compact = found.replace(" ", "")
    if len(compact) < MIN_IBAN_CHARS:
        return False
    turned = compact[4:] + compact[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1
