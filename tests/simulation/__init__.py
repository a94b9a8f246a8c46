"""The deterministic simulator of the budget protocol: production decisions and step order over simulated shells."""
