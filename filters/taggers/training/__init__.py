"""Training of the embedding tagger; needs torch."""
