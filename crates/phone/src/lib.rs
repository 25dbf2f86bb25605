//! lumivault-phone
