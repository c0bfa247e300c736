"""Makes the graphs for tests importable by the tests beside it as ``sample_graphs``."""

import importlib.util
import sys
from pathlib import Path

if "sample_graphs" not in sys.modules:
    _spec = importlib.util.spec_from_file_location("sample_graphs", Path(__file__).with_name("sample_graphs.py"))
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules["sample_graphs"] = _module = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(_module)
