//! lumivault-testkit
