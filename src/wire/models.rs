//! Product models: `GetModel` and `PutModel`.

use lineguard_core::id::{ModelDigest, Subject};
use lineguard_core::model::{Model, TextError};

use super::admin::count;
use super::field::Field;
use super::invalid::{Faults, InvalidRequest};
use super::pb;

/// Greatest length of a model text, in bytes.
pub const MAX_MODEL_BYTES: usize = 1 << 20;

/// Reads a request of `GetModel`.
pub fn get_model_call(message: pb::GetModelRequest) -> Result<ModelDigest, InvalidRequest> {
    let pb::GetModelRequest { digest } = message;
    Faults::collect(|faults, at| Field::read(faults, &at.field("digest"), digest))
}

/// Reads a request of `PutModel`: who keeps it, and the text, still unread.
pub fn put_model_call(message: pb::PutModelRequest) -> Result<(Subject, String), InvalidRequest> {
    let pb::PutModelRequest { actor, text } = message;
    Faults::collect(|faults, at| {
        let actor = Field::read(faults, &at.field("actor"), actor);
        if text.is_empty() {
            return faults.add(&at.field("text"), "must not be empty");
        }
        if text.len() > MAX_MODEL_BYTES {
            let problem = format!("must be at most {MAX_MODEL_BYTES} bytes long");
            return faults.add(&at.field("text"), problem);
        }
        Some((actor?, text))
    })
}

/// A product model in short.
pub fn model_info(digest: ModelDigest, model: &Model) -> pb::ModelInfo {
    pb::ModelInfo {
        digest: digest.to_wire(),
        name: model.name.to_wire(),
        title: model.title.to_string(),
        summary: model.summary.to_string(),
        file: String::new(),
    }
}

/// The answer to `PutModel`: the model that was kept, or every mistake of its text.
pub fn put_model_response(result: Result<pb::ModelInfo, Vec<TextError>>) -> pb::PutModelResponse {
    use pb::put_model_response::Result as Wire;

    let mistake = |error| {
        let TextError { line, column, problem, suggestion } = error;
        let suggestion = suggestion.unwrap_or_default();
        pb::ModelMistake { line: count(line), column: count(column), problem, suggestion }
    };
    let result = match result {
        Ok(model) => Wire::Model(model),
        Err(errors) => {
            let mistakes = errors.into_iter().map(mistake).collect();
            Wire::Mistakes(pb::ModelMistakes { mistakes })
        }
    };
    pb::PutModelResponse { result: Some(result) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_of_a_model_text_have_line_and_column() {
        let error = TextError {
            line: 3,
            column: 7,
            problem: "unknown action `fax.veiw`".into(),
            suggestion: Some("fax.view".into()),
        };
        let response = put_model_response(Err(vec![error]));
        let Some(pb::put_model_response::Result::Mistakes(mistakes)) = response.result else {
            panic!("kept");
        };
        assert_eq!((mistakes.mistakes[0].line, mistakes.mistakes[0].column), (3, 7));
        assert_eq!(mistakes.mistakes[0].suggestion, "fax.view");
    }

    #[test]
    fn a_digest_is_64_hexadecimal_digits() {
        let call = |digest: &str| get_model_call(pb::GetModelRequest { digest: digest.into() });
        assert!(call("xyz").is_err());
        assert_eq!(call(&"0a".repeat(32)), Ok(ModelDigest([0x0a; 32])));
    }
}
