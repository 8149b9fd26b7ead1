"""What `./dev bench kafka` measures the worker beside, as far as it needs no other environment than ours.

Each is started as `python -m benchmarks._kafka.NAME BROKERS TOPIC EVENTS RULES FOLDER`, as those in `benchmarks._peers` are,
and prints one line of JSON: seconds from the first event to the last one done, events, sends, and processor seconds meanwhile.
"""
