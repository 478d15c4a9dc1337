//! Signals: the first asks for an orderly end, the second for an end.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ends with the first SIGTERM or SIGINT. A second one ends the process at once, with the exit
/// code that shells give a process killed by that signal.
///
/// # Errors
///
/// If the system refuses handlers.
pub fn shutdown() -> io::Result<impl Future<Output = ()> + Send> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        let number = either(&mut terminate, &mut interrupt).await;
        tracing::info!(signal = number, "told to stop");
        tokio::spawn(async move {
            let number = either(&mut terminate, &mut interrupt).await;
            std::process::exit(128 + number);
        });
    })
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> i32 {
    tokio::select! {
        _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
        _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
    }
}
