"""Synthetic reasoning documents: seeds, strategies, engines and verification of what comes back."""
