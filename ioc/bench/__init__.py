"""Measurements against the running system; commands, not tests. Figures go to ``docs/performance.md``."""
