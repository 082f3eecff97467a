"""Clean pages with datatrove's blocks; run with the Python of the peer `datatrove`.

usage: datatrove_html.py IN_FOLDER OUT_FOLDER [--language eng|cmn]

JsonlReader, Trafilatura, GopherRepetitionFilter, GopherQualityFilter, PIIFormatter, JsonlWriter:
one task in this process.
"""

from __future__ import annotations

import argparse
import logging

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from loguru import logger


def main() -> None:
    """Run the pipeline once over a folder of .jsonl.zst files."""
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--language", default="eng")
    args = parser.parse_args()
    logger.remove()
    logging.disable(logging.CRITICAL)
    steps = [
        JsonlReader(args.source, text_key="html", glob_pattern="*.jsonl.zst"),
        Trafilatura(timeout=5),
        GopherRepetitionFilter(language=args.language),
        GopherQualityFilter(language=args.language),
        PIIFormatter(),
        JsonlWriter(f"{args.target}/out", compression="zstd"),
    ]
    LocalPipelineExecutor(
        pipeline=steps, tasks=1, workers=1, logging_dir=f"{args.target}/logs", skip_completed=False
    ).run()


if __name__ == "__main__":
    main()
