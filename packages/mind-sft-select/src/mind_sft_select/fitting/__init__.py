"""Fit a metric against the entropy of the clusters that were tuned on, and judge what it shows."""
