//! The permission matrices of the five products, as the service itself answers them.
//!
//! Every cell, a row of the product's permission screen for a role, is found by asking `Check` in
//! several situations and naming what came out. The result is kept as text under
//! `tests/golden/matrix`, and compared with what the products publish, under
//! `tests/golden/expected`. `LINEGUARD_BLESS=1` writes the golden files anew.

mod bench;
mod cell;
mod column;
mod coverage;
mod expected;
mod flip;
mod golden;
mod nuacom;
mod place;
mod probe;
mod products;
mod retarus;
mod specs;
