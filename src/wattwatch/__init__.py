"""wattwatch: how many joules did that run cost?"""

__version__ = "0.1.0"
