"""The filter drops the Analects and keeps an encyclopedia, a statute, a short quotation."""

from __future__ import annotations

from mind_filter_classical_zh import ClassicalChinese, register_filters

from mind_core.testing import check_filter

ANALECTS = (
    "子曰：「學而時習之，不亦說乎？有朋自遠方來，不亦樂乎？人不知而不慍，不亦君子乎？」"
    "有子曰：「其為人也孝弟，而好犯上者，鮮矣；不好犯上，而好作亂者，未之有也。"
    "君子務本，本立而道生。孝弟也者，其為仁之本與！」"
)
ENCYCLOPEDIA = (
    "高斯是德国著名的数学家、物理学家和天文学家，生于不伦瑞克，卒于哥廷根。他被认为是历史上最"
    "重要的数学家之一，有数学王子的美誉。他在数论、代数、统计、分析、微分几何等领域都有贡献。"
)
STATUTE = (
    "第一条 为了保护民事主体的合法权益，调整民事关系，维护社会和经济秩序，适应中国特色社会主义"
    "发展要求，弘扬社会主义核心价值观，根据宪法，制定本法。民法调整平等主体的自然人、法人和非法人"
    "组织之间的人身关系和财产关系。"
)


def test_classical_texts_are_dropped_and_modern_ones_kept() -> None:
    check_filter(ClassicalChinese, keeps=[ENCYCLOPEDIA, STATUTE], drops=[ANALECTS])


def test_what_is_too_short_to_judge_is_kept() -> None:
    check_filter(ClassicalChinese, keeps=["學而時習之，不亦說乎？", "Plain English."], drops=[])


def test_the_ratio_is_an_option_and_comes_with_the_reason() -> None:
    check_filter(ClassicalChinese, keeps=[ANALECTS], drops=[], max_ratio=0.5)
    reason = ClassicalChinese()({"text": ANALECTS})
    assert reason == "classical_chinese"
    assert reason.threshold == 0.06
    assert 0.06 < reason.value < 0.3


def test_it_registers_under_its_name() -> None:
    assert register_filters() == {"classical_chinese": ClassicalChinese}
