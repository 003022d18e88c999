"""Feed the page extractor soups of tags for as long as asked, and stop at the first fault.

    python -m tests.fuzz.html_pages [--seconds 300] [--seed 0]

With atheris (`pip install -e .[fuzz]`, Linux), which looks for pages that reach new branches of the
code; without it, Hypothesis, which makes pages at random and shrinks what it finds. A fault is a
page that breaks a property of ``tests.support.html_soup.check``, kills the process or takes longer
than PAGE_SECONDS: it then lies in runs/fuzz/html/last.html, and the exit status is not 0.
"""

import argparse
import faulthandler
import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType

FOLDER = Path("runs/fuzz/html")
PAGE_SECONDS = 30
"""Of the wall; soups are below a megabyte, and that takes a second."""

ROUND_PAGES = 500
MAX_TOKENS = 1000


def main() -> None:
    """Fuzz; ends with exit status 0 when the time is over and nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=300, metavar="S")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    known = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    if importlib.util.find_spec("atheris") is not None:
        _fuzz_with_atheris(known.seconds, known.seed)
    else:
        _fuzz_with_hypothesis(known.seconds, known.seed)


def _fuzz_with_atheris(seconds: int, start: int) -> None:
    import atheris

    # Must be the first import of the extractors: only then are their branches counted.
    with atheris.instrument_imports(include=["extractors"]):
        from tests.support import html_soup

    def one_page(numbers: bytes) -> None:
        _check(html_soup, html_soup.soup_of(numbers), number=sum(numbers))

    corpus = FOLDER / "corpus"
    corpus.mkdir(exist_ok=True)
    options = [
        *(f"-max_total_time={seconds}", f"-seed={start}", f"-timeout={PAGE_SECONDS}"),
        *(
            f"-max_len={2 * MAX_TOKENS}",
            "-rss_limit_mb=4096",
            "-len_control=0",
            f"-artifact_prefix={FOLDER}/",
        ),
        str(corpus),
    ]
    atheris.Setup([sys.argv[0], *options], one_page)
    atheris.Fuzz()


def _fuzz_with_hypothesis(seconds: int, start: int) -> None:
    import hypothesis
    from hypothesis import strategies as st

    from tests.support import html_soup

    # The profile with the deadline off, as the tests have it: a loaded machine is no fault.
    settings = hypothesis.settings(
        max_examples=ROUND_PAGES,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )

    @settings
    @hypothesis.given(html_soup.soups(MAX_TOKENS), st.integers(0, 1 << 16))
    def one_round(page: bytes, number: int) -> None:
        _check(html_soup, page, number=number)

    ends_at = time.monotonic() + seconds
    num_rounds = 0
    while time.monotonic() < ends_at:
        hypothesis.seed(start + num_rounds)(one_round)()
        num_rounds += 1
        print(f"{num_rounds * ROUND_PAGES:,} pages", flush=True)


def _check(html_soup: ModuleType, page: bytes, *, number: int) -> None:
    """Check one page; the engine, address and charset follow from ``number``."""
    (FOLDER / "last.html").write_bytes(page)
    faulthandler.dump_traceback_later(PAGE_SECONDS, exit=True)
    # The other engines take most of the time: one page in sixty-four is for them.
    engines = html_soup.ENGINES if number % 64 == 0 else html_soup.ENGINES[:1]
    for engine in engines:
        url = html_soup.URLS[number % len(html_soup.URLS)]
        charset = html_soup.LABELS[number % len(html_soup.LABELS)] if number % 5 == 0 else None
        html_soup.check(page, url, charset, engine)
    faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main()
