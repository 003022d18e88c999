"""Writes a content tree as Markdown."""
