"""`python -m foldhub.cli`."""

import sys

from . import main

sys.exit(main())
