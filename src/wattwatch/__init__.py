"""wattwatch: how many joules did that run cost?"""

import logging

__version__ = "0.1.0"

logging.getLogger("wattwatch").addHandler(logging.NullHandler())
