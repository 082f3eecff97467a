"""Two tiny models for all tests of a process, and a server of one."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from domain_chats import train


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


loopback = load("loopback")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A model that learned to give reasons, and one that learned nothing."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    made = tmp_path_factory.mktemp("models")
    yield {"good": train(made / "good", 80, 0), "bad": train(made / "bad", 0, 1)}
    torch.set_num_threads(threads)


@pytest.fixture
def server(models: dict[str, Path]) -> Iterator[Any]:
    with loopback.serving(models["good"]) as made:
        yield made
