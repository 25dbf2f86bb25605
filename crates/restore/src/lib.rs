//! lumivault-restore
