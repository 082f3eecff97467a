"""The judge of blocks: its trees as scikit-learn walks them, kinds of pages that rules lose."""

from __future__ import annotations

import numpy as np
import pytest

from mind_clean.extractors.blocks.block_features import FEATURES, compute_features
from mind_clean.extractors.blocks.extract import CHOICES, Blocks
from mind_clean.extractors.blocks.judge import (
    NEIGHBOUR_FEATURES,
    add_neighbours,
    choose_best,
    load_judge,
    predict,
)
from mind_clean.extractors.blocks.name_rules import score_names
from mind_clean.extractors.blocks.page import HOME, PARENT, UNITS
from mind_clean.extractors.blocks.parse import parse_page
from mind_clean.extractors.blocks.text_features import BUCKETS, word_buckets
from mind_clean.main_text import running_text

WORDS = (
    "I have tried this on my own machine and it works, but only after a restart.",
    "Thanks a lot, that was it! The second command did nothing here, though.",
    "Could you post the whole log? Without it nobody can say what went wrong.",
)
MENU = "<nav><ul>" + "".join(f"<li><a href='/{n}'>Topic {n}</a>" for n in range(40)) + "</ul></nav>"
POSTS = "".join(
    f"<div class='post reply'><div class=author><a href='/u/{n}'>user{n}</a></div>"
    f"<div class='post-body comment'><p>{WORDS[n % 3]} ({n})</p></div></div>"
    for n in range(12)
)
FORUM = (
    f"<body>{MENU}<h1>It does not start</h1><div class=topic>{POSTS}</div><footer>© 2026</footer>"
)


def test_posts_of_a_forum_are_its_text() -> None:
    text = str(Blocks(choice="learned")(FORUM, None))
    assert sum(f"({n})" in text for n in range(12)) == 12
    assert "Topic 7" not in text and "© 2026" not in text


def test_the_posts_of_a_page_that_needs_scripts_stand_in_noscript() -> None:
    posts = POSTS.replace("post reply", "topic").replace("post-body comment", "cooked")
    page = f"<body><div id=app></div><noscript>{posts}</noscript>"
    for choice in ("rules", "learned"):
        assert WORDS[0] in str(Blocks(choice=choice)(page, None))
    asked = "<body><div id=app></div><noscript>You need to enable JavaScript.</noscript>"
    assert Blocks()(asked, None) is None
    beside = f"<body><article><p>{' '.join(WORDS)} {' '.join(WORDS)}</p></article>"
    assert "cookie" not in str(Blocks()(f"{beside}<noscript>No cookie here.</noscript>", None))


def test_a_choice_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="choice is 'best'"):
        Blocks(choice="best")


def page_features() -> tuple[object, np.ndarray]:  # type: ignore[type-arg]
    page = parse_page(FORUM, skip_boilerplate=False)
    assert page is not None
    judge = load_judge()
    kept = np.ones(len(page.blocks), np.bool_)
    arrays = page.containers.copy(), page.blocks.copy(), page.scores.copy(), page.text.copy()
    return arrays, compute_features(*arrays, kept, score_names(judge.name_words), judge.word_scores)


def test_trees_are_walked_as_they_were_trained() -> None:
    _, features = page_features()
    judge = load_judge()
    for trees, start, rows in ((judge.first, judge.starts[0], features),):
        found = predict(rows, trees, start)
        for row, odd in zip(rows, found, strict=True):
            total = start
            for root in trees.roots:
                node = int(root)
                while trees.features[node] >= 0:
                    left = row[trees.features[node]] <= trees.thresholds[node]
                    node = node + 1 if left else int(trees.rights[node])
                total += float(trees.thresholds[node])
            assert abs(odd - 1 / (1 + np.exp(-total))) < 1e-6
    assert len(np.unique(found.round(3))) > 5


def test_neighbours_and_kinds_are_those_of_plain_numpy() -> None:
    (containers, blocks, _, _), features = page_features()  # type: ignore[misc]
    count = len(blocks)
    alone = np.linspace(0.05, 0.95, count)
    around = add_neighbours(containers, blocks, features, alone)
    assert around.shape == (count, FEATURES + NEIGHBOUR_FEATURES)
    assert np.array_equal(around[:, :FEATURES], features)
    sizes = blocks[:, UNITS] + 1.0
    whole = (alone * sizes).sum() / sizes.sum()
    assert np.allclose(around[:, FEATURES + 16], whole, atol=1e-6)
    for place, offset in enumerate((-3, -2, -1, 1, 2, 3), FEATURES + 1):
        beside = np.full(count + 6, -1.0)
        beside[3 : count + 3] = alone
        assert np.allclose(around[:, place], beside[3 + offset : count + 3 + offset]), offset
    for place, reach in ((FEATURES + 7, 5), (FEATURES + 8, 15)):
        for block in range(count):
            near = slice(max(0, block - reach), block + reach + 1)
            mean = (alone * sizes)[near].sum() / sizes[near].sum()
            assert abs(around[block, place] - mean) < 1e-6, (reach, block)
    for block in range(count):
        above = max(0, containers[blocks[block, HOME], PARENT])
        start, end = containers[above, 3], containers[above, 4]
        mean = (alone * sizes)[start:end].sum() / sizes[start:end].sum()
        assert abs(around[block, FEATURES + 10] - mean) < 1e-6


