"""A virtual clock and a store in memory: back-test, scenarios and made-up shops over the same core."""
