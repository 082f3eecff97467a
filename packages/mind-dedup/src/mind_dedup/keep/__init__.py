"""The keep policies that ship: which copy of a cluster stays."""
