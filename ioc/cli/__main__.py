"""``python -m ioc.cli``."""

from ioc.cli import script

script()