def test_the_choice_has_the_best_expected_f1() -> None:
    chance = np.random.default_rng(5)
    blocks = np.zeros((9, 7), np.int64)
    for _ in range(50):
        blocks[:, UNITS] = chance.integers(1, 400, 9)
        likely = chance.random(9) ** 2
        sizes = blocks[:, UNITS] + 2.0

        def expected(kept: np.ndarray, likely=likely, sizes=sizes) -> float:  # type: ignore[no-untyped-def,type-arg]
            return float(
                2 * (likely * sizes)[kept].sum() / (sizes[kept].sum() + (likely * sizes).sum())
            )

        order = [place for place in np.argsort(-likely) if likely[place] >= 0.25]
        best = max(expected(np.isin(np.arange(9), order[: n + 1])) for n in range(len(order)))
        assert expected(choose_best(blocks, likely)) > best - 1e-3


def test_words_of_a_text_have_the_same_bucket_in_any_case() -> None:
    found = [np.empty(480, np.int64) for _ in range(3)]
    texts = [
        np.frombuffer(t, np.uint8) for t in (b"Read More 12", b"read more 34", b"read less 12")
    ]
    counts = [word_buckets(t, 0, len(t), b) for t, b in zip(texts, found, strict=True)]
    assert counts == [6, 6, 6] and np.array_equal(found[0][:6], found[1][:6])
    assert not np.array_equal(found[0][:6], found[2][:6]) and max(found[0][:6]) < BUCKETS


def test_a_page_whose_text_waits_hidden_for_a_script_is_read() -> None:
    """React sends a page in pieces: hidden at first, put in their places by a script."""
    told = f"<article><h1>On restarts</h1><p>{' '.join(WORDS)}<p>{' '.join(WORDS)}</article>"
    for hides in ("hidden id=S:0", "style='display: none'"):
        shell = f"<body><div id=app><span>Loading</span></div><div {hides}>{told}</div>"
        for choice in ("rules", "learned"):
            assert WORDS[1] in str(Blocks(choice=choice)(shell, None)), (hides, choice)
        full = f"<body><main>{told}</main><div {hides}><p>{'We use cookies. ' * 40}</div>"
        assert "cookies" not in str(Blocks()(full, None))


def test_a_page_of_which_nothing_is_likely_has_no_text() -> None:
    blocks = np.full((4, 7), 20, np.int64)
    assert not choose_best(blocks, np.array([0.2, 0.05, 0.24, 0.01])).any()
    assert choose_best(blocks, np.array([0.2, 0.3, 0.24, 0.01])).tolist() == [0, 1, 0, 0]


def test_rules_judge_chinese_pages_and_fragments_and_the_judge_all_others() -> None:
    chinese = FORUM.replace(
        "I have tried this on my own machine", "我在自己的机器上试过了，可以用" * 8
    )
    fragment = f"<body><h1>It does not start</h1><p>{WORDS[0]}</p>"
    by = {c: [str(Blocks(choice=c)(p, None)) for p in (FORUM, chinese, fragment)] for c in CHOICES}
    assert by["auto"] == [by["learned"][0], by["rules"][1], by["rules"][2]]
    assert by["learned"][0] != by["rules"][0] and by["learned"][1] != by["rules"][1]


AUTHORS = "".join(
    f"<div class=author-bio><p>{name} writes about gardens, kitchens and small machines for {n} "
    "years. When not at the desk, our writer walks two dogs, bakes rye bread and tries to grow "
    "artichokes on a balcony that is too small for them.</p></div>"
    for n, name in enumerate(("Anna Weiss", "Jon Reed", "Mia Holt", "Kim Yang"), 5)
)
SENTENCES = (
    "Rye flour takes more water than wheat, and it takes it slowly. Mix it the evening before, and "
    "leave the bowl in a cool place until the morning.",
    "A sour dough that is fed every day raises the loaf without any yeast. It smells of apples "
    "when it is ready, and of vinegar when it has waited too long.",
    "Bake it hot for a quarter of an hour, then let the oven fall to two hundred degrees. The "
    "crust should sound hollow when you knock on the bottom.",
    "Do not cut it on the same day. The crumb needs a night to set, and the taste is better on the "
    "third day than on the first.",
)
ARTICLE = "<article><h1>Rye</h1>" + "".join(f"<p>{text}</p>" for text in SENTENCES * 2)


def test_text_of_which_the_judge_is_not_sure_is_little_running_text() -> None:
    hollow = f"<body>{MENU}<section class=authors><h2>About the authors</h2>{AUTHORS}</section>"
    text = Blocks()(hollow, None)
    assert text is not None and text.running_text is not None
    assert running_text(str(text)) > 800 > text.running_text
    article = Blocks()(f"<body>{MENU}<main>{ARTICLE}</article></main>", None)
    assert article is not None and article.running_text is not None
    assert article.running_text >= 800
