"""What `torch.compile` needs beside torch."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

NAME = os.environ.get("CXX") or {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
needs_compiler = pytest.mark.skipif(shutil.which(NAME) is None, reason=f"torch.compile needs a C++ compiler ({NAME})")
