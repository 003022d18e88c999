"""Writes `broken/`: damaged, hostile and lying files, most of them cut from the good ones.

Every file is small and deterministic. A reader must turn each into failed or rejected rows, and
still deliver the good rows beside the damage.
"""

import hashlib
import io
import json
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from corpus_builder import warc
from corpus_builder.archives import PackageFiles
from corpus_builder.packages import PYTHON_DOC, W3M
from corpus_builder.trees import compressed_tar

_DATE = datetime(2024, 7, 1, tzinfo=UTC)
NESTED_ELEMENTS = 20_000
_BOMB_BYTES = 64 * 1024 * 1024

PURPOSES = {
    "warc/truncated.warc.gz": "four good records, then a gzip member cut in two",
    "warc/garbage_in_the_middle.warc.gz": "three good records, noise, three more",
    "warc/lying_content_length.warc.gz": "record 2 states 1,000 bytes too many, record 4 too few",
    "warc/not_gzip.warc.gz": "an HTML page under a WARC's name",
    "warc/lying_pages.warc.gz": "sound records, lying content: each address says how",
    "wet/truncated.warc.wet.gz": "two good records, then a gzip member cut in half",
    "pdf/truncated.pdf": "the first 60% of a good file",
    "pdf/encrypted.pdf": "a good file, declared encrypted: asks for a password",
    "pdf/empty.pdf": "no bytes",
    "pdf/header_then_garbage.pdf": "a PDF header and random bytes",
    "tables/invalid_lines.jsonl": "good lines among eight bad ones",
    "tables/truncated.parquet": "the first 40,000 bytes of a good file",
    "code/corrupt.zip": "a good file with 200 damaged bytes in its first members",
    "code/truncated.zip": "the first 10,000 bytes of a good file: no directory",
    "code/bomb.zip": "one member of 64 MiB in 64 KiB",
    "code/traversal.tar.gz": "paths and links that lead outside, a device, one good file",
    "code/truncated.tar.gz": "the first half of a good file",
    "code/invalid.ipynb": "a good notebook cut in half",
    "code/not_a_notebook.ipynb": "JSON, but no notebook",
    "code/binary.py": "random bytes with a source file's name",
}


