"""Pull, push and streaming notifications ([MS-OXWNTIF]), driven by what the store commits.

A mailbox that somebody subscribed to has a log of its events (:mod:`.log`); a subscription is a filter on it and a
place in it (:mod:`.subscriptions`). Both live in memory: with the process they are gone, as on a real server.
"""
