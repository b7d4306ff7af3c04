"""Settings: one frozen tree, read from TOML."""
