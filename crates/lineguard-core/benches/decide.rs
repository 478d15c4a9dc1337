//! What a warm decision costs, and what compiling a member's authority costs, in time and
//! allocations: `cargo bench -p lineguard-core`.

#[path = "../tests/typical/mod.rs"]
mod typical;

use divan::{AllocProfiler, Bencher, black_box};
use lineguard_core::engine::{compile, decide};
use lineguard_core::model::built_in_vocabulary;
use typical::{CASES, Case, Ready, ready};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// One question, again and again, of an authority that is compiled already.
#[divan::bench(args = CASES, sample_size = 1_000)]
fn decide_one(bencher: Bencher<'_, '_>, case: &Case) {
    let Ready { model, facts: _, authority, question } = ready(case);
    let vocabulary = built_in_vocabulary();
    bencher.bench_local(|| {
        decide(black_box(&model), vocabulary, black_box(&authority), black_box(&question))
    });
}

/// From a member's facts to the authority.
#[divan::bench(args = CASES.iter().filter(|case| case.allow))]
fn compile_one(bencher: Bencher<'_, '_>, case: &Case) {
    let Ready { model, facts, .. } = ready(case);
    let vocabulary = built_in_vocabulary();
    bencher.bench_local(|| compile(black_box(&model), vocabulary, black_box(&facts)));
}
