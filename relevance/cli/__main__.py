"""`python -m relevance.cli`, where the script `relevance` is not on the path."""

import sys

from relevance.cli import main

sys.exit(main())
