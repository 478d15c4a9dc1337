//! The settings as command-line flags, made from the table of settings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::layers::Sources;
use super::settings::{CONFIG_VARIABLE, SETTINGS, Setting};

/// All settings, for commands that serve.
pub type ServerFlags = Flags<true>;

/// The settings of the store and the logs, for commands that open the store and end.
pub type StoreFlags = Flags<false>;

/// The settings given as flags. Values are text here: they are checked together with those from
/// elsewhere, so that every mistake is reported at once.
#[derive(Debug, Clone, Default)]
pub struct Flags<const SERVER: bool> {
    values: BTreeMap<&'static str, Vec<String>>,
    file: Option<PathBuf>,
}

const CONFIG: &str = "config";

impl<const SERVER: bool> Flags<SERVER> {
    /// These flags together with the environment of this process.
    pub fn sources(&self) -> Sources {
        Sources {
            flags: self.values.clone(),
            file: self.file.clone(),
            environment: std::env::vars_os().collect(),
        }
    }

    fn settings() -> impl Iterator<Item = (&'static Setting, &'static str)> {
        SETTINGS
            .iter()
            .filter(|setting| SERVER || setting.store)
            .filter_map(|setting| Some((setting, setting.flag?)))
    }
}

impl<const SERVER: bool> clap::Args for Flags<SERVER> {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new(CONFIG)
            .long(CONFIG)
            .value_name("FILE")
            .value_parser(ValueParser::path_buf())
            .help_heading("Configuration")
            .help(format!("A configuration file, in TOML [env: {CONFIG_VARIABLE}]"));
        Self::settings().fold(command.arg(config), |command, (setting, flag)| {
            command.arg(argument(setting, flag))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<const SERVER: bool> clap::FromArgMatches for Flags<SERVER> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let values = Self::settings().filter_map(|(setting, _)| {
            let values = matches.get_many::<String>(setting.key)?;
            Some((setting.key, values.cloned().collect()))
        });
        Ok(Self { values: values.collect(), file: matches.get_one::<PathBuf>(CONFIG).cloned() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn argument(setting: &'static Setting, flag: &'static str) -> Arg {
    let default = match setting.default {
        "" => String::new(),
        default => format!(" [default: {default}]"),
    };
    let help = format!("{}{default} [env: {}]", setting.help, setting.variable());
    let argument = Arg::new(setting.key)
        .long(flag)
        .value_name(setting.value)
        .help_heading(setting.group)
        .help(help);
    if setting.list { argument.action(ArgAction::Append).value_delimiter(',') } else { argument }
}
