"""The machine's banker: holds its leases, commits debits and events to an outbox on its disk, ships the stream."""
