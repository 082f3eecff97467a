"""The one table of special tokens: mind-clean writes them, mind-tok registers them.

Masks stand in text where private data stood, so a tokenizer must find them there. Control tokens
steer the model; they are never made from text, so that no text can forge them.
"""

from __future__ import annotations

END = "<|endoftext|>"
PAD = "<|pad|>"
UNKNOWN = "<|unknown|>"
USER = "<user>"
ASSISTANT = "<assistant>"
CONTROL_TOKENS = (END, PAD, USER, ASSISTANT)

ID_NUMBER = "<|id_number|>"
PHONE = "<|phone|>"
EMAIL = "<|email|>"
BANK_CARD = "<|bank_card|>"
IP_ADDRESS = "<|ip_address|>"
PASSPORT = "<|passport|>"
PLATE = "<|plate|>"
CREDIT_CODE = "<|credit_code|>"
LANDLINE = "<|landline|>"
SERVICE_NUMBER = "<|service_number|>"
QQ = "<|qq|>"
WECHAT = "<|wechat|>"
SENSITIVE = "<|sensitive|>"
"""A word of a lexicon, not private data; it stands in text the same way."""

PII_TOKENS = (
    ID_NUMBER,
    PHONE,
    EMAIL,
    BANK_CARD,
    IP_ADDRESS,
    PASSPORT,
    PLATE,
    CREDIT_CODE,
    LANDLINE,
    SERVICE_NUMBER,
    QQ,
    WECHAT,
    SENSITIVE,
)
