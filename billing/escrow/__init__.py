"""Who holds which part of a budget: coordinator, allocator, leases (budget-protocol, rules R1-R8)."""
