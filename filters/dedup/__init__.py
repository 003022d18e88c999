"""Duplicates of a corpus, found by address, by text and by MinHash; pure functions over arrays.

code_points -> shingles -> minhash, shingle_sets    a text as numbers
url, exact, minhash -> sketch                       what a document is, in some hundred bytes
lsh -> candidates -> verification                   which pairs are worth a comparison, and decided
packed -> stars                                     which documents are one
preferences -> ranking -> keep, largest_clusters    which stays, and what each learns of that
passages -> passage_cuts                            what several texts repeat, and what is left
"""
