"""Makes the samples for tests importable by the tests beside them, as ``sample_graphs`` and ``sample_gradients``."""

import importlib.util
import sys
from pathlib import Path

import pytest

for _name in ("sample_graphs", "sample_gradients"):
    if _name not in sys.modules:
        _spec = importlib.util.spec_from_file_location(_name, Path(__file__).with_name(f"{_name}.py"))
        assert _spec is not None
        assert _spec.loader is not None
        sys.modules[_name] = _module = importlib.util.module_from_spec(_spec)
        _spec.loader.exec_module(_module)


@pytest.fixture(params=[30, pytest.param(200, marks=pytest.mark.slow)])
def cases(request: pytest.FixtureRequest) -> int:
    """How many random cases of each operation: all 200 by `make proofs`."""
    return int(request.param)
