"""All strategies: every module of this folder that defines ``STRATEGY`` is one."""

import importlib
import pkgutil
from functools import cache

from synth import strategies
from synth.strategies.strategy import Strategy


@cache
def all_strategies() -> tuple[Strategy, ...]:
    """The strategies there are, sorted by name. Raises ValueError when two have one name."""
    found: dict[str, Strategy] = {}
    for module in pkgutil.iter_modules(strategies.__path__):
        strategy = getattr(
            importlib.import_module(f"{strategies.__name__}.{module.name}"), "STRATEGY", None
        )
        if isinstance(strategy, Strategy) and found.setdefault(strategy.name, strategy) != strategy:
            raise ValueError(f"two strategies are called {strategy.name!r}")
    return tuple(found[name] for name in sorted(found))


def strategy_named(name: str) -> Strategy:
    """The strategy of that name; KeyError when there is none."""
    return {strategy.name: strategy for strategy in all_strategies()}[name]
