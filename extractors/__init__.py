"""Bytes in, text and structure out: web pages, PDFs, source code and notebooks.

No Beam and no tables here: an extractor is a function from bytes to an ``Extraction``.
"""
