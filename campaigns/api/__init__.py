"""The REST API, version 1: campaigns, creatives, targeting, today's figures, exchanges, tokens. Services write."""
