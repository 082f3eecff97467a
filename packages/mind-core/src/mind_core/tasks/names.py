"""The names within the folder of a job."""

from __future__ import annotations

FORMAT = "mind-tasks"
PLAN = "plan.json"
SUMMARY = "summary.json"
OUTPUT, REJECTS, SUMMARIES = "output", "rejects", "summaries"
"""Folders with a file for each task."""

DONE, FAILED, ATTEMPTS = "done", "failed", "attempts"
WORK = "work"
"""What a stage leaves for the next one; gone when the job is complete."""
