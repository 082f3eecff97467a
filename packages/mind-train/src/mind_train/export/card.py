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


def model_card(architecture: str, dtype: str) -> str:
    """Write how to load a folder of an architecture."""
    own = architecture == "mindllm"
    text = CARD.format(
        architecture=architecture,
        dtype=dtype,
        no_code=", trust_remote_code=False" if own else "",
        code=", trust_remote_code=True" if own else "",
    )
    return text + (f"\n{TRUSTED}\n{TRUSTED_ZH}" if own else "")
