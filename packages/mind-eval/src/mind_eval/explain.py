"""Print an item: its prompt as text, the tokens that the model reads, and what is scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.plugins import Plugins
from mind_core.recipe import Recipe
from mind_eval.offline import stay_offline
from mind_eval.options import RunOptions
from mind_eval.suites import chat_of, make_benchmarks


def explain_item(options: RunOptions, recipe: Recipe, plugins: Plugins, number: int) -> str:
    """Lay out item `number` of each benchmark of a recipe, token by token."""
    benchmarks = make_benchmarks(recipe, plugins)
    stay_offline()
    from mind_eval.encoding import PromptEncoder
    from mind_eval.evaluation import LoadedBenchmark, open_benchmark
    from mind_eval.models.chat_layouts import layout_for
    from mind_eval.models.model import is_endpoint, open_model
    from mind_eval.prompts.builder import Instance

    if is_endpoint(options.model):
        raise UsageError("--explain needs a model whose tokenizer is on this disk")
    encoder = PromptEncoder(open_model(options.model, options.device, options.dtype))
    layout = layout_for(encoder.model, chat_of(recipe))

    def told(opened: LoadedBenchmark, asked: Instance) -> Iterator[str]:
        yield f"{opened.name}, item {asked.id}: {asked.shots} of {opened.benchmark.shots} shots"
        if not asked.continuations:
            ids = encoder.prompt(asked.prompts[0], opened.spec.new_tokens)
            yield from _readable("  ", asked.prompts[0])
            yield f"  read ({len(ids):,}): {_tokens(encoder, ids)}"
            ends = what_ends(opened.spec.stops)
            yield f"  then at most {opened.spec.new_tokens} new tokens, up to {ends}"
            return
        for place, pair in enumerate(asked.pairs):
            if place == 0 or len(asked.prompts) > 1:
                yield from _readable("  ", pair[0])
            name = asked.choices[place] if place < len(asked.choices) else asked.gold
            yield f"  answer {place}: {name!r}"
            for one in encoder.sequences(*pair):
                yield f"    read ({len(one.context):,}): {_tokens(encoder, one.context)}"
                yield f"    scored ({one.scored}): {_tokens(encoder, one.tokens[-one.scored :])}"

    lines: list[str] = []
    for name, benchmark in benchmarks.items():
        opened = open_benchmark(
            name, benchmark, options.data_root, options.seed, options.keep_going, recipe
        )
        opened.builder.chat = layout
        # Built one by one up to this one; what does not fit the templates before it is of no
        # interest.
        items = opened.builder.build(encoder.fits, number + 1, lambda _: None)
        found = [asked for asked in items if asked.number == number]
        if not found:
            raise MindError(
                f"{name} has no item {number}", hint=f"it has {len(opened.builder.rows):,} items"
            )
        lines += told(opened, found[0])
    return "\n".join(lines) + "\n"


def what_ends(stops: Sequence[str]) -> str:
    """Say what ends an answer."""
    return " or ".join([*map(repr, stops), "the model's own end"])


def _readable(indent: str, text: str) -> Iterator[str]:
    """Lay a prompt out as people read it, between two lines; what ends it is marked."""
    yield f"{indent}prompt ({len(text):,} characters), up to the mark ⏎:"
    yield from (f"{indent}| {line}" for line in f"{text}⏎".split("\n"))


def _tokens(encoder: object, ids: tuple[int, ...]) -> str:
    from mind_eval.encoding import PromptEncoder

    assert isinstance(encoder, PromptEncoder)
    decode = encoder.model.tokenizer.decode
    return " ".join(f"{token}:{decode([token])!r}" for token in ids)
