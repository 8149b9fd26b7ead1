"""The same work on other stream engines: each application runs the shared core on single events from one topic.

They are there for `./dev bench kafka` alone, in an environment of their own (requirements/peers.txt), where of winback only
`engine.core` can be imported. Each is started as `python -m benchmarks._peers.NAME BROKERS TOPIC EVENTS RULES FOLDER` and
prints one line of JSON: seconds from the first event to the last one done, events, sends, and processor seconds meanwhile.
"""
