//! The tests that a model text carries.

use super::{Context, Keyed};
use crate::model::ModelTest;
use crate::model_test::{self, Words};
use crate::text::Fields;

const KEYS: &[&str] = &["name", "given", "ask", "expect"];

/// Most tests of one text.
const MAX_TESTS: usize = 10_000;

impl<'s, 't> Context<'s, 't, '_> {
    /// Every test without a mistake. Nothing that a test says changes an answer, so a text that is
    /// in the store already is readable all the same.
    pub(super) fn tests(&self, root: &Fields<'s, 't>, setting: &Keyed<'s, 't>) -> Vec<ModelTest> {
        let words = Words {
            vocabulary: self.vocabulary,
            products: self.product.words(),
            flags: self.flag.words(),
            settings: setting.words(),
            levels: self.level.words(),
            permissions: self.permission.words(),
            roles: self.role.words(),
        };
        self.source.in_new_texts(|| {
            let tests = root.subs("test", MAX_TESTS, KEYS);
            tests.iter().filter_map(|fields| self.test(fields, &words)).collect()
        })
    }

    fn test(&self, fields: &Fields<'s, 't>, words: &Words<'_>) -> Option<ModelTest> {
        let before = self.source.mistakes();
        let name = fields.title("name");
        let says = model_test::read(self.source, fields, words)?;
        let (line, column) = self.source.position(fields.at());
        let whole = self.source.mistakes() == before;
        whole.then_some(ModelTest { name, line, column, says })
    }
}
