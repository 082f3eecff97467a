"""How likely each block of a page is main text, by the judge that ships."""

from __future__ import annotations

from mind_clean.extractors.blocks.block_features import compute_features
from mind_clean.extractors.blocks.judge import add_neighbours, load_judge, predict
from mind_clean.extractors.blocks.name_rules import score_names
from mind_clean.extractors.blocks.page import Floats, Kept, Page


def probabilities_of(page: Page, kept: Kept) -> Floats:
    """Return the probability of each block of a page; `kept` is what the rules say."""
    judge = load_judge()
    page_is = page.containers, page.blocks, page.scores, page.text
    features = compute_features(*page_is, kept, score_names(judge.name_words), judge.word_scores)
    alone = predict(features, judge.first, judge.starts[0])
    around = add_neighbours(page.containers, page.blocks, features, alone)
    return predict(around, judge.second, judge.starts[1])
