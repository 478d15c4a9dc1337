//! What the five products say about themselves, statement by statement.

mod amplify;
mod ifax;
mod iovox;
mod nuacom;
mod retarus;
