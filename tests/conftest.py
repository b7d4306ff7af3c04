"""What holds for every test."""

from hypothesis import settings

# A busy machine is no mistake: examples may take as long as they do; pytest-timeout ends what hangs.
settings.register_profile("wattwatch", deadline=None)
settings.load_profile("wattwatch")
