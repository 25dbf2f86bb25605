//! lumivault
fn main() {}
