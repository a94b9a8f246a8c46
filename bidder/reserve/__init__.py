"""Stage 7, reserve: the worker's side of the banker.

In: the auction's result as wants (campaign, micros) and its finished event.
Out: committed lines - durable before this returns - or the campaigns that could not pay.
On failure: the banker is lost: the answer is 204, the debit is never sent again, no next bid is tried (R8).
Time: the banker's group commit, about 2 ms and one fsync.
"""
