"""Run datatrove's MinHash, its four stages one after the other: python dedup_datatrove.py IN OUT

Its defaults: 5-grams of words of the English tokeniser, 14 buckets of 8 hashes, nothing verified.
"""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
from pathlib import Path

logging.disable(logging.CRITICAL)

from datatrove.executor import LocalPipelineExecutor  # noqa: E402
from datatrove.pipeline.dedup import (  # noqa: E402
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import (  # noqa: E402
    HashConfig,
    MinhashConfig,
    MinhashDedupBuckets,
)
from datatrove.pipeline.readers import JsonlReader  # noqa: E402
from datatrove.pipeline.writers import JsonlWriter  # noqa: E402


def main() -> None:
    """Run the stages in a folder of their own and move the result to OUT."""
    source, target = map(Path, sys.argv[1:])
    config = MinhashConfig(hash_config=HashConfig(precision=64))
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "in").mkdir()
        shutil.copy(source, work / "in" / "docs.jsonl.zst")

        def read() -> JsonlReader:
            return JsonlReader(str(work / "in"), glob_pattern="*.jsonl.zst")

        signatures, buckets, removed = (str(work / part) for part in ("sig", "buckets", "ids"))
        out = JsonlWriter(str(work / "out"), compression="zstd")
        stages = (
            ([read(), MinhashDedupSignature(signatures, config)], 1),
            ([MinhashDedupBuckets(signatures, buckets, config=config)], config.num_buckets),
            ([MinhashDedupCluster(buckets, removed, config=config)], 1),
            ([read(), MinhashDedupFilter(removed), out], 1),
        )
        for number, (pipeline, tasks) in enumerate(stages):
            LocalPipelineExecutor(
                pipeline=pipeline, tasks=tasks, workers=1, logging_dir=str(work / f"log{number}")
            ).run()
        (made,) = (work / "out").iterdir()
        shutil.move(made, target)


if __name__ == "__main__":
    main()
