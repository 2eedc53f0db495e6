"""`python -m lrswift` is the command `lrswift`."""

import sys

from .cli import main

sys.exit(main())
