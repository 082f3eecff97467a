"""Run datatrove's chain of quality rules over a folder; for the Python of the peer `datatrove`.

usage: datatrove_chain.py IN_FOLDER WORK_FOLDER en|zh
Reads every *.jsonl.zst of the folder, one task, one worker; `zh` is FineWeb-2's configuration.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.filters import (
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from loguru import logger

logger.remove()
logging.disable(logging.CRITICAL)

ZH_STOP_WORDS = list("的年在月是和日了於·為有被人中为他與後也而由")
ZH_TOP = [(2, 0.256), (3, 0.201), (4, 0.171)]
ZH_REPEATED = [(5, 0.198), (6, 0.182), (7, 0.167), (8, 0.154), (9, 0.14), (10, 0.127)]


def filters(language: str) -> list[object]:
    """Return the filters: Gopher's for English, FineWeb-2's for Chinese."""
    if language == "en":
        return [GopherRepetitionFilter(), GopherQualityFilter()]
    return [
        GopherRepetitionFilter(
            language="cmn_Hani", dup_para_frac=0, dup_line_char_frac=0, dup_para_char_frac=0,
            dup_line_frac=0.287, top_n_grams=ZH_TOP, dup_n_grams=ZH_REPEATED,
        ),
        FineWebQualityFilter(
            language="cmn_Hani", short_line_thr=999, char_duplicates_ratio=0.1,
            line_punct_thr=0.106, new_line_ratio=0.178,
        ),
        GopherQualityFilter(
            language="cmn_Hani", min_avg_word_length=1, max_avg_word_length=5,
            stop_words=ZH_STOP_WORDS, max_non_alpha_words_ratio=0.735, min_stop_words=2,
        ),
    ]  # fmt: skip


def main() -> None:
    """Run the chain."""
    source, work, language = sys.argv[1:4]
    LocalPipelineExecutor(
        pipeline=[
            JsonlReader(source, glob_pattern="*.jsonl.zst"),
            *filters(language),
            PIIFormatter(),
            JsonlWriter(str(Path(work) / "out"), compression="zstd"),
        ],
        tasks=1,
        workers=1,
        logging_dir=str(Path(work) / "logs"),
        skip_completed=False,
    ).run()


if __name__ == "__main__":
    main()
