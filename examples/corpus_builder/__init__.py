"""Builds `examples/corpus` from pinned Debian and PyPI packages; see `examples/build_corpus.py`."""
