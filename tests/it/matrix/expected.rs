//! What the products publish: `tests/golden/expected`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::probe::Table;
use super::products::Product;

/// The published cells of a product.
pub struct Expected {
    pub columns: Vec<String>,
    /// Rows in the order of the product's tables, with a cell for each column; none where the
    /// product has no such cell.
    pub rows: Vec<(String, Vec<Option<Cell>>)>,
    /// What `yes` means in a row that is bounded by its own name.
    pub within: BTreeMap<String, String>,
    /// Rows that are off without a feature flag or a product, by `flag` or `product` and key.
    pub gates: Vec<(&'static str, String, Vec<String>)>,
}

/// A published cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    pub value: String,
    pub weak: bool,
}

/// A folder or file of the golden data.
pub fn golden(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(path)
}

impl Expected {
    /// The published cells of a product.
    pub fn read(name: &str) -> Self {
        let text = std::fs::read_to_string(golden(&format!("expected/{name}.toml"))).unwrap();
        let data: toml::Table = text.parse().unwrap();
        let text = |value: &toml::Value| value.as_str().unwrap().to_owned();
        let texts = |value: &toml::Value| value.as_array().unwrap().iter().map(text).collect();
        let table = |key: &str| data.get(key).map(|value| value.as_table().unwrap());
        let rows = table("cells").unwrap().iter();
        let pairs = |table: &toml::Table| {
            table.iter().map(|(key, value)| (key.clone(), text(value))).collect()
        };
        let gates = ["flag", "product"].into_iter().flat_map(|kind| {
            let gates = table(kind).into_iter().flatten();
            gates.map(move |(key, rows)| (kind, key.clone(), texts(rows)))
        });
        let this = Self {
            columns: texts(&data["columns"]),
            rows: rows.map(|(row, cells)| (row.clone(), cells_of(&text(cells)))).collect(),
            within: table("within").map(pairs).unwrap_or_default(),
            gates: gates.collect(),
        };
        for (row, cells) in &this.rows {
            assert_eq!(cells.len(), this.columns.len(), "{name}: {row}");
        }
        this
    }

    /// The published cell; none where there is none.
    pub fn cell(&self, row: &str, column: &str) -> Option<&Cell> {
        let at = self.columns.iter().position(|one| one == column)?;
        self.rows.iter().find(|(key, _)| key == row)?.1[at].as_ref()
    }

    /// Every published cell: row, column, value and whether it is weak.
    pub fn cells(&self) -> impl Iterator<Item = (&str, &str, &Cell)> {
        self.rows.iter().flat_map(|(row, cells)| {
            let cells = self.columns.iter().zip(cells);
            cells.filter_map(move |(column, cell)| {
                Some((row.as_str(), column.as_str(), cell.as_ref()?))
            })
        })
    }

    /// The name that a published value has in a matrix.
    pub fn meaning<'a>(&'a self, row: &str, value: &'a str) -> &'a str {
        match self.within.get(row) {
            Some(within) if value == "yes" => within,
            _ => value,
        }
    }

    /// Fails unless the matrix is what is published, weak cells included: they are the default.
    pub fn compare(&self, product: &Product, table: &Table) {
        let mut differing = Vec::new();
        for (row, column, cell) in self.cells() {
            let Some(found) = table.get(&(row.to_owned(), product.column(column).key)) else {
                differing.push(format!("{row} for {column}: not in the model"));
                continue;
            };
            let wanted = self.meaning(row, &cell.value);
            if wanted != found {
                let mark = if cell.weak { "weak" } else { "hard" };
                differing.push(format!("{row} for {column} ({mark}): {wanted}, is {found}"));
            }
        }
        assert!(differing.is_empty(), "{}:\n{}", product.name, differing.join("\n"));
    }
}

fn cells_of(text: &str) -> Vec<Option<Cell>> {
    text.split_whitespace()
        .map(|word| {
            let value = word.trim_end_matches('?').to_owned();
            (word != ".").then(|| Cell { weak: word.ends_with('?'), value })
        })
        .collect()
}
