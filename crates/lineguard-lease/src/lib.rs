//! How recent a replica is.
