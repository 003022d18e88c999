"""Exports: window shards written again in the formats of other trainers, and checked."""
