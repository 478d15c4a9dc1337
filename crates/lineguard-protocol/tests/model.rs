//! probe
#![expect(clippy::print_stdout, reason = "probe")]
use lineguard_protocol::*;
#[test]
fn probe() {
    for (n, c) in [("small", Config::SMALL), ("A", Config::ONE_WRITER), ("B", Config::TWO_WRITERS)] {
        let o = search(&c);
        println!("{n} {} {} {} {:?}", o.states, o.steps, o.depth, o.landmarks);
        if let Some(c) = o.counterexample { println!("{c}"); }
        for m in Mutant::ALL {
            if n == "small" { continue }
            let o = search(&c.without(m));
            println!("{n} {m} {} {:?}", o.states, o.counterexample.as_ref().map(|c| c.steps.len()));
        }
    }
}
