"""The command line of mind-train: one file for each command in `commands/`."""

from __future__ import annotations

from mind_core import cli
from mind_train.commands import (
    average,
    bench,
    designs,
    exchange,
    experiment,
    mixture,
    plan,
    plot,
    pretrain,
    sample,
    scaling,
    serve,
    sft,
)
from mind_train.commands.shared import TOOL, plugins_of

app = cli.new_app()
cli.add_global_options(
    app,
    TOOL,
    plugins_of,
    "Train MindLLM's two architectures at any size on token shards; sample from what was learned.",
    [module.EXAMPLES[0] for module in (pretrain, sft, sample)]
    + ["mind-train plan --set model.preset=mindllm-3b --vocab 125700", plot.EXAMPLES[0]],
)
for command, what, examples, cost in (
    (pretrain.pretrain, pretrain.WHAT, pretrain.EXAMPLES, pretrain.COST),
    (sft.sft, sft.WHAT, sft.EXAMPLES, sft.COST),
    (sample.sample, sample.WHAT, sample.EXAMPLES, sample.COST),
    (serve.serve, serve.WHAT, serve.EXAMPLES, serve.COST),
    (plan.plan, plan.WHAT, plan.EXAMPLES, plan.COST),
    (bench.bench, bench.WHAT, bench.EXAMPLES, bench.COST),
    (plot.plot, plot.WHAT, plot.EXAMPLES, plot.COST),
    (scaling.scaling, scaling.WHAT, scaling.EXAMPLES, scaling.COST),
    (experiment.experiment, experiment.WHAT, experiment.EXAMPLES, experiment.COST),
    (designs.sources, designs.SOURCES_WHAT, designs.SOURCES_EXAMPLES, designs.COST),
    (designs.curriculum, designs.CURRICULUM_WHAT, designs.CURRICULUM_EXAMPLES, designs.COST),
    (designs.transfer, designs.TRANSFER_WHAT, designs.TRANSFER_EXAMPLES, designs.COST),
    (mixture.mixture, mixture.WHAT, mixture.EXAMPLES, mixture.COST),
    (average.average, average.WHAT, average.EXAMPLES, average.COST),
    (exchange.export, exchange.EXPORT_WHAT, exchange.EXPORT_EXAMPLES, exchange.EXPORT_COST),
):
    app.command(help=cli.help_text(what, examples), epilog=cli.epilog(cost))(command)
app.command(
    "import",
    help=cli.help_text(exchange.IMPORT_WHAT, exchange.IMPORT_EXAMPLES),
    epilog=cli.epilog(exchange.IMPORT_COST),
)(exchange.import_)


def main() -> None:
    """Run mind-train."""
    cli.run(app, TOOL)
