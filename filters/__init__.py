"""Text in, columns and decisions out: annotators measure, rules decide, dedup marks copies."""
