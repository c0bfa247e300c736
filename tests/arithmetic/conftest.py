"""Makes the generator of random graphs importable by the tests beside it as ``random_graphs``."""

import importlib.util
import sys
from pathlib import Path

if "random_graphs" not in sys.modules:
    _spec = importlib.util.spec_from_file_location("random_graphs", Path(__file__).with_name("random_graphs.py"))
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules["random_graphs"] = _module = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(_module)
