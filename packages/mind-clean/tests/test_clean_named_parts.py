"""Titles, comments and the lines around Chinese articles: kept or dropped as one says."""

from __future__ import annotations

import re

import pytest

from mind_clean.extractors.blocks.extract import Blocks

PARAGRAPHS = [
    "清明前后，山里的茶农便背着竹篓上山采茶。一芽一叶的嫩芽最为珍贵，采下来当天就要摊在竹匾上，隔一夜芽尖便会发黑。",
    "到了晚上，灶里烧起松木，一个人看火，一个人用手在锅里翻叶子，谁也不说话，因为叶子的声音会告诉他们什么时候该停。",
    "谷雨之后的茶颜色更深，价钱也便宜得多。山脚下的茶馆一年到头都卖这种茶，村里的老人尤其爱喝，常常一坐就是一个下午。",
]
BODY = "".join(f"<p>{text}</p>" for text in PARAGRAPHS)


def extracted(inside: str, **options: str) -> str:
    head = "<html><head><title>山里的茶_乡土网</title></head><body>"
    return str(Blocks(**options)(f"{head}{inside}</body></html>", None) or "")  # type: ignore[arg-type]


BEFORE = [
    "2026年11月30日 09:12 来源：乡土网",
    "来源：乡土晚报 作者：某人", "字号：大 中 小", "【字体：大 中 小】",
    "发布时间：2026-11-30 浏览次数：1024", "首页 > 新闻 > 正文", "编辑：某某",
]  # fmt: skip
AFTER = [
    "责任编辑：某某", "（责编：某某、某人）", "扫一扫在手机打开当前页",
    "微信扫一扫分享", "【打印】【关闭窗口】", "打印本页 | 关闭窗口",
    "上一篇：采茶歌", "下一条：炒茶的火候", "我要评论", "发表评论", "返回顶部",
    "京ICP备00000000号-1", "版权所有 乡土网",
    "您是本文第 154 个阅览者", "分享到：微信 微博",
]  # fmt: skip


@pytest.mark.parametrize("line", BEFORE)
def test_lines_before_a_chinese_article_go(line: str) -> None:
    text = extracted(f"<div><div>{line}</div>{BODY}</div>")
    assert line not in text and all(paragraph in text for paragraph in PARAGRAPHS)


@pytest.mark.parametrize("line", AFTER)
def test_lines_after_a_chinese_article_go(line: str) -> None:
    text = extracted(f"<div>{BODY}<p>{line}</p></div>")
    assert line not in text and all(paragraph in text for paragraph in PARAGRAPHS)


@pytest.mark.parametrize(
    "heading", ["相关阅读", "热门推荐：", "【相关链接】", "推荐阅读", "版权声明"]
)
def test_what_follows_an_appendix_heading_goes(heading: str) -> None:
    teasers = "".join(f"<p>{n} 月里的茶事，乡土网记者摘录</p>" for n in "一二三")
    text = extracted(f"<div>{BODY}<p>{heading}</p>{teasers}</div>")
    assert heading not in text and "茶事" not in text
    assert all(paragraph in text for paragraph in PARAGRAPHS)
    text = extracted(f"<div><p>{PARAGRAPHS[0]}</p><p>{heading}</p>{BODY * 3}</div>")
    assert text.count(PARAGRAPHS[1]) == 3  # the greater part is no appendix


@pytest.mark.parametrize(
    "line",
    [
        "编辑部的灯一直亮到半夜，来源不明的稿件堆了一桌，扫一扫灰尘才看得清字。",
        "来源：这个词在古书里写作“原”，后来才加了水旁，意思也随之变得更宽，说的是水流开始的地方，也说事情开始的地方，书里常常混用。",
        "他说：“打印机坏了，窗口也关了。”",
        "返回村里的路只有一条。",
    ],
)
def test_sentences_with_such_words_stay(line: str) -> None:
    text = extracted(f"<div>{BODY}<p>{line}</p><p>{PARAGRAPHS[0][:30]}。</p></div>")
    assert line in text


