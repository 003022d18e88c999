"""Deduplication measured: what it finds, how fast, and beside which other tools."""
