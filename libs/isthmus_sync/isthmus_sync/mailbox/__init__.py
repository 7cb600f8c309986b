"""Decisions of mailbox synchronisation as functions of values: nothing here waits, asks or stores.

model.py       the ledger's rows: folders, items, staged work, and one change of them
hierarchy.py   the tree: what changed, what to do to the other side's tree
staging.py     what a folder's changes mean as work; reconciling a folder after its sync state was lost
choice.py      what the filters of a collection leave out
moves.py       a creation and a deletion that are one move
batches.py     work in requests, by bytes first
ways.py        by which way an item's content goes over
doubt.py       what a look at the other side says about writes that got no answer
folder_settings.py  rights and properties of folders
rules.py       inbox rules
delegation.py  delegates
proof.py       two sides compared by what their servers say
certificate.py what a comparison found, signed, and checking it
retry.py       when to try again

"From" and "to" are the two sides of a pass; either may be the source organisation.
"""
