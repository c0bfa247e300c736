"""Lets the tests of this folder import ``network_strategies`` under ``--import-mode=importlib``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
