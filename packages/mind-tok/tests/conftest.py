"""A small bilingual text and tokenizers trained on it, once for all tests."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest

from mind_core import Record
from mind_tok import Tokenizer
from mind_tok.sentencepiece import Bpe

CHINESE = (
    *("春天来了", "小河的水", "慢慢流过", "村庄", "学生们", "在图书馆", "学习语言", "和", "历史"),
    *("模型", "需要", "很多", "文字", "才能", "理解", "意思"),
)
ENGLISH = (
    *("spring", "has", "come", "the", "river", "flows", "slowly", "through", "villages", "and"),
    *("students", "learn", "languages", "history", "in", "libraries", "models", "need", "much"),
    *("writing", "before", "they", "understand", "meaning"),
)


def sentence(chance: random.Random, chinese: bool) -> str:
    words = chance.choices(CHINESE if chinese else ENGLISH, k=chance.randint(4, 14))
    return "".join(words) + "。" if chinese else " ".join(words).capitalize() + "."


def made_records(count: int, seed: int = 1) -> list[Record]:
    """Make records in two languages and three sources; no two texts are the same."""
    chance = random.Random(seed)
    records = []
    for number in range(count):
        chinese = number % 2 == 0
        lines = [sentence(chance, chinese) for _ in range(chance.randint(1, 5))]
        records.append(
            {
                "id": f"made-{number}",
                "text": f"{number}\n" + "\n".join(lines),
                "source": ("books", "news", "web")[number % 3],
            }
        )
    return records


@pytest.fixture(scope="session")
def records() -> list[Record]:
    return made_records(400)


@pytest.fixture(scope="session")
def texts(records: list[Record]) -> list[str]:
    return [record["text"] for record in records]


@pytest.fixture(scope="session")
def tokenizer(texts: list[str]) -> Tokenizer:
    return Bpe().train(texts, 500)


@pytest.fixture(scope="session")
def tokenizer_folder(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "tokenizer"
    tokenizer.save(folder)
    return folder


@pytest.fixture(scope="session")
def bytes_plugin() -> ModuleType:
    """The plugin beside this file, as a module."""
    spec = importlib.util.spec_from_file_location(
        "bytes_plugin", Path(__file__).with_name("bytes_plugin.py")
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bytes_plugin"] = module  # so that what it defines can be pickled
    spec.loader.exec_module(module)
    return module
