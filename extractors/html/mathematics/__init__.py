"""Recognises mathematics in whatever markup it has on the web, and gives its TeX."""
