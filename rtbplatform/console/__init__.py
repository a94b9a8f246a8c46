"""What the console's pages share, and the operator's live pages."""
