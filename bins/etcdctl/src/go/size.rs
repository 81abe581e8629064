//! Sizes of files, as etcd's tables show them.

const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/// At most two significant digits behind which there is one unit of a thousand: `25 kB`, `2.1 GB`.
pub(crate) fn format_size(bytes: u64) -> String {
    if bytes < 10 {
        return format!("{bytes} B");
    }
    let exponent = bytes.ilog10() / 3;
    let scaled = bytes as f64 / 1000_f64.powi(exponent.cast_signed());
    let value = (scaled * 10.0 + 0.5).floor() / 10.0;
    let unit = UNITS[exponent as usize];
    if value < 10.0 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}
