"""The set-up is a folder of plain scripts, not a package: put it on the path for its tests."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "deploy" / "setup"))
