"""The README.md of an exported folder: how to load it, in English and in Chinese."""

from __future__ import annotations

TRUSTED = """\
The model is read by `modeling_mindllm.py` in this folder, so loading it runs that file; the
tokenizer needs no code. transformers 5 looks at the model's config for a tokenizer, too, and would
ask whether to run the file: with `trust_remote_code=False` it does not ask.
"""
TRUSTED_ZH = """\
模型由本文件夹里的 `modeling_mindllm.py` 读取，加载时会运行它；分词器不需要任何代码。
transformers 5 加载分词器时也会查看模型配置并询问是否运行该文件；
写明 `trust_remote_code=False` 就不再询问。
"""
CARD = """\
---
library_name: transformers
pipeline_tag: text-generation
---

# A {architecture} model, {dtype}

Written by `mind-train export`. 由 `mind-train export` 写出。

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

folder = "."  # where this file is
tokenizer = AutoTokenizer.from_pretrained(folder{no_code})
model = AutoModelForCausalLM.from_pretrained(folder{code})
prompt = tokenizer("The sea", return_tensors="pt")
print(tokenizer.decode(model.generate(**prompt, max_new_tokens=50)[0]))
```
"""


PLAIN = """\
# A {architecture} model, {dtype}

Written by `mind-train export`. 由 `mind-train export` 写出。

transformers does not know this architecture: `config.json` holds its options, and
`model.safetensors` its parameters under the names that the module gives them.
transformers 不认识这一架构：`config.json` 是它的参数配置，`model.safetensors` 是模块中同名的权重。

```python
import json

from {module} import {name}
from safetensors.torch import load_file

config = {name}(**json.load(open("config.json"))["config"])
model = config.build()
missing, unexpected = model.load_state_dict(load_file("model.safetensors"), strict=False)
assert not unexpected and set(missing).isdisjoint(name for name, _ in model.named_parameters())
```
"""


def plain_card(architecture: str, dtype: str, kind: type) -> str:
    """Write how to load a folder of an architecture that transformers does not know."""
    return PLAIN.format(
        architecture=architecture, dtype=dtype, module=kind.__module__, name=kind.__name__
    )


def model_card(architecture: str, dtype: str, own: bool) -> str:
    """Write how to load a folder of an architecture; ``own`` ones bring a modelling file."""
    text = CARD.format(
        architecture=architecture,
        dtype=dtype,
        no_code=", trust_remote_code=False" if own else "",
        code=", trust_remote_code=True" if own else "",
    )
    return text + (f"\n{TRUSTED}\n{TRUSTED_ZH}" if own else "")
