"""`python -m coursekit.doctor`, where nothing else of the course can start."""

from __future__ import annotations

import sys

from coursekit.doctor.report import main

sys.exit(main())
