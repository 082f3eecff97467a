"""All rules, in the order of precedence, each with its special token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from mind_clean.pii_rules.accounts import find_qq_numbers, find_wechat_names
from mind_clean.pii_rules.bank_card import find_bank_cards
from mind_clean.pii_rules.credit_code import find_credit_codes
from mind_clean.pii_rules.documents import find_passports, find_plates
from mind_clean.pii_rules.email import find_emails
from mind_clean.pii_rules.id_number import find_id_numbers
from mind_clean.pii_rules.ip_address import find_ip_addresses
from mind_clean.pii_rules.landline import find_landlines, find_service_numbers
from mind_clean.pii_rules.overseas import find_uk_phones, find_us_phones
from mind_clean.pii_rules.phone import find_phones
from mind_core import special_tokens as tokens

Find = Callable[[str, int, int], Iterator[tuple[int, int]]]


class Rule(NamedTuple):
    """One kind of private data: its token, and what finds it between two positions of a text."""

    token: str
    find: Find
    numbers: bool
    """It needs seven digits near each other, so it only has to look where they are."""


# A part of an ID number is no card and no telephone number, nor is that of an address such as
# 13800138000@example.com.
RULES: dict[str, Rule] = {
    "id_number": Rule(tokens.ID_NUMBER, find_id_numbers, numbers=True),
    "email": Rule(tokens.EMAIL, find_emails, numbers=False),
    "credit_code": Rule(tokens.CREDIT_CODE, find_credit_codes, numbers=True),
    "bank_card": Rule(tokens.BANK_CARD, find_bank_cards, numbers=True),
    "phone": Rule(tokens.PHONE, find_phones, numbers=True),
    "service_number": Rule(tokens.SERVICE_NUMBER, find_service_numbers, numbers=True),
    "landline": Rule(tokens.LANDLINE, find_landlines, numbers=True),
    "ip_address": Rule(tokens.IP_ADDRESS, find_ip_addresses, numbers=False),
    "passport": Rule(tokens.PASSPORT, find_passports, numbers=True),
    "plate": Rule(tokens.PLATE, find_plates, numbers=False),
    "qq": Rule(tokens.QQ, find_qq_numbers, numbers=False),
    "phone_us": Rule(tokens.PHONE, find_us_phones, numbers=True),
    "phone_uk": Rule(tokens.PHONE, find_uk_phones, numbers=True),
    "wechat": Rule(tokens.WECHAT, find_wechat_names, numbers=False),
}

PAPER = ("id_number", "email", "phone")
"""What MindLLM replaces (§2, step 4)."""
