"""The mixture: specification, solver, sampling, tokenization, packing, shards and their readers."""
