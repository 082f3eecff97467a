"""The built-in components, offered by the same hooks as those of plugins."""

from __future__ import annotations

from mind_clean.hookspecs import DocumentReader, Extractor, Filter, Transform, hookimpl
from mind_core import Offers


@hookimpl
def register_documents() -> Offers[DocumentReader]:
    """Offer the kinds of documents that the tool reads by itself."""
    return {
        "txt": "mind_clean.documents.texts:PlainText",
        "md": "mind_clean.documents.texts:Markdown",
        "markdown": "mind_clean.documents.texts:Markdown",
        "html": "mind_clean.documents.texts:Page",
        "htm": "mind_clean.documents.texts:Page",
        "xhtml": "mind_clean.documents.texts:Page",
        "epub": "mind_clean.documents.epub:Epub",
    }


@hookimpl
def register_extractors() -> Offers[Extractor]:
    """Offer the extractors that ship with the tool."""
    return {
        "blocks": "mind_clean.extractors.blocks.extract:Blocks",
        "resiliparse": "mind_clean.extractors.resiliparse:Resiliparse",
        "trafilatura": "mind_clean.extractors.trafilatura:Trafilatura",
    }


@hookimpl
def register_transforms() -> Offers[Transform]:
    """Offer the transforms that ship with the tool."""
    return {
        "mojibake": "mind_clean.transforms.mojibake:Mojibake",
        "markup": "mind_clean.transforms.markup:Markup",
        "unicode": "mind_clean.transforms.unicode:Unicode",
        "emoji": "mind_clean.transforms.emoji:Emoji",
        "whitespace": "mind_clean.transforms.whitespace:Whitespace",
        "script": "mind_clean.transforms.language:Script",
        "detect_language": "mind_clean.transforms.language:DetectLanguage",
        "c4_lines": "mind_clean.transforms.c4_lines:C4Lines",
        "pii": "mind_clean.transforms.pii:Pii",
        "mask_sensitive_words": "mind_clean.transforms.mask_sensitive_words:MaskSensitiveWords",
        "repeated_phrases": "mind_clean.transforms.repeated_phrases:RepeatedPhrases",
        "site_phrases": "mind_clean.transforms.site_phrases:SitePhrases",
    }


@hookimpl
def register_filters() -> Offers[Filter]:
    """Offer the filters that ship with the tool."""
    return {
        "running_text": "mind_clean.filters.running_text:RunningText",
        "garbled": "mind_clean.filters.garbled:Garbled",
        "text_density": "mind_clean.filters.text_density:TextDensity",
        "han_count": "mind_clean.filters.han_count:HanCount",
        "contamination": "mind_clean.filters.contamination:Contamination",
        "sensitive_words": "mind_clean.filters.sensitive_words:SensitiveWords",
        "language": "mind_clean.filters.language:Language",
        "url": "mind_clean.filters.url:Url",
        "gopher_quality": "mind_clean.filters.gopher_quality:GopherQuality",
        "gopher_repetition": "mind_clean.filters.gopher_repetition:GopherRepetition",
        "c4": "mind_clean.filters.c4:C4",
        "fineweb": "mind_clean.filters.fineweb:Fineweb",
        "fineweb2_zh": "mind_clean.filters.fineweb2_zh:Fineweb2Zh",
        "quality": "mind_clean.filters.quality:Quality",
        "repeated_phrase_share": "mind_clean.filters.phrase_shares:RepeatedPhraseShare",
        "site_phrase_share": "mind_clean.filters.phrase_shares:SitePhraseShare",
    }
