"""Patterns that are compiled when a text first needs them: large ones take milliseconds each."""

from __future__ import annotations

import re
from functools import cache

compiled = cache(re.compile)
"""Compile a pattern once in this process; asking again takes a look into a dictionary."""
