"""Pacing: a day's budget lasts the day, along the traffic that days like it had. docs/pacing.md tells how."""
