"""The paper's experiments: scaling laws fitted to any table of runs."""
