import random
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from synth.solver.network import Network, Shape
from synth.solver.packing import IGNORED, ROW_TOKENS, BatchSource, Example, examples, pack
from synth.solver.vocabulary import TURN_END


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.from_file(str(Path("synth/models/solver/tokenizer.json")))


def documents_of(rows):
    """Inputs and targets of each document of packed rows."""
    for tokens, targets, documents in zip(*rows, strict=True):
        for document in range(1, documents.max() + 1):
            where = documents == document
            yield tokens[where].tolist(), targets[where].tolist()


def test_rows_hold_whole_examples_and_lose_none(tokenizer):
    made = list(islice(examples(tokenizer, random.Random(3)), 3000))
    pool: list[Example] = []
    rows = pack(iter(made), 4, pool)
    packed = Counter(tuple(tokens) for tokens, _ in documents_of(rows))
    waiting = Counter(tuple(example.tokens) for example in pool)
    taken = sum(packed.values()) + sum(waiting.values())
    assert packed + waiting == Counter(tuple(example.tokens) for example in made[:taken])
    assert (rows[2] > 0).mean() > 0.95


def test_only_the_solution_is_a_target_and_it_is_the_next_token(tokenizer):
    stream = examples(tokenizer, random.Random(4))
    rows = pack(stream, 4, [])
    end = tokenizer.token_to_id(TURN_END)
    for tokens, targets in documents_of(rows):
        learned = [position for position, target in enumerate(targets) if target != IGNORED]
        assert learned == list(range(learned[0], len(tokens) - 1))
        assert [targets[position] for position in learned] == tokens[learned[0] + 1 :]
        assert tokens[-1] == end
        assert tokenizer.decode(tokens[: learned[0] + 1]).endswith("assistant\n")
    assert (rows[1][rows[2] == 0] == IGNORED).all()


def test_documents_of_a_row_do_not_see_one_another(tokenizer):
    torch.manual_seed(0)
    network = Network(Shape(tokenizer.get_vocab_size(), 32, 2, 4, 2, 64)).eval()
    rows = torch.from_numpy(pack(examples(tokenizer, random.Random(5)), 1, [])).long()
    tokens, _, documents = rows
    changed = torch.where(documents == 1, (tokens + 7) % 2000, tokens)
    with torch.inference_mode():
        one, other = network(tokens, documents), network(changed, documents)
    later = documents > 1
    assert later.any()
    assert torch.equal(one[later], other[later])
    assert not torch.equal(one[documents == 1], other[documents == 1])


def test_a_document_reads_only_backwards(tokenizer):
    torch.manual_seed(0)
    network = Network(Shape(tokenizer.get_vocab_size(), 32, 2, 4, 2, 64)).eval()
    tokens = torch.randint(3, 2000, (1, 40))
    documents = torch.ones_like(tokens)
    changed = tokens.clone()
    changed[0, 25:] = 5
    with torch.inference_mode():
        one, other = network(tokens, documents), network(changed, documents)
    assert torch.equal(one[:, :25], other[:, :25])


def test_children_send_batches(tokenizer):
    with BatchSource(tokenizer, row_count=2, workers=1, seed=1) as source:
        first, second = source.next(), source.next()
    assert first.shape == second.shape == (3, 2, ROW_TOKENS)
    assert not np.array_equal(first, second)
