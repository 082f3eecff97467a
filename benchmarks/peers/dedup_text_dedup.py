"""Run text-dedup's MinHash file to file: python dedup_text_dedup.py IN.jsonl.zst OUT.jsonl.zst

One process, similarity 0.8, 128 permutations, 5-grams of words as it cuts them, nothing verified.
It takes a parquet file and leaves a data set in a folder, so the records go through both.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ["HF_DATASETS_OFFLINE"] = "1"

CONFIGURATION = """
[input]
input_type = "local_files"
file_type = "parquet"
[input.read_arguments]
path = "parquet"
data_files = "{work}/in.parquet"
split = "train"
[algorithm]
algorithm_name = "minhash"
text_column = "text"
num_perm = 128
ngram_size = 5
threshold = 0.8
min_length = 1
num_proc = 1
[output]
output_dir = "{work}/out"
[debug]
logging_level = 50
"""


def main() -> None:
    """Read, deduplicate and write."""
    import orjson
    import polars
    import zstandard
    from datasets import disable_caching, load_from_disk
    from text_dedup.config.base import load_config_from_toml
    from text_dedup.minhash import main as minhash

    source, target = map(Path, sys.argv[1:])
    disable_caching()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as work:
        data = zstandard.ZstdDecompressor().decompressobj().decompress(source.read_bytes())
        records = [orjson.loads(line) for line in data.split(b"\n") if line]
        polars.DataFrame(records).write_parquet(f"{work}/in.parquet")
        settings = Path(work, "settings.toml")
        settings.write_text(CONFIGURATION.format(work=work))
        minhash(load_config_from_toml(settings))
        compressor = zstandard.ZstdCompressor(level=3).compressobj()
        with target.open("wb") as out:
            for record in load_from_disk(f"{work}/out"):
                kept = {name: record[name] for name in records[0]}
                out.write(compressor.compress(orjson.dumps(kept) + b"\n"))
            out.write(compressor.flush())


if __name__ == "__main__":  # its workers import this file
    main()
