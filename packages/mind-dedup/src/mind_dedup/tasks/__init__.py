"""Near-duplicates over files, as stages of tasks; `job` says which stages there are, and why."""
