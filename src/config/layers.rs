//! Gathers what was given for each setting: flag before variable before file before default.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use lineguard_core::suggest::nearest;
use toml::de::{DeTable, DeValue};

use super::problem::{Mistake, Problem};
use super::settings::{
    CONFIG_VARIABLE, GONE, OTHER_VARIABLES, PREFIX, SETTINGS, Setting, by_key, variable_of,
};

/// Where settings come from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Values of flags, by the key of their setting.
    pub flags: BTreeMap<&'static str, Vec<String>>,
    /// The file named by `--config`.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: Vec<(OsString, OsString)>,
}

/// What holds for one setting and where that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The values, as written; one unless the setting is a list.
    pub values: Vec<String>,
    /// Where they come from.
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything else.
    Default,
    /// A line of a configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key.
        key: &'static str,
    },
    /// A variable.
    Environment(String),
    /// A flag, without dashes.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line, key } => write!(f, "{}:{line}: {key}", path.display()),
            Self::Environment(variable) => f.write_str(variable),
            Self::Flag(flag) => write!(f, "--{flag}"),
        }
    }
}

/// What holds for every setting, by key.
pub type Layers = BTreeMap<&'static str, Given>;

/// Lays the sources over the defaults; what cannot be understood becomes a problem.
pub fn gather(sources: &Sources, problems: &mut Vec<Problem>) -> Layers {
    let mut layers: Layers =
        SETTINGS.iter().map(|setting| (setting.key, default_of(setting))).collect();

    let mut named_file = sources.file.clone();
    let mut variables = Layers::new();
    for (name, value) in &sources.environment {
        // A name that is not UTF-8 cannot begin like ours and still be one of ours.
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
            continue;
        };
        let value = value.to_str();
        if name == CONFIG_VARIABLE {
            named_file = named_file.or(value.map(PathBuf::from));
        } else {
            variable(name, value, &mut variables, problems);
        }
    }

    if let Some(path) = &named_file {
        layers.extend(file(path, problems));
    }
    layers.extend(variables);
    for (key, values) in &sources.flags {
        if let Some(flag) = by_key(key).and_then(|setting| setting.flag) {
            let given = Given { values: values.clone(), origin: Origin::Flag(flag) };
            layers.insert(key, given);
        }
    }
    layers
}

fn default_of(setting: &Setting) -> Given {
    Given {
        values: match setting.default {
            "" => Vec::new(),
            default => vec![default.to_owned()],
        },
        origin: Origin::Default,
    }
}

fn variable(name: &str, value: Option<&str>, into: &mut Layers, problems: &mut Vec<Problem>) {
    if let Some(setting) = SETTINGS.iter().find(|setting| setting.variable() == name) {
        let Some(value) = value else {
            problems.push(Problem {
                place: name.to_owned(),
                mistake: Mistake::BadValue { value: None, expected: "UTF-8".to_owned() },
            });
            return;
        };
        let given =
            Given { values: split(setting, value), origin: Origin::Environment(name.to_owned()) };
        into.insert(setting.key, given);
    } else if !OTHER_VARIABLES.contains(&name) && !is_service_link(name, value) {
        let known: Vec<String> = SETTINGS.iter().map(Setting::variable).collect();
        let names = known.iter().map(String::as_str).chain(OTHER_VARIABLES.iter().copied());
        let gone = GONE.iter().find(|(key, _)| variable_of(key) == name);
        problems.push(Problem { place: name.to_owned(), mistake: no_such(name, names, gone) });
    }
}

/// What is wrong with a name that no setting has.
fn no_such<'n>(
    name: &str,
    known: impl Iterator<Item = &'n str>,
    gone: Option<&(&str, &'static str)>,
) -> Mistake {
    match gone {
        Some((_, why)) => Mistake::Gone { why },
        None => Mistake::Unknown { suggestion: nearest(name, known).map(str::to_owned) },
    }
}

