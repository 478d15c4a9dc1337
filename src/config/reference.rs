//! The settings in writing: the reference page, and what holds in one server.

use serde_json::{Map, Value, json};

use super::layers::{Given, Layers, Origin};
use super::settings::{SETTINGS, Sensitivity, Setting};
use super::url;

/// The reference page, in Markdown.
pub fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    let mut group = "";
    for setting in SETTINGS {
        if setting.group != group {
            group = setting.group;
            page.push_str(&format!(
                "\n## {group}\n\n| key | flag | variable | default | what it does |\n\
                 | --- | --- | --- | --- | --- |\n"
            ));
        }
        page.push_str(&row(setting));
    }
    page
}

const INTRODUCTION: &str = "# Configuration

<!-- Made from the table in `src/config/settings.rs`; a test says when it is out of date. -->

A flag is stronger than a variable, a variable than the file, the file than the default.
The file is TOML and is named by `--config` or `LINEGUARD_CONFIG`; without either there is none.
Dots in keys are tables: `log.format` is `format` under `[log]`.
A list is separated by commas in variables and flags; flags may also be repeated.
Durations and sizes carry their unit: `250ms`, `30s`, `5m`, `1h`; `512B`, `64KiB`, `4MiB`.
Unknown keys and unknown `LINEGUARD_` variables are errors; every mistake is reported at once.
`lineguard config validate` checks without starting, `lineguard config print` shows what holds and where it was said.
";

fn row(setting: &Setting) -> String {
    let code = |text: &str| match text {
        "" => String::new(),
        text => format!("`{}`", text.replace('|', "\\|")),
    };
    let flag = match setting.flag {
        Some(flag) => format!("--{flag} {}", setting.value),
        None => String::new(),
    };
    format!(
        "| `{}` | {} | `{}` | {} | {} |\n",
        setting.key,
        code(&flag),
        setting.variable(),
        code(setting.default),
        setting.help,
    )
}

/// What holds, as lines of a configuration file; each says where it was said.
pub fn effective_toml(layers: &Layers) -> String {
    let mut text = String::new();
    for (setting, given) in effective(layers) {
        let comment = if given.values.is_empty() { "# " } else { "" };
        let origin = &given.origin;
        let value = value_of(setting, given);
        text.push_str(&format!("{comment}{} = {value} # {origin}\n", setting.key));
    }
    text
}

/// What holds, as one JSON object by key.
pub fn effective_json(layers: &Layers) -> Value {
    let entries = effective(layers).map(|(setting, given)| {
        let origin = match &given.origin {
            Origin::Default => "default",
            Origin::File { .. } => "file",
            Origin::Environment(_) => "environment",
            Origin::Flag(_) => "flag",
        };
        let entry = json!({ "value": value_of(setting, given), "origin": origin });
        (setting.key.to_owned(), entry)
    });
    Value::Object(entries.collect::<Map<_, _>>())
}

fn effective(layers: &Layers) -> impl Iterator<Item = (&'static Setting, &Given)> {
    SETTINGS.iter().filter_map(|setting| Some((setting, layers.get(setting.key)?)))
}

fn value_of(setting: &Setting, given: &Given) -> Value {
    let value = given.values.first().map(String::as_str).unwrap_or_default();
    match setting.sensitivity {
        Sensitivity::Secret if !value.is_empty() => json!("…"),
        Sensitivity::Url => json!(url::redacted(value)),
        _ if setting.list => json!(given.values),
        _ => json!(value),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::{Config, Sources, settings::by_key};

    #[test]
    fn the_reference_page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(path, page()).unwrap();
        }
        let written = fs::read_to_string(path).unwrap_or_default();
        assert!(written == page(), "run this test with UPDATE_GOLDEN=1");
    }

    #[test]
    fn the_example_file_names_every_setting_with_its_default() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/lineguard.example.toml");
        let example = fs::read_to_string(path).unwrap();
        // What is commented out is a setting too; prose never has `key = value`.
        let text: String = example
            .lines()
            .map(|line| line.strip_prefix("#: ").unwrap_or(line))
            .map(|line| format!("{line}\n"))
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("all.toml");
        fs::write(&file, text).unwrap();
        let mut problems = Vec::new();
        let sources = Sources { file: Some(file), ..Sources::default() };
        let layers = super::super::layers::gather(&sources, &mut problems);
        assert_eq!(problems, []);
        for (key, given) in &layers {
            assert_ne!(given.origin, Origin::Default, "{key} is not in the example");
            let default = by_key(key).unwrap().default;
            if !default.is_empty() {
                assert_eq!(given.values, [default], "{key}");
            }
        }
    }

    #[test]
    fn what_holds_says_where_it_was_said_and_hides_secrets() {
        let sources = Sources {
            environment: vec![
                ("LINEGUARD_PAGE_TOKEN_KEY".into(), KEY.into()),
                ("LINEGUARD_DRAIN_DELAY".into(), "3s".into()),
                ("LINEGUARD_REDIS_URL".into(), "redis://:hunter2@h:6379".into()),
            ],
            ..Sources::default()
        };
        let (_, layers) = Config::load_with_layers(&sources).unwrap();
        let text = effective_toml(&layers);
        assert!(text.contains("drain.delay = \"3s\" # LINEGUARD_DRAIN_DELAY\n"));
        assert!(text.contains("listen = [\"127.0.0.1:7070\"] # default\n"));
        assert!(text.contains("# models_dir = \"\" # default\n"));
        assert!(text.contains("redis.url = \"redis://:…@h:6379\" # LINEGUARD_REDIS_URL\n"));
        let json = effective_json(&layers).to_string();
        assert!(json.contains(r#""drain.delay":{"origin":"environment","value":"3s"}"#));
        for secret in [KEY, "hunter2"] {
            assert!(!text.contains(secret) && !json.contains(secret));
        }
    }

    const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
}
