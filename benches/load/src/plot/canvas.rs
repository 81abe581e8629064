//! Lines, bars and words at places, as SVG.

use std::fmt::Write;

/// A picture that grows.
#[derive(Debug)]
pub(crate) struct Canvas {
    text: String,
}

impl Canvas {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             font-family=\"sans-serif\" font-size=\"10\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        Self { text }
    }

    pub(crate) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), colour: &str) {
        self.add(format_args!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" \
             stroke=\"{colour}\"/>"
        ));
    }

    pub(crate) fn polyline(&mut self, points: &[(f64, f64)], colour: &str) {
        let mut places = String::new();
        for (x, y) in points {
            write!(places, "{x:.1},{y:.1} ").expect("text can always be written to");
        }
        self.add(format_args!(
            "<polyline points=\"{places}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.3\"/>"
        ));
    }

    /// A bar by its upper left corner and its size.
    pub(crate) fn bar(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), colour: &str) {
        self.add(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             fill=\"{colour}\"/>"
        ));
    }

    /// Words by where their first stands.
    pub(crate) fn text(&mut self, (x, y): (f64, f64), words: &str, colour: &str) {
        let words = words.replace('&', "&amp;").replace('<', "&lt;");
        self.add(format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"{colour}\">{words}</text>"));
    }

    pub(crate) fn finish(mut self) -> String {
        self.text += "</svg>\n";
        self.text
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{element}").expect("text can always be written to");
    }
}

/// Where values stand along one direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    logarithmic: bool,
    values: (f64, f64),
    places: (f64, f64),
}

impl Axis {
    pub(crate) fn linear(values: (f64, f64), places: (f64, f64)) -> Self {
        Self { logarithmic: false, values, places }
    }

    /// Of positive values.
    pub(crate) fn logarithmic((least, most): (f64, f64), places: (f64, f64)) -> Self {
        Self { logarithmic: true, values: (least.ln(), most.ln()), places }
    }

    pub(crate) fn place(&self, value: f64) -> f64 {
        let value = if self.logarithmic { value.ln() } else { value };
        let (first, last) = self.values;
        let share = if last > first { (value - first) / (last - first) } else { 0.5 };
        self.places.0 + share * (self.places.1 - self.places.0)
    }

    /// 1, 2 and 5 of each power of ten within a logarithmic axis, but only the powers if there are
    /// many.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        let (least, most) = self.values;
        let steps: &[f64] = if most - least > 7.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let powers = (-6..=9).map(|power: i32| 10_f64.powi(power));
        powers
            .flat_map(|power| steps.iter().map(move |step| power * step))
            .filter(|tick| (least - 1e-9..=most + 1e-9).contains(&tick.ln()))
            .collect()
    }
}
