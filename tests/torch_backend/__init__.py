"""All of these need PyTorch; where it is not installed they are skipped."""

import pytest

pytest.importorskip("torch")
