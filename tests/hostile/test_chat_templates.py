"""Chat templates of others end with an error, within time and memory, and run nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from mind_core import MindError
from mind_core.errors import UsageError
from mind_tok import chat_template
from mind_tok.chat_template import ChatTemplate, CostlyTemplate, load_template

CHAT = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}]
COSTLY = {
    "loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "doubled": "{% set ns = namespace(x='xx') %}{% for i in range(60) %}"
    "{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "padded by a message": "{{ messages[0].content.ljust(10000000000) }}",
    "padded when it is compiled": "{{ '%10000000000d' % 1 }}",
}
FAULTY = {
    "itself": "{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
    "divided by nothing": "{{ messages | length / 0 }}",
    "a file": "{% include '/etc/passwd' %}",
    "a shell": "{{ cycler.__init__.__globals__.os.popen('touch owned').read() }}",
    "classes": "{{ messages.__class__.__mro__[1].__subclasses__() }}",
    "a power": "{{ 9 ** 9 ** (messages | length) }}",
    "brackets": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "blocks": "{% if 1 %}" * 200 + "{% endif %}" * 200,
}


@pytest.mark.hostile("a chat template that takes forever, or all memory")
@pytest.mark.parametrize("name", COSTLY)
def test_a_chat_template_is_within_limits(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_template, "MAX_SECONDS", 0.3)
    (tmp_path / "of-others.jinja").write_text(COSTLY[name])
    with pytest.raises(CostlyTemplate, match=r"of-others\.jinja takes too much"):
        load_template(str(tmp_path / "of-others.jinja"), {}).render(CHAT)
    with pytest.raises(CostlyTemplate):
        ChatTemplate("a", COSTLY[name]).prompt(CHAT[:1])


@pytest.mark.hostile("a chat template that takes forever, or all memory")
@pytest.mark.parametrize("name", FAULTY)
def test_a_chat_template_that_fails_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("of-others.jinja").write_text(FAULTY[name])
    with pytest.raises((MindError, UsageError), match=r"of-others\.jinja"):
        load_template("of-others.jinja", {}).render(CHAT)
    assert not Path("owned").exists()
