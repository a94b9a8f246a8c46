"""Everything that writes. Each service is one transaction: permission, lock, validation, change (with its history, by
trigger), outbox row. Pages, API and admin only call them.
"""
