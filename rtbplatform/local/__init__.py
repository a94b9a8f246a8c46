"""The embedded default: Postgres and Redis private to the checkout, and the supervisor behind `make run`."""
