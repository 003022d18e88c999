"""Why a mixture cannot be met: every demand that lacks tokens, how many, and what would mend it."""

from collections.abc import Mapping, Sequence

from mixtures.program import (
    RELATIVE_TOLERANCE,
    Amounts,
    CopyCap,
    Ingredient,
    Key,
    MixtureProgram,
    Shortage,
)
from mixtures.spec import MixtureConfig, StageSpec
from mixtures.supply import Count


def explain_absence(
    mixture: MixtureConfig, ingredients: Mapping[Key, Ingredient], counts: Mapping[Key, Count]
) -> list[str]:
    """A line for each stage, and each component with an amount, that has no document to give."""
    problems = []
    for number, stage in enumerate(mixture.stages):
        if not any(of_stage == number for of_stage, _ in ingredients):
            problems.append(f"stage {stage.name!r}: no component has a document")
            continue
        for place, component in enumerate(stage.components):
            if (number, place) in ingredients or component.is_optional:
                continue
            if not (component.has_amount or component.min_percent):
                continue
            why = "no document meets its conditions"
            if counts[number, place].documents:
                documents = counts[number, place].documents
                why = f"its curves give all {documents:,} documents the factor 0"
            problems.append(
                f"stage {stage.name!r}: component {component.name!r} must give "
                f"{_needed(stage, place)} but {why}; widen them, or set is_optional: true to "
                "spread its share"
            )
    return problems


def explain_shortages(
    mixture: MixtureConfig,
    program: MixtureProgram,
    shortages: Sequence[Shortage],
    given: Amounts,
) -> list[str]:
    """A line for each shortage, in the order of stages and components."""
    lines = []
    for short in sorted(shortages, key=lambda one: (one.stage, one.index)):
        stage = mixture.stages[short.stage]
        largest = ""
        if stage.budget_tokens is not None:
            most = int(program.largest_budget(short.stage, given))
            most -= most % stage.sequence_tokens
            largest = f"lower budget_tokens to {most:,}, "
        lines.append(_explain(mixture, program, short, given) + f"; {largest}{_advice(short)}")
    return lines


def _explain(
    mixture: MixtureConfig, program: MixtureProgram, short: Shortage, given: Amounts
) -> str:
    stage, missing = mixture.stages[short.stage], round(short.tokens)
    budget = given.budgets[short.stage]
    start = f"stage {stage.name!r}: "
    if short.kind == "component":
        key = (short.stage, short.index)
        ingredient, tokens = program.ingredient(key), given.tokens[key]
        needed = f"{round(tokens + short.tokens):,} tokens"
        if ingredient.weight is not None:
            needed += f" ({100 * ingredient.weight:g}% of {round(budget):,})"
        return (
            f"{start}component {ingredient.spec.name!r} must give {needed}, but "
            f"{ingredient.supply.documents:,} documents of {ingredient.supply.tokens:,} tokens "
            f"give {round(tokens):,} at {_binding(mixture, program, key, given)}: {missing:,} "
            "tokens short"
        )
    if short.kind == "limit":
        names, low, high = _limited(stage, short.index)
        have = sum(
            given.tokens.get((short.stage, n), 0.0)
            for n, component in enumerate(stage.components)
            if component.name in names
        )
        bounds = " and ".join(
            f"{word} {percent:g}%"
            for word, percent in (("at least", low), ("at most", high))
            if percent is not None
        )
        return (
            f"{start}{' + '.join(names)} must be {bounds} of {round(budget):,} tokens, but come to "
            f"{round(have):,}: {missing:,} tokens amiss"
        )
    if short.kind == "over":
        return (
            f"{start}its components' tokens and epochs ask for {round(budget) + missing:,} tokens, "
            f"{missing:,} more than its budget of {round(budget):,}"
        )
    return (
        f"{start}its components give {round(budget) - missing:,} of the {round(budget):,} tokens "
        f"of its budget: {missing:,} tokens short"
    )


def _advice(short: Shortage) -> str:
    match short.kind:
        case "component":
            return "raise max_epochs, or lower its weight, tokens or epochs"
        case "limit":
            return "widen the limit, or the conditions and max_epochs of its components"
        case "over":
            return "lower them, or raise budget_tokens"
        case _:
            return "raise max_epochs, or max_percent where it binds"


def _binding(mixture: MixtureConfig, program: MixtureProgram, key: Key, given: Amounts) -> str:
    """What keeps the component from giving more, as the program found it."""
    ingredient = program.ingredient(key)
    if given.tokens[key] >= ingredient.capacity * (1 - RELATIVE_TOLERANCE):
        return f"max_epochs {ingredient.spec.max_epochs:g}"
    for cap in program.caps_on(key):
        copies = sum(given.tokens[one] * per_token for one, per_token in cap.copies)
        if copies >= cap.max_copies * (1 - RELATIVE_TOLERANCE):
            return _cap(mixture, cap, key, given)
    return "the limits of its stage"


def _cap(mixture: MixtureConfig, cap: CopyCap, key: Key, given: Amounts) -> str:
    others = {
        mixture.stages[stage].name: given.tokens[stage, number]
        for (stage, number), _ in cap.copies
        if (stage, number) != key and given.tokens[stage, number] >= 1
    }
    rule = (
        "is_fresh"
        if cap.rule is None
        else f"max_epochs {cap.max_copies:g} of repetition rule {cap.rule + 1}"
    )
    if not others:
        return rule
    return f"{rule}, over all stages, beside {', '.join(others)}"


def _limited(stage: StageSpec, index: int) -> tuple[list[str], float | None, float | None]:
    """Names and bounds of a limit; an index below the number of components is a component's own."""
    if index < len(stage.components):
        component = stage.components[index]
        return [component.name], component.min_percent, component.max_percent
    limit = stage.limits[index - len(stage.components)]
    return list(limit.components), limit.min_percent, limit.max_percent


def _needed(stage: StageSpec, place: int) -> str:
    component = stage.components[place]
    if component.weight is not None:
        if stage.budget_tokens is None:
            return f"{component.weight:g}% of the stage"
        return f"{round(component.weight / 100 * stage.budget_tokens):,} tokens"
    if component.tokens is not None:
        return f"{component.tokens:,} tokens"
    if component.epochs is not None:
        return f"{component.epochs:g} epochs"
    return f"at least {component.min_percent:g}% of the stage"
