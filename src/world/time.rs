//! Points in time and spans as they are written: RFC 3339 and `7m`.

use lineguard_core::id::Timestamp;
use toml::value::{Datetime, Offset};

const DAY_MS: i64 = 86_400_000;

/// The point in time that a date with time and offset names; none if one of the three is missing.
pub fn from_datetime(datetime: &Datetime) -> Option<Timestamp> {
    let (date, time, offset) = (datetime.date?, datetime.time?, datetime.offset?);
    let minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let days = days_from_civil(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let of_day = (i64::from(time.hour) * 60 + i64::from(time.minute) - minutes) * 60_000
        + i64::from(time.second.unwrap_or(0)) * 1000
        + i64::from(time.nanosecond.unwrap_or(0)) / 1_000_000;
    Some(Timestamp(days * DAY_MS + of_day))
}

/// Reads `2026-01-05T08:00:00Z`.
pub fn parse_time(text: &str) -> Result<Timestamp, String> {
    let problem = || format!("`{text}` is not a time like `2026-01-05T08:00:00Z`");
    let datetime: Datetime = text.parse().map_err(|_| problem())?;
    from_datetime(&datetime).ok_or_else(problem)
}

/// Writes a time of the years 0 to 9999 so that [`parse_time`] reads it back; others are cut to
/// the nearest that can be written.
pub fn format_time(at: Timestamp) -> String {
    const FIRST: i64 = -62_167_219_200_000;
    const LAST: i64 = 253_402_300_799_999;
    let at = at.0.clamp(FIRST, LAST);
    let (days, of_day) = (at.div_euclid(DAY_MS), at.rem_euclid(DAY_MS));
    let (year, month, day) = civil_from_days(days);
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, ms) = (of_day / 1000 % 60, of_day % 1000);
    let fraction = if ms == 0 { String::new() } else { format!(".{ms:03}") };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Reads a span with its unit into milliseconds: `250ms`, `30s`, `7m`, `2h`, `1d`.
pub fn parse_span(text: &str) -> Result<i64, String> {
    const UNITS: [(&str, i64); 5] =
        [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", DAY_MS)];
    let problem = || format!("`{text}` is not a span like `30s`, `7m`, `2h` or `1d`");
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let amount = text.strip_suffix(unit).unwrap_or(text);
    let amount: i64 = amount.parse().map_err(|_| problem())?;
    let (_, ms) = UNITS.iter().find(|(word, _)| *word == unit).ok_or_else(problem)?;
    amount.checked_mul(*ms).ok_or_else(problem)
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar. Years begin in March, so
/// that the leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The other way round: year, month, day.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:30:15.250Z", 951_827_415_250),
            ("2026-01-05T08:00:00Z", 1_767_600_000_000),
            ("1969-12-31T23:59:59.999Z", -1),
        ] {
            assert_eq!(parse_time(text), Ok(Timestamp(ms)));
            assert_eq!(format_time(Timestamp(ms)), text);
        }
        assert_eq!(parse_time("2026-01-05T09:00:00+01:00"), Ok(Timestamp(1_767_600_000_000)));
        assert!(parse_time("2026-01-05").is_err());
        assert!(parse_time("yesterday").is_err());
    }

    #[test]
    fn every_day_of_eight_centuries_comes_back() {
        for days in -150_000..150_000 {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
    }

    #[test]
    fn spans_need_a_unit() {
        assert_eq!(parse_span("7m"), Ok(420_000));
        assert_eq!(parse_span("250ms"), Ok(250));
        assert!(parse_span("7").is_err());
        assert!(parse_span("m").is_err());
        assert!(parse_span("99999999999999999d").is_err());
    }
}
