"""The console's pages of what advertisers own and of the market they buy in. Views read; services write."""
