"""The command line of mind-train: one file for each command in `commands/`."""

from __future__ import annotations

from mind_core import cli
from mind_train.commands import (
    average,
    bench,
    curriculum,
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
    sources,
    transfer,
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
for module, command in (
    (pretrain, pretrain.pretrain),
    (sft, sft.sft),
    (sample, sample.sample),
    (serve, serve.serve),
    (plan, plan.plan),
    (bench, bench.bench),
    (plot, plot.plot),
    (scaling, scaling.scaling),
    (experiment, experiment.experiment),
    (sources, sources.sources),
    (curriculum, curriculum.curriculum),
    (transfer, transfer.transfer),
    (mixture, mixture.mixture),
    (average, average.average),
):
    app.command(help=cli.help_text(module.WHAT, module.EXAMPLES), epilog=cli.epilog(module.COST))(
        command
    )
app.command(
    help=cli.help_text(exchange.EXPORT_WHAT, exchange.EXPORT_EXAMPLES),
    epilog=cli.epilog(exchange.EXPORT_COST),
)(exchange.export)
app.command(
    "import",
    help=cli.help_text(exchange.IMPORT_WHAT, exchange.IMPORT_EXAMPLES),
    epilog=cli.epilog(exchange.IMPORT_COST),
)(exchange.import_)


def main() -> None:
    """Run mind-train."""
    cli.run(app, TOOL)
