"""Duplicates of a corpus, found by address, by text and by MinHash; pure functions over arrays.

url, exact, shingles, minhash -> sketch        what a document is, in at most a few hundred bytes
lsh -> candidates                              which pairs are worth a comparison
components -> keep                             which documents are one, and which of them stays
"""
