//! Scans whose visitors may fail.

use backend::{Bounds, Direction, Fault, Part, Step, Table, View};

/// Sees a key and a value.
pub(crate) type Visitor<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<Step, Fault>;

/// As [`View::scan`], but the first fault of the visitor stops the scan and is what it returns.
pub(crate) fn scan(
    view: &dyn View,
    table: Table,
    bounds: Bounds<'_>,
    (direction, part): (Direction, Part),
    visit: Visitor<'_>,
) -> Result<(), Fault> {
    let mut fault = None;
    view.scan(table, bounds, direction, part, &mut |key, value| {
        visit(key, value).unwrap_or_else(|what| {
            fault = Some(what);
            Step::Stop
        })
    })?;
    fault.map_or(Ok(()), Err)
}
