//! `lineguard vocabulary`

use clap::Args;
use lineguard_core::model::built_in_vocabulary;
use lineguard_core::vocabulary::{ActionDef, ResourceDef};
use serde_json::json;

use super::facts::value_of;
use super::paint::{Paint, columns, plain};
use super::{Exit, Failure, Output, print};

const EXAMPLES: &str = "Examples:
  lineguard vocabulary
  lineguard vocabulary call";

/// List what questions are about: types of resources, their facts and actions. Needs no server.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Vocabulary {
    /// Only this type, with its actions
    #[arg(value_name = "TYPE")]
    resource: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t, env = "LINEGUARD_OUTPUT")]
    output: Output,
}

impl Vocabulary {
    /// Prints it.
    ///
    /// # Errors
    ///
    /// If there is no such type.
    pub fn run(self) -> Result<Exit, Failure> {
        let vocabulary = built_in_vocabulary();
        let types: Vec<&ResourceDef> = match &self.resource {
            None => vocabulary.resources().map(|(_, def)| def).collect(),
            Some(name) => {
                let known = vocabulary.resource_type(name).and_then(|ty| vocabulary.resource(ty));
                let near = vocabulary.suggest_type(name);
                let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                let unknown = format!("unknown resource type `{}`{near}", plain(name));
                vec![known.ok_or_else(|| Failure::with(Exit::Usage, unknown))?]
            }
        };
        match (self.output, &types[..]) {
            (Output::Json, types) => {
                print(serde_json::Value::Array(types.iter().map(|one| json(one)).collect()))?;
            }
            (Output::Text, [only]) => print(text(only, Paint::of_stdout()))?,
            (Output::Text, types) => {
                let row = |one: &&ResourceDef| vec![one.name.to_string(), names(one)];
                print(columns(&types.iter().map(row).collect::<Vec<_>>()))?;
            }
        }
        Ok(Exit::Ok)
    }
}

fn names(resource: &ResourceDef) -> String {
    let names: Vec<&str> = resource.facts.iter().map(|fact| fact.as_str()).collect();
    names.join(", ")
}

/// The actions on a type.
fn actions(resource: &ResourceDef) -> impl Iterator<Item = &'static ActionDef> {
    let vocabulary = built_in_vocabulary();
    let of = vocabulary.resource_type(&resource.name);
    vocabulary.actions().map(|(_, def)| def).filter(move |def| Some(def.resource) == of)
}

/// The type of an action's target.
fn target(action: &ActionDef) -> Option<&'static str> {
    Some(&*built_in_vocabulary().resource(action.target?)?.name)
}

fn text(resource: &ResourceDef, paint: Paint) -> String {
    let holder = match resource.stored {
        Some(_) => "Lineguard holds the facts of one that is named by its id",
        None => "the asking service supplies the facts",
    };
    let mut lines = vec![format!("{}: {}; {holder}", paint.strong(&resource.name), resource.title)];
    lines.push(String::new());
    let fact = |fact: &lineguard_core::vocabulary::FactName| {
        vec![format!("  --fact {}={}", fact.as_str(), value_of(*fact))]
    };
    lines.push(columns(&resource.facts.iter().map(fact).collect::<Vec<_>>()));
    lines.push(String::new());
    let action = |action: &ActionDef| {
        let target = target(action).map(|target| format!("--target {target}")).unwrap_or_default();
        vec![format!("  {}", action.name), action.title.to_string(), target]
    };
    lines.push(columns(&actions(resource).map(action).collect::<Vec<_>>()));
    lines.join("\n")
}

fn json(resource: &ResourceDef) -> serde_json::Value {
    let action = |action: &ActionDef| json!({ "action": action.name, "title": action.title, "target": target(action) });
    json!({
        "type": resource.name,
        "title": resource.title,
        "stored": resource.stored.is_some(),
        "facts": resource.facts.iter().map(|fact| fact.as_str()).collect::<Vec<_>>(),
        "actions": actions(resource).map(action).collect::<Vec<_>>(),
    })
}
