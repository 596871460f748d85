//! The explorer as HTML: a picture for who runs no scripts, the numbers, the script.

use serde_json::Value;

use crate::viz::text::escape;

/// The files of the script in the order in which they use each other. They share one function, so that nothing of them reaches
/// the page around.
const SCRIPT: [&str; 10] = [
    include_str!("../../../assets/explorer/weights.js"),
    include_str!("../../../assets/explorer/network.js"),
    include_str!("../../../assets/explorer/elements.js"),
    include_str!("../../../assets/explorer/pictures.js"),
    include_str!("../../../assets/explorer/tiles.js"),
    include_str!("../../../assets/explorer/marks.js"),
    include_str!("../../../assets/explorer/plane.js"),
    include_str!("../../../assets/explorer/controls.js"),
    include_str!("../../../assets/explorer/drawing.js"),
    include_str!("../../../assets/explorer/explorer.js"),
];
const STYLE: &str = include_str!("../../../assets/explorer/explorer.css");

/// The element to put into a page; `fallback` is HTML.
pub(super) fn fragment(data: &Value, title: &str, fallback: &str) -> String {
    let (style, data, script) = (in_script(&Value::from(STYLE)), in_script(data), SCRIPT.concat());
    // JupyterLab keeps its keyboard shortcuts to itself where an element asks for it.
    format!(
        "<div class=\"vae-explorer\" role=\"group\" aria-label=\"{}\" data-lm-suppress-shortcuts=\"true\">\n{fallback}\n\
         <script type=\"application/json\">{data}</script>\n\
         <script>(() => {{\n\"use strict\";\nconst STYLE = {style};\n{script}\n}})();</script>\n</div>",
        escape(title)
    )
}

/// A whole page with nothing but the explorer.
pub(super) fn document(fragment: &str, title: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n\
         <style>body {{ margin: 0 auto; padding: 12px; max-width: 1000px; }}</style>\n</head>\n<body>\n{fragment}\n</body>\n</html>\n",
        escape(title)
    )
}

/// JSON that ends no script: what HTML reads as markup is written as escapes.
fn in_script(value: &Value) -> String {
    let mut out = String::new();
    for c in value.to_string().chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out += &format!("\\u{:04x}", c as u32),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing in a title, a name or a label is markup, and what a script reads is what was given.
    #[test]
    fn nothing_escapes() {
        let evil = "</script><img src=x onerror=alert(1)>\u{2028}<!--";
        let data = Value::from(evil);
        let html = document(&fragment(&data, evil, ""), evil);
        assert!(!html.contains("<img") && !html.contains("<!--"), "{html}");
        assert_eq!(serde_json::from_str::<Value>(&in_script(&data)).unwrap(), data);
        let between = html.split("<script").count() - 1;
        assert_eq!((between, html.matches("</script>").count()), (2, 2));
    }
}
