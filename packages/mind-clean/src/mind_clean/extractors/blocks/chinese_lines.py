"""Lines that Chinese sites put around an article, by their words: bylines, prompts, records.

They stand in elements without names, so no rule for elements sees them. Short blocks go that say
nothing else (扫一扫, 字号, ICP备, 上一篇 …), bylines (来源, 责任编辑 …) at the edges, and what
follows a heading such as 相关阅读 or 版权声明, if it is the lesser part of the page.
"""

from __future__ import annotations

import re

from mind_clean.extractors.blocks.element_rules import NUMBERS
from mind_clean.extractors.blocks.page import HOME, KIND, TAG, TEXT_END, UNITS, VALUE, Kept, Page

_HEADINGS = tuple(NUMBERS[f"h{level}"] for level in range(1, 7))
_ITEMS = frozenset(NUMBERS[name] for name in ("td", "th", "li", "dd", "dt") if name in NUMBERS)
"""Cells and items. Beside one that says something they belong to a table or a list of the text:
`Ctrl+C | 复制`, `登录名, 密码, 用户家目录`."""

_MAX_CHARACTERS = 60
_EDGE = 6
"""Kept blocks at the start and at the end of the main text."""

_MAX_TAIL_SHARE = 0.35
"""Of the running text of the page; what is more is no appendix."""

_AROUND = " \t\n\u00a0\u3000[]【】（）()〔〕<>《》|｜·•:：→>＞»←=_—-*.。!！◆■●▲★☆…"
"""Marks around a line, which are taken off before it is looked at."""

_ANYWHERE = re.compile(
    r"(?:(?:微信|手机|用手机)?扫(?:一扫|码).{0,30}|扫描.{0,12}(?:二维码|公众号|关注).{0,12}|"
    r"(?:分享|转发)(?:到|至|给)[:：]?.{0,20}|(?:分享|转发)[:：].{0,30}|"
    r"(?:字号|字体|字体大小)[:：大中小超特\s\[\]【】+\-]*|打印(?:本页|本文|文章|此页)?|"
    r"关闭(?:本页|窗口|此页)?|(?:打印|关闭|收藏|复制|纠错|投诉|顶部|返回|窗口|"
    r"本页|此页|本文|网页|链接|地址|推荐|给朋友|\s|[\[\]【】｜|])+|"
    r"返回(?:顶部|首页|列表|上一页|目录)|[上下]一[篇页章条则](?:[:：].{0,50})?|"
    r"(?:我要|发表|查看|网友|最新|精彩|热门)?评论(?:\(\d+\)|\d+条?)?|我(?:要|来)(?:说两句|评论|纠错|留言)|"
    r"您是(?:本文|本站|本页|本帖)?第.{0,12}(?:个|位).{0,10}|(?:主题|帖子|该帖)已(?:经)?关闭.{0,20}|"
    r"(?:阅读|浏览|点击|访问|人气|回复|点击率|阅读数|浏览量|访问量|点击数)(?:次数|量|数)?[:：]\s*\d+.{0,12}|"
    r"请输入(?:您的|你的)?(?:用户名|密码|验证码)|(?:用户名|密码|验证码|忘记密码|没有注册)[:：?？]?|"
    r"(?:网站|站点)(?:地图|声明|导航)(?:[\s|｜·/—-].{0,30})?|"
    r"(?:关于我们|联系我们|广告服务|招聘信息|诚聘英才|法律声明)(?:[\s|｜·/—-].{0,50})?|"
    r".{0,30}(?:ICP|icp)[备证].{0,40}|.{0,20}公网?安备.{0,40}|"
    r"版权所有(?![者人权]).{0,55}|(?:Copyright\b|©).{0,55}|"
    r"(?:首页|当前位置|您(?:现在)?的?位置|您所在的位置)[:：\s>＞»›/].{0,55}|Trackback|引用通告.{0,30}|"
    r"(?:点击|关注|长按).{0,12}(?:二维码|公众号|公号|微信号|阅读原文).{0,20})",
    re.IGNORECASE,
)
"""A block that is one of these, whole."""

