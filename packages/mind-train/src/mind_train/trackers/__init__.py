"""Showing a run elsewhere: each tracker in a thread of its own, so that none can stop a run."""
