"""Score, cluster, tune, evaluate, fit, select, and compare: the whole rule on one model."""
