"""Makes the samples for tests importable by the tests beside them, as ``sample_graphs`` and ``sample_gradients``."""

import importlib.util
import sys
from pathlib import Path

for _name in ("sample_graphs", "sample_gradients"):
    if _name not in sys.modules:
        _spec = importlib.util.spec_from_file_location(_name, Path(__file__).with_name(f"{_name}.py"))
        assert _spec is not None
        assert _spec.loader is not None
        sys.modules[_name] = _module = importlib.util.module_from_spec(_spec)
        _spec.loader.exec_module(_module)
