"""The loop that trains a network on probabilities of all heads."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from filters.taggers.backend import HeadSpec


def fit(
    network: nn.Module,
    logits_of: Callable[[Tensor], Tensor],
    probabilities: Tensor,
    heads: Sequence[HeadSpec],
    *,
    learning_rate: float,
    epochs: int,
    batch: int,
    report: Callable[[str], None],
    even_mass: float = 0.0,
) -> None:
    """Train on ``probabilities`` [texts, values of all heads]; rows of zeros in a head: unknown.

    ``logits_of`` gives the network's logits of the texts whose numbers it is given, on the CPU.
    With ``even_mass`` a head's logits are kept from having more mass than another's: that is the
    weight of their squared log-sum.
    """
    steps = epochs * -(-len(probabilities) // batch)
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=steps, pct_start=0.1
    )
    sizes = [len(head.values) for head in heads]
    network.train()
    for epoch in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(probabilities)).split(batch):
            logits = logits_of(rows)
            wanted = probabilities[rows].to(logits.device).split(sizes, 1)
            parts = logits.split(sizes, 1)
            pairs = zip(parts, wanted, strict=True)
            loss = torch.stack([-(w * p.log_softmax(1)).sum(1).mean() for p, w in pairs]).sum()
            if even_mass:
                mass = torch.stack([part.logsumexp(1) for part in parts])
                loss = loss + even_mass * (mass**2).mean(1).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
        mean = total / len(probabilities)
        report(f"epoch {epoch + 1} of {epochs}, loss {mean:.3f}")
    network.eval()