/// Kubernetes gives every container such variables for each service of its namespace; one called
/// `lineguard` must not keep us from starting.
fn is_service_link(name: &str, value: Option<&str>) -> bool {
    let port_number = |(_, rest): (&str, &str)| {
        let mut parts = rest.split('_');
        parts.next().is_some_and(|port| port.parse::<u16>().is_ok())
            && matches!(parts.next(), Some("TCP" | "UDP" | "SCTP"))
    };
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || (name.ends_with("_PORT") && value.is_some_and(|value| value.contains("://")))
        || name.split_once("_PORT_").is_some_and(port_number)
}

fn split(setting: &Setting, value: &str) -> Vec<String> {
    if setting.list {
        value.split(',').map(|part| part.trim().to_owned()).collect()
    } else {
        vec![value.to_owned()]
    }
}

fn file(path: &Path, problems: &mut Vec<Problem>) -> Layers {
    let mut layers = Layers::new();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            problems.push(Problem {
                place: path.display().to_string(),
                mistake: Mistake::Unreadable { reason: error.to_string() },
            });
            return layers;
        }
    };
    match DeTable::parse(&text) {
        Ok(table) => {
            let mut reader = FileReader { path, text: &text, layers: &mut layers, problems };
            reader.table("", table.get_ref());
        }
        // The error's own text quotes the line, which may hold a secret.
        Err(error) => problems.push(Problem {
            place: match error.span() {
                Some(span) => format!("{}:{}", path.display(), line_of(&text, span.start)),
                None => path.display().to_string(),
            },
            mistake: Mistake::Malformed { reason: error.message().to_owned() },
        }),
    }
    layers
}

struct FileReader<'a> {
    path: &'a Path,
    text: &'a str,
    layers: &'a mut Layers,
    problems: &'a mut Vec<Problem>,
}

impl FileReader<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            let line = line_of(self.text, name.span().start);
            if let Some(setting) = by_key(&key) {
                self.setting(setting, line, value.get_ref());
            } else if let (DeValue::Table(inner), true) = (value.get_ref(), is_table(&key)) {
                self.table(&format!("{key}."), inner);
            } else {
                self.unknown(&key, line);
            }
        }
    }

    fn setting(&mut self, setting: &'static Setting, line: usize, value: &DeValue<'_>) {
        let origin = Origin::File { path: self.path.to_owned(), line, key: setting.key };
        let values = match value {
            DeValue::Array(items) if setting.list => {
                items.iter().map(|item| scalar(item.get_ref())).collect::<Option<Vec<_>>>()
            }
            other => scalar(other).map(|text| split(setting, &text)),
        };
        match values {
            Some(values) => {
                self.layers.insert(setting.key, Given { values, origin });
            }
            None => self.problems.push(Problem {
                place: origin.to_string(),
                mistake: Mistake::BadValue {
                    value: Some(value.type_str().to_owned()),
                    expected: format!("one value ({})", setting.value),
                },
            }),
        }
    }

    fn unknown(&mut self, key: &str, line: usize) {
        let keys = SETTINGS.iter().map(|setting| setting.key);
        let gone = GONE.iter().find(|(gone, _)| *gone == key);
        self.problems.push(Problem {
            place: format!("{}:{line}: {key}", self.path.display()),
            mistake: no_such(key, keys, gone),
        });
    }
}

/// The text of a value that is one; the setting's own parser has the last word, so a bare number
/// where a duration belongs is refused there.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Integer(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(yes) => Some(yes.to_string()),
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

fn is_table(key: &str) -> bool {
    SETTINGS
        .iter()
        .any(|setting| setting.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_kubernetes_adds_are_not_ours() {
        let link = |name, value| is_service_link(name, Some(value));
        assert!(link("LINEGUARD_SERVICE_HOST", "10.0.0.1"));
        assert!(link("LINEGUARD_HEADLESS_SERVICE_PORT_GRPC", "7070"));
        assert!(link("LINEGUARD_PORT", "tcp://10.0.0.1:7070"));
        assert!(link("LINEGUARD_PORT_7070_TCP_ADDR", "10.0.0.1"));
        assert!(!link("LINEGUARD_PORT", "7070"));
        assert!(!link("LINEGUARD_LISTEN_PORT_OF", "7070"));
        assert!(!link("LINEGUARD_LISTN", "127.0.0.1:1"));
    }
}
