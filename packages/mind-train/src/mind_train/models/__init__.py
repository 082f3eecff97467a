"""The architectures: a frozen config dataclass each, whose ``build()`` gives the module."""
