"""The demonstration laboratory: believable people, protocols and runs for an empty database."""
