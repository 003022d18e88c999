"""Measurements behind the project's claims: `python -m benchmarks.NAME` prints a table and JSON."""
