"""Whether conversations can share a row: that is up to the model."""

from __future__ import annotations

from dataclasses import replace

from mind_core.errors import UsageError
from mind_train.config import Settings
from mind_train.huggingface import folder
from mind_train.models.bare_model import build_bare
from mind_train.models.language_model import Config


def shared_rows(resolved: Settings, architecture: str, config: Config) -> tuple[Settings, bool]:
    """Tell whether conversations share rows: where the model keeps them apart, or as asked.

    Without the mask conversations of our own share a row and see each other, as asked. A model that
    takes no ``documents`` gets a row for each.
    """
    if not resolved.train.document_mask:
        return resolved, architecture != folder.ARCHITECTURE
    if architecture == folder.ARCHITECTURE or build_bare(config).sees_documents:
        return resolved, True
    return replace(resolved, train=replace(resolved.train, document_mask=False)), False


def require_documents(resolved: Settings, config: Config) -> None:
    """Raise UsageError if documents are to be kept apart by a model that cannot."""
    if resolved.train.document_mask and not build_bare(config).sees_documents:
        raise UsageError(
            f"train.document_mask: a {type(config).__name__} takes no `documents`",
            hint="train.document_mask=false lets documents in a row see each other, as usual; or "
            "let the model's forward take documents [B, T]",
        )
