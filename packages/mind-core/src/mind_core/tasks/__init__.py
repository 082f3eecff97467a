"""Tasks over files: a job is a folder, a task a pure function of files, committed exactly once.

`plan` says which tasks there are, `run` lets an engine do them, `commit` puts what one made into
place, `merge` completes the job. Nothing of an engine is known here but that it starts tasks.
"""

from __future__ import annotations

FORMAT = "mind-tasks"
PLAN = "plan.json"
SUMMARY = "summary.json"
OUTPUT, REJECTS, SUMMARIES = "output", "rejects", "summaries"
"""Folders with a file for each task."""

DONE, FAILED, ATTEMPTS = "done", "failed", "attempts"
WORK = "work"
"""What a stage leaves for the next one; gone when the job is complete."""
