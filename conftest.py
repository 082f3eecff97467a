"""Let property tests draw the same examples each time, without a limit of time for each.

A failure can then be repeated, and a busy machine fails nothing. Others are drawn with
`--hypothesis-profile search`.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile("repeatable")
