//! A tree of stacks as a picture: each function as wide as its share, above its caller. The whole name shows under the pointer.

use super::stacks::Frame;
use crate::serve::svg::escaped;

const WIDTH: f64 = 1_200.0;
const ROW: f64 = 17.0;
const HEAD: f64 = 34.0;
/// Width of a letter, nearly.
const LETTER: f64 = 6.4;
/// Boxes narrower than this are left out: nobody could read or point at them.
const LEAST: f64 = 1.0;

/// Draws the tree.
pub(super) fn flame(title: &str, tree: &Frame) -> String {
    let all = tree.n_samples.max(1);
    let mut boxes = Vec::new();
    place(tree, 0.0, 0, all, &mut boxes);
    let depth = boxes.iter().map(|own| own.depth).max().unwrap_or_default();
    let height = HEAD + ROW * (depth + 1) as f64 + 6.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"monospace\" font-size=\"11\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"8\" y=\"21\" font-family=\"sans-serif\" font-size=\"14\" font-weight=\"bold\">{}</text>\n",
        escaped(title)
    );
    for Box { name, x, width, depth: row, share } in boxes {
        let y = HEAD + ROW * (depth - row) as f64;
        let n_letters = ((width - 4.0) / LETTER) as usize;
        let shown: String = if n_letters < 3 { String::new() } else { name.chars().take(n_letters).collect() };
        out += &format!(
            "<g><title>{} {share:.1} %</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{}\" fill=\"{}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{}</text></g>\n",
            escaped(name),
            (width - 0.5).max(0.5),
            ROW - 1.0,
            colour(name),
            x + 2.0,
            y + 12.0,
            escaped(&shown)
        );
    }
    out + "</svg>\n"
}

struct Box<'a> {
    name: &'a str,
    x: f64,
    width: f64,
    depth: usize,
    share: f64,
}

fn place<'a>(frame: &'a Frame, mut x: f64, depth: usize, all: u64, boxes: &mut Vec<Box<'a>>) {
    for (name, call) in &frame.calls {
        let share = call.n_samples as f64 / all as f64;
        let width = share * WIDTH;
        if width >= LEAST {
            boxes.push(Box { name, x, width, depth, share: share * 100.0 });
            place(call, x, depth + 1, all, boxes);
        }
        x += width;
    }
}

/// Returns a warm colour that a name always has.
fn colour(name: &str) -> String {
    let hash = name.bytes().fold(7_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    format!("rgb({},{},{})", 205 + hash % 50, 90 + (hash >> 8) % 120, 40 + (hash >> 16) % 50)
}

#[cfg(test)]
mod tests {
    use super::super::stacks;
    use super::*;

    #[test]
    fn a_function_is_as_wide_as_its_share_and_lies_on_its_caller() {
        let tree =
            stacks::read("a 1 2: x\n\t 1 inner<u8>+0x1 (b)\n\t 1 outer+0x1 (b)\n\na 1 2: x\n\t 1 outer+0x1 (b)\n");
        let picture = flame("<title>", &tree);
        assert!(picture.contains("&lt;title&gt;") && picture.contains("inner 50.0 %"), "{picture}");
        assert!(picture.contains("outer 100.0 %") && picture.ends_with("</svg>\n"));
    }
}
