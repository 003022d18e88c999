"""Personal data are counted by kind, ordinary numbers are not, and time stays linear."""

import time

import pytest

from filters.pii import COLUMNS, PiiAnnotator, PiiConfig, count_pii
from tests.support.document_rows import SOURCE_FILE, documents_of


def counts(text: str) -> dict[str, int]:
    found = dict(zip(COLUMNS.names, count_pii(text), strict=True))
    assert found.pop("total") == sum(found.values())
    return {name: count for name, count in found.items() if count}


KEY = "AKIA" + "IOSFODNN7EXAMPLE"
TOKEN = "gh" + "p_" + "a1" * 18


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("write to jane.doe+x@mail.uni-ulm.de, or to b@c.fr.", {"emails": 2}),
        ("user@example.com a@sub.example.org root@localhost x@a.test", {}),
        ("not an address: a@b, @handle, a@@b.com", {}),
        ("from 8.8.8.8 and 2001:4860:4860::8888.", {"ip_addresses": 2}),
        ("local 192.168.1.1, 10.0.0.1, 127.0.0.1, ::1, fe80::1 or 300.1.1.1", {}),
        ("at 12:30:45 on 2024-05-06 of 1.2.3", {}),
        ("call +44 20 7946 0958 or (212) 555-0187 or 212-555-0187", {"phone_numbers": 3}),
        ("in 1999-2001, pages 123-456, ISBN 978-3-16-148410-0, +12", {}),
        ("card 4111 1111 1111 1111, 378282246310005", {"credit_cards": 2}),
        ("4111 1111 1111 1112 and 1234567812345678", {}),
        ("IBAN DE89 3704 0044 0532 0130 00 and GB82WEST12345698765432", {"ibans": 2}),
        ("DE89 3704 0044 0532 0130 01 AB12", {}),
        ("ssn 536-90-4399", {"us_ssns": 1}),
        ("000-12-3456, 666-12-3456, 912-34-5678, 123-00-4567, 123-45-0000", {}),
        (f"-----BEGIN RSA PRIVATE KEY----- {KEY} {TOKEN}", {"secrets": 3}),
        ("a task-force, ghp_short, through sk-8", {}),
        ("", {}),
    ],
)
def test_what_is_counted(text: str, wanted: dict[str, int]) -> None:
    assert counts(text) == wanted


@pytest.mark.parametrize(
    "text",
    ["a" * 10**6, "1" * 10**6, "1-" * 5 * 10**5, "@" * 10**6, "a@" * 5 * 10**5, "A1" * 5 * 10**5,
     "+1 (" * 3 * 10**5, "1.1." * 3 * 10**5, ":" * 10**6, "f:" * 5 * 10**5, "AB12" * 2 * 10**5],
    ids=lambda text: text[:4],
)  # fmt: skip
def test_time_is_linear_in_a_line_of_any_kind(text: str) -> None:
    start = time.process_time()
    count_pii(text)
    assert time.process_time() - start < 3


def test_source_files_are_looked_at_too() -> None:
    documents = documents_of(f"key = '{KEY}'", code=SOURCE_FILE)
    (row,) = PiiAnnotator(PiiConfig()).annotate(documents).to_pylist()
    assert row["secrets"] == row["total"] == 1
