"""Private data is found wherever it stands, and numbers that only look like it survive."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest

from mind_clean.pii_rules.id_number import check_digit, is_id_number
from mind_clean.transforms.pii import Pii, find_pii, masked
from mind_core.special_tokens import PII_TOKENS
from mind_core.testing import check_transform

FOUND = [
    ("身份证11010519491231002X。", "id_number"),
    ("身份证号11010519491231002x", "id_number"),
    ("１１０１０５１９４９１２３１００２Ｘ", "id_number"),
    ("ID:110105 19491231 002X", "id_number"),
    ("持证人440524188001010014于", "id_number"),
    ("13800138000", "phone"),
    ("电话：+8613800138000", "phone"),
    ("+86 139-1234-5678", "phone"),
    ("(+86)13800138000", "phone"),
    ("008613800138000", "phone"),
    ("8613800138000", "phone"),
    ("138 0013 8000", "phone"),
    ("１３８００１３８０００", "phone"),
    ("tel13800138000", "phone"),
    ("13800138000/", "phone"),
    ("电话-13800138000", "phone"),
    ("联系邮箱abc@example.com", "email"),
    ("请发邮件至abc.def@example.com或", "email"),
    ("first.last+tag@mail.example.co.uk.", "email"),
    ("abc＠ｅｘａｍｐｌｅ．ｃｏｍ", "email"),
    ("13800138000@example.com", "email"),
    ("mailto:abc@example.com", "email"),
    ("12345@163.com", "email"),
]
SURVIVES = [
    "110105194912310021",  # wrong check digit
    "990105194912310028",  # no such region
    "110105194902310026",  # 31 February
    "4405241880010100142",  # 19 digits
    "0.440524188001010014",
    "1.13.800138000",
    "v1.2.13800138000",
    "3.13800138000",
    "订单号：13800138000",
    "order no. 13800138000",
    "SN13800138000",
    "a3f2-13800138000-77",
    "20231105138001380001",
    "ISBN 9787302511625",
    "ISBN 978-7-302-51162-5",
    "1699142400",
    "1699142400123",
    "20231105120000",
    "15032385536 bytes",
    "¥13912345678",
    "13912345678元",
    "17179869184",  # 16 GiB
    "16666666666/66666666664",
    "Unix(-19012425939, 0)",
    "128 139 1024 2048 4096",
    "12345678901",
    "138001380001",
    "getty@tty1.service",
    "icon@2x.png",
    "git@example.com:tools/mind.git",
    "https://user:secret@example.com/",
    "@Override",
    "a @ b",
    "user@localhost",
    "\\_SB.PCI0.port@1.endpoint",
    "v2@",
    "@example.com",
    "192.168.1.1",
]


@pytest.mark.parametrize(("text", "kind"), FOUND)
def test_found(text: str, kind: str) -> None:
    assert [found for _, _, found in find_pii(text)] == [kind]


@pytest.mark.parametrize("text", SURVIVES)
def test_survives(text: str) -> None:
    assert find_pii(text) == []
    assert find_pii(f"见{text}。") == []


def test_check_digits_of_random_numbers() -> None:
    """Every number with the right check digit is found, with any other one it is not."""
    chance = random.Random(7)
    for _ in range(300):
        born = date(1900, 1, 1) + timedelta(days=chance.randrange(45_000))
        head = f"{chance.choice((11, 31, 44, 65, 81))}{chance.randrange(10**4):04}"
        head += f"{born:%Y%m%d}{chance.randrange(1000):03}"
        right = check_digit(head)
        assert [k for _, _, k in find_pii(f"号码{head}{right}，")] == ["id_number"]
        wrong = chance.choice([d for d in "0123456789X" if d != right])
        assert not is_id_number(head + wrong)


def test_masks() -> None:
    check_transform(
        Pii,
        [
            ("电话13800138000，邮箱a@example.com。", "电话<|phone|>，邮箱<|email|>。"),
            ("证件11010519491231002X", "证件<|id_number|>"),
            ("Call +86 13800138000 now", "Call <|phone|> now"),
            ("Nothing here", "Nothing here"),
        ],
    )


def test_masks_are_the_tokens_of_the_table() -> None:
    for text, _ in FOUND:
        mask = Pii()({"text": text})["text"]
        assert any(token in mask for token in PII_TOKENS)
        assert find_pii(mask) == []


def test_counts_add_up_over_two_passes() -> None:
    first = Pii(kinds=("phone",))({"text": "13800138000，a@example.com，139-1234-5678"})
    assert first["metadata"]["mind"]["clean"]["pii"] == {"phone": 2}
    second = Pii()(first)
    assert second["metadata"]["mind"]["clean"]["pii"] == {"phone": 2, "email": 1}


def test_spans_point_into_the_text_that_leaves() -> None:
    text = "𠮷：13800138000，邮箱a@example.com。"
    noted = Pii(spans=True)({"text": text})
    assert [noted["text"][s:e] for s, e, _ in noted["metadata"]["mind"]["clean"]["pii_spans"]] == [
        "<|phone|>",
        "<|email|>",
    ]
    looked = Pii(spans=True, mask=False)({"text": text})
    assert looked["text"] == text
    assert [text[s:e] for s, e, _ in looked["metadata"]["mind"]["clean"]["pii_spans"]] == [
        "13800138000",
        "a@example.com",
    ]


def test_masking_only_changes_the_spans() -> None:
    text = "一13800138000二a@example.com三"
    spans = find_pii(text)
    result, moved = masked(text, spans)
    assert result == "一<|phone|>二<|email|>三"
    assert [result[s:e] for s, e, _ in moved] == ["<|phone|>", "<|email|>"]


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no rule for 'shoe_size'"):
        Pii(kinds=("shoe_size",))
