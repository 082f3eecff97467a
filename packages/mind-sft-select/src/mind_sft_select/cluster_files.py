"""A folder of clusters: one stream for each, a description, a histogram."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mind_core.files import atomic_folder, write_json, write_manifest
from mind_core.output import write_records
from mind_core.stream import read_records
from mind_sft_select.histogram import histogram
from mind_sft_select.pool import Pool
from mind_sft_select.strata import Cluster, cluster_pool

FORMAT = "mind-sft-clusters"


def write_clusters(
    inputs: Sequence[str],
    folder: Path,
    number: int,
    *,
    by: str,
    strata: Sequence[str],
    budget: int,
    small: str,
    seed: int,
) -> list[str]:
    """Cluster scored records into a folder; return a line for each cluster."""
    records = list(read_records(inputs))
    pool = Pool(seed)
    for record in records:
        pool.add(record)
    found = cluster_pool(pool, number, by=by, strata=strata, budget=budget, small=small, seed=seed)
    scores = pool.number("entropy")
    rows = [cluster.as_dict(place, scores) for place, cluster in enumerate(found)]
    with atomic_folder(folder) as partial:
        for place, cluster in enumerate(found):
            # In the order of the input, whatever was merged with what.
            members = [records[i] for i in sorted(cluster.members)]
            write_records(partial / f"cluster-{place:02d}.jsonl.zst", members)
        write_json(partial / "clusters.json", rows)
        (partial / "histogram.svg").write_text(_picture(found, scores), "utf-8")
        write_manifest(
            partial,
            {"format": FORMAT, "version": 1, "by": by, "strata": list(strata), "budget": budget,
             "small": small, "seed": seed, "clusters": rows, "models": sorted(pool.models),
             "unscored": int(np.isnan(scores).sum())},
        )  # fmt: skip
    return [
        f"cluster {row['cluster']:2d} {row['stratum']}: {row['records']:,} records, "
        f"{row['answer_tokens']:,} answer tokens, entropy {row['from']:.2f} … {row['to']:.2f}"
        + (" (too_small)" if row["too_small"] else "")
        for row in rows
    ]


def _picture(found: Sequence[Cluster], scores: np.ndarray) -> str:
    places = [i for cluster in found for i in cluster.members]
    labels = [place for place, cluster in enumerate(found) for _ in cluster.members]
    return histogram(scores[places], labels)
