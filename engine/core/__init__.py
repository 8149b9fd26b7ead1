"""The pure core: decisions as functions of (customer, signal, now, rules). No clock, chance, I/O, async or logging."""
