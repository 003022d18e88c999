"""Builds or checks `examples/corpus`, the material of the demo.

    python examples/build_corpus.py --downloads FOLDER    # build: needs apt-get, pip and a network
    python examples/build_corpus.py --check               # verify what is there

The corpus is committed, so nobody needs to build it to run the demo. The same packages give the
same bytes: versions and digests are pinned, dates fixed; zlib, pyarrow and resiliparse of other
versions may compress or extract differently.
"""

import argparse
import shutil
import sys
from pathlib import Path

from corpus_builder.archives import PackageError, PackageFiles
from corpus_builder.broken import write_broken
from corpus_builder.check import find_faults
from corpus_builder.listing import write_listing
from corpus_builder.problems import write_problems
from corpus_builder.tables import write_tables
from corpus_builder.trees import write_code
from corpus_builder.web import write_web

CORPUS = Path(__file__).parent / "corpus"


def build(corpus: Path, downloads: Path) -> None:
    """Write ``corpus`` anew. Raises PackageError when a package is not the pinned one."""
    files = PackageFiles(downloads.absolute())
    shutil.rmtree(corpus, ignore_errors=True)
    write_web(files, corpus)
    write_tables(files, corpus)
    write_problems(files, corpus)
    write_code(files, corpus)
    write_broken(files, corpus)
    write_listing(files, corpus)


def main() -> int:
    parser = argparse.ArgumentParser(description="Build or check the demo corpus.")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--downloads", type=Path, help="build; keep the packages in this folder")
    action.add_argument(
        "--check", action="store_true", help="check sizes, licences and readability"
    )
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="default: %(default)s")
    arguments = parser.parse_args()
    if arguments.downloads:
        try:
            build(arguments.corpus, arguments.downloads)
        except PackageError as error:
            print(error, file=sys.stderr)
            return 1
    faults = list(find_faults(arguments.corpus))
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{arguments.corpus}: {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
