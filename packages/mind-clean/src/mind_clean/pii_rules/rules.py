"""All rules, in the order of precedence, each with its special token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import NamedTuple

from mind_core import special_tokens as tokens

Find = Callable[[str, int, int], Iterator[tuple[int, int]]]


class Rule(NamedTuple):
    """One kind of private data: its token, and what finds it."""

    token: str
    place: str
    """Module and name of what finds it: a run imports the rules that it uses."""
    numbers: bool
    """It needs seven digits near each other, so it only has to look where they are."""

    @property
    def find(self) -> Find:
        """Return what yields the spans between two positions of a text."""
        return _function(self.place)


@cache
def _function(place: str) -> Find:
    module, _, name = place.partition(":")
    found: Find = getattr(import_module(f"mind_clean.pii_rules.{module}"), name)
    return found


# A part of an ID number is no card and no telephone number, nor is that of an address such as
# 13800138000@example.com.
RULES: dict[str, Rule] = {
    "id_number": Rule(tokens.ID_NUMBER, "id_number:find_id_numbers", numbers=True),
    "email": Rule(tokens.EMAIL, "email:find_emails", numbers=False),
    "credit_code": Rule(tokens.CREDIT_CODE, "credit_code:find_credit_codes", numbers=True),
    "bank_card": Rule(tokens.BANK_CARD, "bank_card:find_bank_cards", numbers=True),
    "phone": Rule(tokens.PHONE, "phone:find_phones", numbers=True),
    "service_number": Rule(tokens.SERVICE_NUMBER, "landline:find_service_numbers", numbers=True),
    "landline": Rule(tokens.LANDLINE, "landline:find_landlines", numbers=True),
    "ip_address": Rule(tokens.IP_ADDRESS, "ip_address:find_ip_addresses", numbers=False),
    "passport": Rule(tokens.PASSPORT, "documents:find_passports", numbers=True),
    "plate": Rule(tokens.PLATE, "documents:find_plates", numbers=False),
    "qq": Rule(tokens.QQ, "accounts:find_qq_numbers", numbers=False),
    "phone_us": Rule(tokens.PHONE, "overseas:find_us_phones", numbers=True),
    "phone_uk": Rule(tokens.PHONE, "overseas:find_uk_phones", numbers=True),
    "wechat": Rule(tokens.WECHAT, "accounts:find_wechat_names", numbers=False),
}

PAPER = ("id_number", "email", "phone")
"""What MindLLM replaces (§2, step 4)."""
