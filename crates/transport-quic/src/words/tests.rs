use super::bare;

#[test]
fn a_reason_of_ours_stands_by_itself() {
    let told = "error 46: invalid peer certificate: Other(OtherError(a name (of somebody)))";
    assert_eq!(bare(told), "error 46: invalid peer certificate: a name (of somebody)");
    for other in ["timed out", "invalid peer certificate: UnknownIssuer", "Other(OtherError("] {
        assert_eq!(bare(other), other);
    }
}