def write_broken(files: PackageFiles, corpus: Path) -> None:
    """Write every file of PURPOSES; the good files of ``corpus`` must be there."""
    broken = corpus / "broken"
    made = {
        **_crawls(corpus),
        "warc/lying_pages.warc.gz": _lying_pages(files),
        **_documents(corpus),
        **_tables(corpus),
        **_code(corpus),
    }
    if made.keys() != PURPOSES.keys():
        raise ValueError(
            f"files without a purpose, or the reverse: {made.keys() ^ PURPOSES.keys()}"
        )
    for name, data in made.items():
        path = broken / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _noise(length_bytes: int, seed: str) -> bytes:
    """Bytes that look random and are the same every time."""
    blocks = (
        hashlib.sha256(f"{seed} {number}".encode()).digest()
        for number in range(length_bytes // 32 + 1)
    )
    return b"".join(blocks)[:length_bytes]


def gzip_members(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each gzip member of ``data``: as stored, and inflated."""
    while data:
        inflater = zlib.decompressobj(wbits=31)
        plain = inflater.decompress(data)
        yield data[: len(data) - len(inflater.unused_data)], plain
        data = inflater.unused_data


def _small_pages(path: Path, count: int) -> list[tuple[bytes, bytes]]:
    """The first ``count`` pages of at most 6,000 stored bytes."""
    chosen = []
    for stored, plain in gzip_members(path.read_bytes()):
        is_page = b"WARC-Type: response" in plain[:60] and b"Content-Type: text/html" in plain
        if is_page and len(stored) <= 6000:
            chosen.append((stored, plain))
        if len(chosen) == count:
            return chosen
    raise ValueError(f"{path} holds fewer than {count} small pages")


def _crawls(corpus: Path) -> dict[str, bytes]:
    good = _small_pages(corpus / "web" / "mathematics.warc.gz", 12)
    stored = [member for member, _ in good]
    longer = _restate_length(good[8][1], 1000)
    shorter = _restate_length(good[10][1], -1000)
    lying = [stored[7], warc.gzip_member(longer), stored[9], warc.gzip_member(shorter), stored[11]]
    texts = [
        member for member, _ in gzip_members((corpus / "wet" / "pages.warc.wet.gz").read_bytes())
    ]
    return {
        "warc/truncated.warc.gz": b"".join(stored[:4]) + stored[4][: len(stored[4]) // 2],
        "warc/garbage_in_the_middle.warc.gz": b"".join(stored[:3])
        + _noise(2000, "garbage")
        + b"".join(stored[4:7]),
        "warc/lying_content_length.warc.gz": b"".join(lying),
        "warc/not_gzip.warc.gz": good[1][1].split(b"\r\n\r\n", 2)[2][:20_000],
        "wet/truncated.warc.wet.gz": b"".join(texts[1:3]) + texts[3][: len(texts[3]) // 2],
    }


def _restate_length(record: bytes, by_bytes: int) -> bytes:
    """``record`` with a WARC Content-Length that is wrong by ``by_bytes``."""
    return re.sub(
        rb"(\r\nContent-Length: )(\d+)",
        lambda found: found[1] + str(int(found[2]) + by_bytes).encode(),
        record,
        count=1,
    )


def _lying_pages(files: PackageFiles) -> bytes:
    """Sound records around content that is not what it says."""
    html = {"Content-Type": "text/html; charset=utf-8"}
    manual = files.read_one(W3M, "usr/share/doc/w3m/ja/MANUAL.html").decode("utf-8")
    japanese = manual.encode("euc_jp", "xmlcharrefreplace")
    image = files.read_one(PYTHON_DOC, "usr/share/doc/python3.11/html/_static/py.png")
    depth = b"<div>" * NESTED_ELEMENTS
    nested = b"<html><body>" + depth + b"deep" + b"</div>" * NESTED_ELEMENTS + b"</body></html>"
    messages = {
        "image-as-html": warc.http_message("200 OK", html, image),
        "nested-20000-deep": warc.http_message("200 OK", html, nested),
        "euc-jp-stated-as-utf-8": warc.http_message("200 OK", html, japanese),
        "utf-8-stated-as-shift-jis": warc.http_message(
            "200 OK", {"Content-Type": "text/html; charset=Shift_JIS"}, manual.encode()
        ),
        "charset-that-does-not-exist": warc.http_message(
            "200 OK", {"Content-Type": "text/html; charset=klingon"}, manual.encode()
        ),
        "empty-body": warc.http_message("200 OK", html, b""),
        "gzip-stated-plain-sent": warc.http_message(
            "200 OK", html | {"Content-Encoding": "gzip"}, manual.encode()
        ),
        "no-http-headers": manual.encode(),
        "null-bytes": warc.http_message("200 OK", html, b"<p>a\0b</p>" * 300),
    }
    members = [
        warc.gzip_member(
            warc.response(
                url=f"https://broken.example/{name}.html",
                date=_DATE,
                message=message,
                body=message.partition(b"\r\n\r\n")[2],
                filename="lying_pages.warc.gz",
            )
        )
        for name, message in messages.items()
    ]
    return b"".join(members)


def _documents(corpus: Path) -> dict[str, bytes]:
    good = (corpus / "pdf" / "exam-a.pdf").read_bytes()
    return {
        "pdf/truncated.pdf": good[: len(good) * 6 // 10],
        "pdf/encrypted.pdf": _locked(good),
        "pdf/empty.pdf": b"",
        "pdf/header_then_garbage.pdf": b"%PDF-1.7\n" + _noise(4000, "pdf"),
    }


def _locked(pdf: bytes) -> bytes:
    """``pdf`` with an update that declares it encrypted under a password that nobody has.

    Libraries that encrypt draw a random file identifier, hence other bytes each time.
    """
    root = re.search(rb"/Root\s+(\d+ 0 R)", pdf)
    size = re.search(rb"/Size\s+(\d+)", pdf)
    previous = re.findall(rb"startxref\s+(\d+)", pdf)
    if not (root and size and previous):
        raise ValueError("the PDF has no plain trailer to continue")
    number = int(size[1])
    lock = b"%d 0 obj\n<</Filter/Standard/V 1/R 2/P -44/O<%b>/U<%b>>>\nendobj\n" % (
        number,
        _noise(32, "owner").hex().encode(),
        _noise(32, "user").hex().encode(),
    )
    table = b"xref\n%d 1\n%010d 00000 n \ntrailer\n" % (number, len(pdf))
    identity = b"<" + _noise(16, "identity").hex().encode() + b">"
    trailer = b"<</Size %d/Root %b/Prev %b/ID[%b%b]/Encrypt %d 0 R>>\n" % (
        number + 1,
        root[1],
        previous[-1],
        identity,
        identity,
        number,
    )
    start = b"startxref\n%d\n%%%%EOF\n" % (len(pdf) + len(lock))
    return pdf + lock + table + trailer + start


def _tables(corpus: Path) -> dict[str, bytes]:
    good = (corpus / "tables" / "short_entries.jsonl").read_bytes().splitlines()
    bad = [
        good[10][: len(good[10]) // 2],  # cut
        b'["a list", "not an object"]',
        json.dumps({"url": "https://broken.example/no-text"}).encode(),
        json.dumps({"text": None}).encode(),
        json.dumps({"text": 17}).encode(),
        b'{"text": "bytes that are no UTF-8: \xff\xfe"}',
        b"",
        b"{'text': 'quotes that JSON has not'}",
    ]
    mixed = [line for pair in zip(good, bad, strict=False) for line in pair] + good[8:10]
    parquet = (corpus / "tables" / "documentation.parquet").read_bytes()
    return {
        "tables/invalid_lines.jsonl": b"\n".join(mixed) + b"\n",
        # Rows enough to look like a table; the footer that Parquet cannot be read without is gone.
        "tables/truncated.parquet": parquet[:40_000],
    }


def _code(corpus: Path) -> dict[str, bytes]:
    zipped = (corpus / "code" / "stats-0.6.4.zip").read_bytes()
    corrupt = bytearray(zipped)
    corrupt[400:600] = _noise(200, "zip")
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        info = zipfile.ZipInfo("bomb/zeros.py", date_time=(2024, 5, 18, 0, 0, 0))
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, bytes(_BOMB_BYTES))
    notebook = (corpus / "code" / "notebooks" / "sylvester_resultant.ipynb").read_bytes()
    sdist = (corpus / "code" / "simplejson-3.19.3.tar.gz").read_bytes()
    return {
        "code/corrupt.zip": bytes(corrupt),
        "code/truncated.zip": zipped[:10_000],
        "code/bomb.zip": bomb.getvalue(),
        "code/traversal.tar.gz": _traversal(),
        "code/truncated.tar.gz": sdist[: len(sdist) // 2],
        "code/invalid.ipynb": notebook[: len(notebook) // 2],
        "code/not_a_notebook.ipynb": json.dumps({"cells": "none", "nbformat": "four"}).encode(),
        "code/binary.py": _noise(3000, "binary") + bytes(200),
    }


def _traversal() -> bytes:
    source = b"def double(x):\n    return 2 * x\n"

    def entry(
        name: str, kind: bytes = tarfile.REGTYPE, link: str = ""
    ) -> tuple[tarfile.TarInfo, bytes]:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        return info, source if kind == tarfile.REGTYPE else b""

    entries = [
        entry("project/good.py"),
        entry("../../outside.py"),
        entry("/absolute.py"),
        entry("project/passwd.py", tarfile.SYMTYPE, "/etc/passwd"),
        entry("project/hard.py", tarfile.LNKTYPE, "../../../etc/passwd"),
        entry("project/null.py", tarfile.CHRTYPE),
    ]
    return compressed_tar(entries)
