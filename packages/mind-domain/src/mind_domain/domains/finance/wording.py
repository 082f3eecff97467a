"""How finance asks and answers, in English and Chinese."""

from __future__ import annotations

from collections.abc import Sequence

WORDS = {
    "en": {"surge": "surge", "rise": "rise", "flat": "flat", "fall": "fall", "plunge": "plunge"},
    "zh": {"surge": "大涨", "rise": "上涨", "flat": "持平", "fall": "下跌", "plunge": "大跌"},
}
OTHER_WORDS = {
    "surge": ("大漲", "暴涨", "暴漲"),
    "rise": ("上漲", "涨", "漲", "up", "rises", "positive"),
    "flat": ("不变", "不變", "平盘", "平盤", "unchanged", "neutral"),
    "fall": ("跌", "down", "falls", "negative"),
    "plunge": ("暴跌",),
}
"""What models write for the same thing: traditional characters, short forms, other data sets'
words. Each is unambiguous when it stands alone."""


def question_of(text: str, ticker: str, days: int, labels: Sequence[str], language: str) -> str:
    """Ask what a share does in the sessions after a text, with the words to choose from."""
    words = [WORDS[language][name] for name in labels]
    if language == "zh":
        choice = "、".join(words[:-1]) + f"或{words[-1]}"
        return f"这条消息发布后{days}个交易日，{ticker}的股价如何？只回答{choice}。\n\n{text}"
    choice = ", ".join(words[:-1]) + f" or {words[-1]}"
    unit = "trading day" if days == 1 else "trading days"
    return (
        f"What does the share of {ticker} do in the {days} {unit} after this message? "
        f"Answer {choice}.\n\n{text}"
    )
