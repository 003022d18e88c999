"""Bytes and rows: listing, splitting and reading inputs, writing shards. No Beam."""
