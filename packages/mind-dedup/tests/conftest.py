"""Let the tests share what they make texts with."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
