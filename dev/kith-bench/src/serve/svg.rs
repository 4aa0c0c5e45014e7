//! Plots: bars with the spread of the rounds, as SVG that every browser and every forge shows.

use super::report::number;
use super::stats::Summary;

const LABEL_WIDTH: f64 = 190.0;
const BAR_WIDTH: f64 = 420.0;
const NUMBER_WIDTH: f64 = 110.0;
const ROW_HEIGHT: f64 = 26.0;
const HEAD_HEIGHT: f64 = 44.0;

/// Draws one bar for each row: its median, and a line from the least to the greatest round.
pub(crate) fn bars(title: &str, rows: &[(String, Summary)]) -> String {
    let scale = Scale::over(rows.iter().map(|(_, summary)| summary.most));
    let (width, height) = (LABEL_WIDTH + BAR_WIDTH + NUMBER_WIDTH, HEAD_HEIGHT + ROW_HEIGHT * rows.len() as f64 + 8.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"8\" y=\"24\" font-size=\"15\" font-weight=\"bold\" fill=\"#222222\">{}</text>\n",
        escaped(title)
    );
    for (idx, (label, summary)) in rows.iter().enumerate() {
        let top = HEAD_HEIGHT + ROW_HEIGHT * idx as f64;
        let (middle, end) = (top + ROW_HEIGHT / 2.0, scale.x(summary.median));
        let colour = if label.starts_with("kithd") { "#2f6f4f" } else { "#9aa7b0" };
        out += &format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#222222\">{}</text>\n",
            LABEL_WIDTH - 8.0,
            middle + 4.5,
            escaped(label)
        );
        out += &format!(
            "<rect x=\"{LABEL_WIDTH}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\"/>\n",
            top + 4.0,
            end - LABEL_WIDTH,
            ROW_HEIGHT - 8.0
        );
        let (least, most) = (scale.x(summary.least), scale.x(summary.most));
        out += &format!(
            "<path d=\"M{least:.1} {middle:.1}H{most:.1}M{least:.1} {:.1}v8M{most:.1} {:.1}v8\" stroke=\"#222222\" fill=\"none\"/>\n",
            middle - 4.0,
            middle - 4.0
        );
        out += &format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"#222222\">{}</text>\n",
            most.max(end) + 6.0,
            middle + 4.5,
            number(summary.median)
        );
    }
    out + "</svg>\n"
}

/// From values to places on the paper.
struct Scale {
    most: f64,
}

impl Scale {
    fn over(values: impl Iterator<Item = f64>) -> Self {
        Self { most: values.fold(0.0, f64::max) }
    }

    /// All bars begin at zero, or their lengths would lie.
    fn x(&self, value: f64) -> f64 {
        let share = if self.most > 0.0 { (value / self.most).clamp(0.0, 1.0) } else { 0.0 };
        LABEL_WIDTH + share * BAR_WIDTH
    }
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_as_much_is_twice_as_long_and_nothing_is_nothing() {
        let scale = Scale::over([10.0, 40.0].into_iter());
        assert_eq!(scale.x(0.0), LABEL_WIDTH);
        assert_eq!(scale.x(40.0), LABEL_WIDTH + BAR_WIDTH);
        assert_eq!((scale.x(20.0) - LABEL_WIDTH) * 2.0, scale.x(40.0) - LABEL_WIDTH);
        assert_eq!(Scale::over([0.0].into_iter()).x(0.0), LABEL_WIDTH);
    }

    #[test]
    fn names_cannot_break_the_picture() {
        let rows = [("a<b>&\"c\"".to_owned(), Summary { median: 1.0, least: 0.5, most: 2.0 })];
        let svg = bars("<x>", &rows);
        assert!(svg.contains("a&lt;b&gt;&amp;&quot;c&quot;") && svg.contains("&lt;x&gt;"));
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    }
}
