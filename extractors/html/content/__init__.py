"""Judges which blocks of a page are its main content."""
