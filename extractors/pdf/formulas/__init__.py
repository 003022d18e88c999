"""Formulas from glyphs: what stands where on the page, written as TeX."""
