"""Chinese words, cut as jieba cuts them, by compiled loops.

`jieba-0.42.1.zst` holds jieba's dictionary and the tables of its model for unknown words (MIT
licence, see `LICENSE.jieba`), as `build.py` packed them.
"""
