"""Trains the block classifier.

``python -m extractors.html.content.training --dataset DIR --out FILE``, where
``DIR`` holds ``pages.tar.xz`` (``<id>.html`` each) and ``truth.jsonl.gz``, one object a line: id,
url, kind, and ``main_text`` or ``main_markdown``, or ``snippets`` that must and ``boilerplate``
that must not appear. Needs lightgbm and rapidfuzz (the ``train`` extra).
"""
