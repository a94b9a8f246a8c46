"""The console's pages of money: today's spend, the ledger, balances, and the auctions behind every amount."""
