//! Caches of answers.