def test_headings_of_a_manual_stay() -> None:
    text = extracted(f"<main><h1>函数</h1>{BODY}<h2>返回</h2><p>{PARAGRAPHS[1]}</p></main>")
    assert "\n返回\n" in text


@pytest.mark.parametrize("choice", ["rules", "learned"])
def test_the_title_is_kept_or_dropped(choice: str) -> None:
    page = f"<article><h1>山里的茶</h1>{BODY}</article>"
    assert extracted(page, choice=choice, title="keep").startswith("山里的茶\n\n清明")
    assert extracted(page, choice=choice, title="drop").startswith("清明前后")
    bold = f"<div><p><b>山里的茶</b></p>{BODY}</div>"
    assert extracted(bold, choice="rules", title="drop").startswith("清明前后")
    other = f"<article><p>另一句开头的话，不是题目。</p>{BODY}</article>"
    assert extracted(other, choice="rules", title="drop").startswith("另一句")


@pytest.mark.parametrize("choice", ["rules", "learned"])
def test_comments_are_dropped_or_kept(choice: str) -> None:
    said = [f"第{n}位读者说，他小时候也上山采过茶，到现在还记得那股松木的烟味。" for n in "一二三"]
    comments = "".join(
        f'<div class="comment"><span>某人 09:12</span><p>{one}</p><a href="/r">回复</a></div>'
        for one in said
    )
    page = f'<article><h1>山里的茶</h1>{BODY}</article><div id="comments">{comments}</div>'
    kept = extracted(page, choice=choice, comments="keep")
    assert all(one in kept for one in said) and "09:12" not in kept and "回复" not in kept
    assert PARAGRAPHS[2] in kept
    dropped = extracted(page, choice=choice, comments="drop")
    assert not any(one in dropped for one in said) and PARAGRAPHS[2] in dropped
    forum = f'<div id="comments">{comments * 4}</div>'
    assert said[0] in extracted(forum, choice="learned", comments="drop")


def test_options_are_one_of_their_words() -> None:
    with pytest.raises(ValueError, match="title is 'no'"):
        Blocks(title="no")
    with pytest.raises(ValueError, match="comments is 'all'"):
        Blocks(comments="all")


@pytest.mark.parametrize(
    "inside",
    [
        "<ul><li>登录名</li><li>密码形式说明</li><li>用户名</li><li>用户家目录</li></ul>",
        "<ul><li>打开文件</li><li>打印</li><li>另存为新文件</li></ul>",
        "<ul><li><p>远程存储访问</p></li><li><p>复制</p></li><li><p>跟踪历史</p></li></ul>",
        "<table><tr><th>软件包</th><th>大小</th><th>字体</th></tr>"
        "<tr><td>xsane</td><td>2339</td><td>扫描仪前段</td></tr>"
        "<tr><td>键</td><td>Ctrl+C</td><td>复制</td></tr></table>",
    ],
)
def test_cells_and_items_beside_others_stay(inside: str) -> None:
    text = extracted(f"<div>{BODY}{inside}{BODY.replace('茶', '花')}</div>")
    for word in re.sub("<[^>]*>", " ", inside).split():
        assert word in text


@pytest.mark.parametrize(
    "line",
    [
        "下一章介绍炒茶的火候。", "版权所有者可以许可他人行使前款规定的权利。", "返回列表的长度。",
        "关于我们提出的方法，见附录二。", "扫描仪需要先预热五分钟。",
        "请输入用户名和密码，再按回车键。",
        "推荐给初学者的是第三种办法。", "(c) 采茶的时间", "密码形式说明", "字体注释",
    ],
)  # fmt: skip
def test_short_lines_of_the_text_stay(line: str) -> None:
    text = extracted(f"<div>{BODY}<p>{line}</p>{BODY.replace('茶', '花')}</div>")
    assert line in text