_BYLINE = re.compile(
    r"(?:(?:责任编辑|责编|编辑|校对|审核|审校|监制|终审|编审|值班编辑|实习编辑|本文编辑|"
    r"初审|复审|来源|稿源|信息来源|"
    r"文章来源|新闻来源|资料来源|本文来源|发布时间|发布日期|发表时间|更新时间|时间|日期|录入|发布者|发布人|发布机构|"
    r"供稿|撰稿|整理|点击|阅读|浏览)(?:者|人|数)?\s*[:：].{0,50}|"
    r"\d{4}[-年/.]\d{1,2}[-月/.]\d{1,2}日?(?:\s*\d{1,2}[:：]\d{2}(?:[:：]\d{2})?)?.{0,24})"
)

_TAIL = re.compile(
    r"(?:(?:相关|热门|推荐|延伸|更多|最新|精彩|热点|其他|其它|编辑|今日|图片|频道|本类|同类|猜你|为您|大家都在|网友|往期)"
    r"(?:的)?(?:阅读|新闻|链接|报道|文章|推荐|专题|内容|资讯|信息|评论|话题|主题|喜欢|看|精彩|热门|回顾|关注|图片|热点|排行)+|"
    r"阅读排行|点击排行|新闻排行|排行榜|友情链接|反侵权公告|版权声明|免责声明|特别声明|郑重声明|本站声明|网站声明)"
    r"(?:更多|\s){0,4}"
)


def drop_boilerplate_lines(page: Page, kept: Kept) -> Kept:
    """Return which blocks stay of those that were chosen on a Chinese page."""
    chosen = kept.nonzero()[0].tolist()
    ends = page.blocks[:, TEXT_END].tolist()
    stays = kept.copy()
    first_edge, last_edge = chosen[:_EDGE], set(chosen[-_EDGE:])
    edges = last_edge.union(first_edge)
    dropped: dict[int, int] = {}  # block to its place among the chosen
    for place, block in enumerate(chosen):
        start = ends[block - 1] if block else 0
        # Three bytes a character: longer texts need not be decoded.
        if ends[block] - start > 3 * _MAX_CHARACTERS:
            continue
        line = page.text[start : ends[block]].tobytes().decode().strip(_AROUND)
        if len(line) > _MAX_CHARACTERS:
            continue
        heads = page.blocks[block, KIND] in _HEADINGS
        if not heads and (
            _ANYWHERE.fullmatch(line) or (block in edges and _BYLINE.fullmatch(line))
        ):
            dropped[block] = place
        # What follows such a heading lists other pages or speaks of rights, up to the end.
        elif _TAIL.fullmatch(line) and _is_lesser(page, kept, block):
            stays[block:] = False
            break
    for block, place in dropped.items():
        beside = [one for one in chosen[max(place - 1, 0) : place + 2] if one not in dropped]
        stays[block] = _is_item_beside(page, block, beside)
    units = page.blocks[:, UNITS]
    return stays if units[stays].sum() > 0 else kept


def _is_item_beside(page: Page, block: int, beside: list[int]) -> bool:
    """Tell whether a cell or an item stands next to one of its kind that says something."""
    item = _item(page, block)
    return item >= 0 and any(_item(page, one) == item for one in beside)


def _item(page: Page, block: int) -> int:
    """Return the number of the cell's or item's element that a block is in; -1 for none."""
    kind = int(page.blocks[block, KIND])
    around = int(page.containers[page.blocks[block, HOME], TAG])  # <li><p>…</p></li>
    return kind if kind in _ITEMS else around if around in _ITEMS else -1


def _is_lesser(page: Page, kept: Kept, block: int) -> bool:
    """Tell whether the chosen text from a block on is the lesser part of all of it."""
    values, units = page.scores[:, VALUE], page.blocks[:, UNITS]
    after = kept.copy()
    after[:block] = False
    return bool(
        values[after].sum() <= _MAX_TAIL_SHARE * values[kept].sum()
        and units[after].sum() <= 2 * _MAX_TAIL_SHARE * units[kept].sum()
    )
