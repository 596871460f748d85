//! Text in drawings: escaping, an estimate of its width, wrapping, and numbers as people write them.

use std::fmt::Write;

/// Generic fall-backs last, so that a figure reads everywhere; plain quotes would end the attribute that holds it.
pub(super) const FONT: &str = "system-ui, Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif";
/// Size of tick labels, axis labels and legends, in CSS pixels; nothing is smaller.
pub(super) const SIZE: f64 = 12.0;
/// Size of a panel's title.
pub(super) const TITLE: f64 = 14.0;
/// Size of a figure's title.
pub(super) const HEADING: f64 = 16.0;
/// Height of a line of text relative to its size.
pub(super) const LEADING: f64 = 1.35;
/// Fainter ink for notes; 7:1 against white.
pub(super) const FAINT: &str = "#57606a";

/// `text` for use in XML and HTML, in element content and in quoted attributes. Characters that XML cannot hold are
/// replaced.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            c if forbidden(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Whether `c` has no place in XML, not even escaped.
pub(super) fn forbidden(c: char) -> bool {
    matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}')
}

/// A generous estimate of the width of `text` at `size` pixels: that of DejaVu Sans, the widest of the fall-backs.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let em: f64 = text
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | ' ' | '.' | ',' | ':' | ';' | '|' | '\'' => 0.32,
            'f' | 'r' | 't' | 'I' | '(' | ')' | '[' | ']' | '/' | '-' => 0.41,
            'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.96,
            '⁰' | '¹' | '²' | '³' | '⁴' | '⁵' | '⁶' | '⁷' | '⁸' | '⁹' | '⁻' => 0.42,
            '−' | '+' | '±' | '×' | '=' | '<' | '>' | '≤' | '≥' => 0.84,
            'A'..='Z' => 0.72,
            '\u{300}'..='\u{36f}' => 0.0,
            c if c.is_ascii() => 0.63,
            '\u{2e80}'.. => 1.05,
            _ => 0.66,
        })
        .sum();
    em * size
}

/// `text` broken at spaces into lines of at most `limit` pixels; a longer word keeps a line of its own.
pub(super) fn wrap(text: &str, size: f64, limit: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line, size) + width(" ", size) + width(word, size) <= limit => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
}

/// The height of `lines` lines of text.
pub(super) fn height(lines: usize, size: f64) -> f64 {
    (lines as f64 * size * LEADING).ceil()
}

/// Where a piece of text stands relative to its x.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A `<text>` element with its baseline at `y`. `more` holds further attributes.
pub(super) fn text(x: f64, y: f64, anchor: Anchor, size: f64, more: &str, text: &str) -> String {
    let anchor = match anchor {
        Anchor::Start => "",
        Anchor::Middle => " text-anchor=\"middle\"",
        Anchor::End => " text-anchor=\"end\"",
    };
    let (x, y, text) = (number(x), number(y), escape(text));
    format!("<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\"{anchor}{more}>{text}</text>\n")
}

/// Lines of left-aligned text below `y`.
pub(super) fn lines(x: f64, y: f64, size: f64, more: &str, lines: &[String]) -> String {
    lines.iter().enumerate().fold(String::new(), |mut out, (i, line)| {
        out += &text(x, y + size * (0.95 + LEADING * i as f64), Anchor::Start, size, more, line);
        out
    })
}

/// A coordinate for SVG: two decimals, no trailing zeros.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    match text.trim_end_matches('0').trim_end_matches('.') {
        "-0" => "0".into(),
        short => short.into(),
    }
}

/// `value` with a fixed number of decimals, a true minus sign, and commas from 10,000 on.
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let negative = value < 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b));
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::from(if negative { "−" } else { "" });
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && whole.len() > 4 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + fraction
}

/// `mantissa × 10^exponent`, written out: `power("2.5", -3)` is "2.5×10⁻³", and a mantissa of "1" is left out.
pub(super) fn power(mantissa: &str, exponent: i32) -> String {
    let mut out = match mantissa {
        "1" => String::new(),
        "−1" => "−".into(),
        mantissa => format!("{mantissa}×"),
    };
    out.push_str("10");
    let mut digits = String::new();
    // Writing into a string cannot fail.
    let _ = write!(digits, "{exponent}");
    out.extend(digits.chars().map(|c| match c {
        '-' => '⁻',
        '0' => '⁰',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        c => char::from_u32('⁴' as u32 + c as u32 - '4' as u32).unwrap_or(c),
    }));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Markup in a title is text, and characters that XML forbids are replaced.
    #[test]
    fn escaping() {
        assert_eq!(escape("<&\"'>\0é"), "&lt;&amp;&quot;&#39;&gt;\u{fffd}é");
    }

    /// Numbers carry no float noise, a real minus, no minus zero, and commas where digits are many.
    #[test]
    fn numbers() {
        assert_eq!(fixed(0.1 + 0.2, 1), "0.3");
        assert_eq!(fixed(-12345.6, 0), "−12,346");
        assert_eq!(fixed(-0.001, 1), "0.0");
        assert_eq!(fixed(1234567.0, 0), "1,234,567");
        assert_eq!(power("2.5", -31), "2.5×10⁻³¹");
        assert_eq!(power("1", 6), "10⁶");
        assert_eq!((number(-0.001), number(2.50)), ("0".into(), "2.5".into()));
    }

    /// Lines break at spaces; a word that is too long is kept whole.
    #[test]
    fn wrapping() {
        assert_eq!(wrap("one two three", 10.0, 50.0), ["one two", "three"]);
        assert_eq!(wrap("incomprehensibilities", 10.0, 20.0).len(), 1);
        assert!(wrap("  ", 10.0, 20.0).is_empty());
    }
}
