//! When to renew: the pure refresh policy, the managed token source with a lock-free read, the scheduler.
