"""Hash what the tools make of real data, to compare two versions of their code byte by byte.

`python benchmarks/output_hashes.py > before.txt` at one commit, `> after.txt` at another, and
`diff`. It takes the pages that are shipped and those of `../shared/data/web`, if they are there;
`--pages N` takes the first N of each file. The trained tokenizers, the ids, the kept records, the
rejected ones with their reasons and figures, the duplicates and the shares of contaminated items
are each one line: the name, and the first 16 digits of SHA-256.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import zstandard

ROOT = Path(__file__).parent.parent
DATA = ROOT / "tests" / "data"
OTHER = ROOT.parent / "shared" / "data" / "web"

CLEAN = {
    "default": [],
    "gopher-en": ["--recipe", "gopher-en"],
    "fineweb2-zh": ["--recipe", "fineweb2-zh"],
    "mark-all": ["--mark", "--set", "blocks.list_bullets=false"],
    "learned": ["--step", "blocks", "--set", "blocks.choice='learned'"],
    "density-html": ["--set", "blocks.density_of='html'", "--step", "blocks"],
    "resiliparse": [
        "--step",
        "resiliparse",
        "--step",
        "text_density",
        "--step",
        "repeated_phrases",
    ],
}
ZSTD = b"\x28\xb5\x2f\xfd"
EXTRA = ("c4", "fineweb", "gopher_quality", "gopher_repetition", "fineweb2_zh", "han_count")


def main() -> None:
    """Print the hashes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=0, help="pages of each file; 0 is all")
    given = parser.parse_args()
    pages = [*sorted((DATA / "pages").glob("*.zst")), *sorted(OTHER.glob("*.zst"))]
    limit = ["--limit", str(given.pages)] if given.pages else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for page in pages:
            _clean(folder, page, limit)
        texts = sorted(folder.glob("*.default.jsonl"))
        _after(folder, [page for page in texts if page.stat().st_size])


def _clean(folder: Path, page: Path, limit: Sequence[str]) -> None:
    where = f"{page.parent.parent.name}-{page.name.split('.')[0]}"
    for name, more in CLEAN.items():
        kept, dropped = folder / f"{where}.{name}.jsonl", folder / "rejects.jsonl"
        run("clean", *more, page, *limit, "-o", kept, "--rejects", dropped)
        say(f"clean {where} {name}", kept, dropped)
    text = folder / f"{where}.default.jsonl"
    if not text.stat().st_size:
        return
    marked = folder / "marked.jsonl"
    steps = [part for name in EXTRA for part in ("--step", name)]
    run("clean", "--mark", *steps, text, "-o", marked)
    say(f"clean {where} filters", marked)
    steps = [
        part for name in ("emoji", "whitespace", "unicode", "script") for part in ("--step", name)
    ]
    run("clean", *steps, text, "-o", marked)
    say(f"clean {where} transforms", marked)
    benchmarks = ",".join(f"'{path}'" for path in sorted((DATA / "benchmarks").glob("*")))
    against = f"contamination.against=[{benchmarks}]"
    more = ["--set", "contamination.n=4", "--set", "contamination.min_share=0.05"]
    run("clean", "--mark", "--step", "contamination", "--set", against, *more, text, "-o", marked)
    say(f"clean {where} contamination", marked)


def _after(folder: Path, texts: Sequence[Path]) -> None:
    kept, dropped = folder / "dedup.jsonl", folder / "rejects.jsonl"
    for unit in ("document", "paragraph"):
        more = ["--set", f"scope.unit='{unit}'"]
        run("dedup", *more, *texts, "-o", kept, "--rejects", dropped)
        say(f"dedup {unit}", kept, dropped)
    made, shards = folder / "tokenizer", folder / "shards"
    run("tok", "train", "--vocab-size", "4000", *texts, "-o", made)
    say("tok tokenizer", *sorted(made.glob("*.model")))
    run("tok", "encode", "-t", made, *texts, "-o", shards)
    say("tok shards", *sorted(shards.rglob("*.bin")))
    if importlib.util.find_spec("mind_eval"):
        _contaminated_items(texts)


def _contaminated_items(texts: Sequence[Path]) -> None:
    from mind_eval.contamination import dirty_shares, training_texts

    for path in sorted((DATA / "benchmarks").glob("*.jsonl")):
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        items = [[str(value) for value in row.values()] for row in rows]
        shares = dirty_shares(items, training_texts(texts), n=4)
        digest = hashlib.sha256(repr(shares).encode()).hexdigest()
        sys.stdout.write(f"eval contamination {path.stem}\t{digest[:16]}\n")


def run(tool: str, *arguments: object) -> None:
    """Run a tool to its end, in this process: many short runs would be all start-up."""
    app = importlib.import_module(f"mind_{tool}.cli").app
    app([*map(str, arguments), "-q"], standalone_mode=False)


def say(name: str, *files: Path) -> None:
    """Print the hash of files that follow each other."""
    digest = hashlib.sha256()
    for path in files:
        if path.is_file():
            data = path.read_bytes()
            if data.startswith(ZSTD):  # rejected records name files of the temporary folder
                reader = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True)
                data = reader.read()
            digest.update(data.replace(str(path.parent).encode(), b""))
    sys.stdout.write(f"{name}\t{digest.hexdigest()[:16]}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
